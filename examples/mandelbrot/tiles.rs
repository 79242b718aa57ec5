//! What a picture is cut into.

use std::io::{self, Write};

use homing::Ticket;
use serde::{Deserialize, Serialize};

use crate::view::View;

/// The width and height of a tile, but for those at the edges.
const SIDE: u32 = 64;

/// A part of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tile {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl Tile {
    /// All tiles of a picture, those around `focus` first.
    pub fn all((width, height): (u32, u32), focus: (f64, f64)) -> Vec<Self> {
        let mut tiles = Vec::new();
        for y in (0..height).step_by(SIDE as usize) {
            for x in (0..width).step_by(SIDE as usize) {
                tiles.push(Self { x, y, width: SIDE.min(width - x), height: SIDE.min(height - y) });
            }
        }
        tiles.sort_by(|one, two| one.distance(focus).total_cmp(&two.distance(focus)));
        tiles
    }

    fn distance(&self, (x, y): (f64, f64)) -> f64 {
        let middle = f64::from(SIDE) / 2.0;
        (f64::from(self.x) + middle - x).hypot(f64::from(self.y) + middle - y)
    }

    /// The colours of its pixels, row by row: red, green, blue.
    pub fn draw(&self, view: &View) -> Vec<u8> {
        let mut pixels = Vec::with_capacity((self.width * self.height * 3) as usize);
        for y in self.y..self.y + self.height {
            for x in self.x..self.x + self.width {
                pixels.extend(view.colour(x, y));
            }
        }
        pixels
    }
}

/// A tile that was drawn.
#[derive(Serialize, Deserialize)]
pub struct Drawn {
    pub tile: Tile,
    #[serde(with = "serde_bytes")]
    pub pixels: Vec<u8>,
}

/// An order for a worker: a tile of a view, and where to send it.
pub struct Job {
    pub ticket: String,
    pub view: View,
    pub tile: Tile,
}

impl Job {
    pub fn new(ticket: &Ticket<Drawn>, view: View, tile: Tile) -> Self {
        Self { ticket: ticket.to_string(), view, tile }
    }

    /// Writes the job as a line.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { ticket, view, tile } = self;
        let (x, y, step) = (view.centre.0.to_bits(), view.centre.1.to_bits(), view.step.to_bits());
        let Tile { x: left, y: top, width, height } = tile;
        let (across, down) = view.size;
        // At once: a line must not be torn by the worker's death and another's birth.
        let line =
            format!("{ticket} {x} {y} {step} {across} {down} {left} {top} {width} {height}\n");
        out.write_all(line.as_bytes())
    }

    /// Reads what [`write`](Job::write) has written.
    pub fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let ticket = words.next()?.to_string();
        let mut number = || words.next()?.parse::<u64>().ok();
        let centre = (f64::from_bits(number()?), f64::from_bits(number()?));
        let step = f64::from_bits(number()?);
        let mut pixels = || u32::try_from(number()?).ok();
        let view = View { centre, step, size: (pixels()?, pixels()?) };
        let tile = Tile { x: pixels()?, y: pixels()?, width: pixels()?, height: pixels()? };
        Some(Self { ticket, view, tile })
    }
}
