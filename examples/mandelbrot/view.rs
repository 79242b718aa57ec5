//! What part of the plane is looked at.

use serde::{Deserialize, Serialize};

/// Where it begins: the whole set, and some room around it.
const HOME: (f64, f64) = (-0.65, 0.0);
const HOME_HEIGHT: f64 = 2.5;

/// Nearer than that, neighbouring pixels are the same number.
const NEAREST: f64 = 1e-15;
const FARTHEST: f64 = 0.1;

/// A part of the plane, in pixels. Two processes that have the same view compute the same
/// colours, bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// The point in the middle.
    x: f64,
    y: f64,
    /// From one pixel to the next.
    step: f64,
    pub width: u32,
    pub height: u32,
}

impl View {
    /// The whole set.
    pub fn home(width: u32, height: u32) -> Self {
        let step = HOME_HEIGHT / f64::from(height.min(width).max(1));
        Self { x: HOME.0, y: HOME.1, step, width, height }
    }

    /// The point under a position, in pixels from the top left corner.
    pub fn point(&self, x: f64, y: f64) -> (f64, f64) {
        let from_middle = |at: f64, side: u32| (at - f64::from(side) / 2.0) * self.step;
        (self.x + from_middle(x, self.width), self.y + from_middle(y, self.height))
    }

    /// The position at which a point is, in pixels from the top left corner.
    pub fn position(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let to_corner = |at: f64, side: u32| at / self.step + f64::from(side) / 2.0;
        (to_corner(x - self.x, self.width), to_corner(y - self.y, self.height))
    }

    /// How many times nearer it is than at home.
    pub fn zoom(&self) -> f64 {
        Self::home(self.width, self.height).step / self.step
    }

    /// After so many steps a point is taken for one of the set.
    pub fn limit(&self) -> u32 {
        let doublings = self.zoom().max(1.0).log2();
        256 + (doublings * 96.0) as u32
    }

    /// Moves the picture by so many pixels.
    pub fn moved(mut self, right: f64, down: f64) -> Self {
        self.x = (self.x - right * self.step).clamp(-4.0, 4.0);
        self.y = (self.y - down * self.step).clamp(-4.0, 4.0);
        self
    }

    /// Goes nearer by a factor. What is at this position stays there.
    pub fn zoomed(mut self, factor: f64, (x, y): (f64, f64)) -> Self {
        let (fixed_x, fixed_y) = self.point(x, y);
        self.step = (self.step / factor).clamp(NEAREST, FARTHEST);
        let (now_x, now_y) = self.point(x, y);
        self.x += fixed_x - now_x;
        self.y += fixed_y - now_y;
        self
    }

    /// The same middle and scale, in another size.
    pub fn resized(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// Where the unattended demonstration zooms to.
    pub fn nearer(mut self) -> Self {
        (self.x, self.y) = (-0.743_643_887_037_151, 0.131_825_904_205_330);
        self.step = (self.step / 3.0).max(NEAREST);
        self
    }
}
