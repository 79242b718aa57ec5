//! Tiles: what a worker computes at once.

use serde::{Deserialize, Serialize};

use crate::view::View;

/// The side of a tile, in pixels.
pub const SIDE: u32 = 64;

/// How exactly a tile is drawn. First roughly, so that all of the picture is there soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Pass {
    /// One colour for eight by eight pixels.
    Rough,
    /// One colour for each pixel.
    Sharp,
    /// The mean of four colours for each pixel.
    Smooth,
}

impl Pass {
    /// How many pixels on a side have one colour.
    pub fn block(self) -> u32 {
        match self {
            Pass::Rough => 8,
            Pass::Sharp | Pass::Smooth => 1,
        }
    }
}

/// Where a tile is, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

/// The number of tiles of a view.
pub fn count(view: &View) -> u32 {
    view.width.div_ceil(SIDE) * view.height.div_ceil(SIDE)
}

/// Where a tile is. `None` for one that the view has not.
pub fn area(view: &View, index: u32) -> Option<Area> {
    if index >= count(view) {
        return None;
    }
    let columns = view.width.div_ceil(SIDE);
    let (left, top) = (index % columns * SIDE, index / columns * SIDE);
    let (width, height) = (SIDE.min(view.width - left), SIDE.min(view.height - top));
    Some(Area { left, top, width, height })
}

impl Area {
    /// How many bytes the colours of such a tile are.
    pub fn bytes(&self, pass: Pass) -> usize {
        let block = pass.block();
        3 * (self.width.div_ceil(block) * self.height.div_ceil(block)) as usize
    }

    /// The square of how far its middle is from there.
    pub fn distance(&self, (x, y): (f64, f64)) -> f64 {
        let middle = |start: u32, side: u32| f64::from(start) + f64::from(side) / 2.0;
        let right = middle(self.left, self.width) - x;
        let down = middle(self.top, self.height) - y;
        right * right + down * down
    }
}
