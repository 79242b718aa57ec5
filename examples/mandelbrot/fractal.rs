//! The set itself.

use crate::palette::{self, Light};
use crate::tile::{Area, Pass};
use crate::view::View;

/// A point so far away never comes back. Farther than need be: then the colours have no steps.
const AWAY: f64 = 65_536.0;

/// The colours of a tile, line by line. `None` if it was abandoned, which is asked before each
/// line.
pub fn draw(
    view: &View,
    area: Area,
    pass: Pass,
    mut abandoned: impl FnMut() -> bool,
) -> Option<Vec<u8>> {
    let limit = view.limit();
    let block = pass.block();
    let mut colours = Vec::with_capacity(area.bytes(pass));
    for y in (0..area.height).step_by(block as usize) {
        if abandoned() {
            return None;
        }
        for x in (0..area.width).step_by(block as usize) {
            let middle = f64::from(block) / 2.0;
            let x = f64::from(area.left + x) + middle;
            let y = f64::from(area.top + y) + middle;
            let at = |right: f64, down: f64| colour(view.point(x + right, y + down), limit);
            let light = match pass {
                Pass::Rough | Pass::Sharp => at(0.0, 0.0),
                Pass::Smooth => {
                    mean([at(-0.25, -0.25), at(0.25, -0.25), at(-0.25, 0.25), at(0.25, 0.25)])
                }
            };
            colours.extend(palette::to_bytes(light));
        }
    }
    Some(colours)
}

fn mean(lights: [Light; 4]) -> Light {
    std::array::from_fn(|colour| lights.iter().map(|light| light[colour]).sum::<f32>() / 4.0)
}

fn colour(point: (f64, f64), limit: u32) -> Light {
    match steps(point, limit) {
        // The farther out, the faster the colours change.
        Some(steps) => palette::light(((steps + 1.0).log2() * 0.27 - 0.52).max(0.0)),
        None => palette::INSIDE,
    }
}

/// After how many steps a point goes away, and what is left of the last one. `None` when it
/// does not.
fn steps((x, y): (f64, f64), limit: u32) -> Option<f64> {
    if never_goes(x, y) {
        return None;
    }
    let (mut a, mut b) = (0.0, 0.0);
    for step in 0..limit {
        let (a2, b2) = (a * a, b * b);
        let far: f64 = a2 + b2;
        if far > AWAY {
            return Some((f64::from(step) + 1.0 - (far.log2() / 2.0).log2()).max(0.0));
        }
        b = 2.0 * a * b + y;
        a = a2 - b2 + x;
    }
    None
}

/// The two largest parts of the set are known.
fn never_goes(x: f64, y: f64) -> bool {
    let left = x - 0.25;
    let q = left * left + y * y;
    q * (q + left) <= 0.25 * y * y || (x + 1.0) * (x + 1.0) + y * y <= 0.0625
}
