//! The colours.

use std::sync::LazyLock;

/// A colour in linear light, from 0 to 1.
pub type Light = [f32; 3];

/// The points of the set.
pub const INSIDE: Light = [0.0005, 0.0005, 0.002];

/// Where the colours go around, as a screen shows them: night, blue, snow, amber, brown.
const STOPS: [(f32, [u8; 3]); 6] = [
    (0.0, [4, 8, 72]),
    (0.16, [24, 96, 196]),
    (0.42, [236, 252, 255]),
    (0.6425, [255, 172, 12]),
    (0.8575, [64, 16, 24]),
    (1.0, [4, 8, 72]),
];

const SHADES: usize = 2048;

static CIRCLE: LazyLock<Vec<Light>> = LazyLock::new(|| (0..SHADES).map(shade).collect());

/// The colour at a place on the circle; 1 is where 0 is.
pub fn light(place: f64) -> Light {
    let place = (place.rem_euclid(1.0) * SHADES as f64) as usize;
    CIRCLE[place.min(SHADES - 1)]
}

fn shade(index: usize) -> Light {
    let place = index as f32 / SHADES as f32;
    let after = STOPS.iter().position(|(stop, _)| *stop > place).unwrap_or(STOPS.len() - 1);
    let ((from, first), (to, second)) = (STOPS[after - 1], STOPS[after]);
    let part = (place - from) / (to - from);
    // Without a corner at the stops.
    let part = part * part * (3.0 - 2.0 * part);
    let mix = |colour: usize| {
        let mixed = f32::from(first[colour]) * (1.0 - part) + f32::from(second[colour]) * part;
        (mixed / 255.0).powf(2.2)
    };
    [mix(0), mix(1), mix(2)]
}

/// As a screen shows it.
pub fn to_bytes(light: Light) -> [u8; 3] {
    light.map(|light| (light.powf(1.0 / 2.2) * 255.0 + 0.5) as u8)
}
