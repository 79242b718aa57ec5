//! What part of the plane is shown, and what colour its points have.

/// The part of the plane that a picture shows. Copies travel to the workers as text, bit by
/// bit, so that both sides compute the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// The middle of the picture.
    pub centre: (f64, f64),
    /// The distance of two pixels.
    pub step: f64,
    /// The size of the picture in pixels.
    pub size: (u32, u32),
}

/// What is shown at first.
const CENTRE: (f64, f64) = (-0.6, 0.0);
const HEIGHT: f64 = 2.4;

/// Deeper, pixels are closer than numbers can tell.
const FINEST: f64 = 1e-16;

/// The steps after which a point is taken for one that never leaves: at first, and more each
/// time that the view is twice as close.
const STEPS: u32 = 256;
const MORE_STEPS: f64 = 96.0;

impl View {
    /// The whole set.
    pub fn whole(size: (u32, u32)) -> Self {
        Self { centre: CENTRE, step: HEIGHT / f64::from(size.1), size }
    }

    /// The same middle and scale, in another size.
    pub fn resized(self, size: (u32, u32)) -> Self {
        Self { size, ..self }
    }

    /// Moved with the pointer, by so many pixels.
    pub fn panned(self, (right, down): (f64, f64)) -> Self {
        let (x, y) = self.centre;
        Self { centre: (x - right * self.step, y - down * self.step), ..self }
    }

    /// Closer by `factor`, around what is at a place in the picture.
    pub fn zoomed(self, factor: f64, place: (f64, f64)) -> Self {
        let step = (self.step / factor).clamp(FINEST, HEIGHT);
        let (x, y) = self.point(place);
        let (right, down) = self.off_centre(place);
        Self { centre: (x - right * step, y - down * step), step, ..self }
    }

    /// The point at a place in the picture.
    fn point(&self, place: (f64, f64)) -> (f64, f64) {
        let (right, down) = self.off_centre(place);
        (self.centre.0 + right * self.step, self.centre.1 + down * self.step)
    }

    fn off_centre(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (x - f64::from(self.size.0) / 2.0, y - f64::from(self.size.1) / 2.0)
    }

    fn steps(&self) -> u32 {
        let closer = (HEIGHT / f64::from(self.size.1.max(1)) / self.step).log2().max(0.0);
        STEPS + (closer * MORE_STEPS) as u32
    }

    /// The colour of a pixel, as red, green and blue.
    pub fn colour(&self, x: u32, y: u32) -> [u8; 3] {
        let point = self.point((f64::from(x) + 0.5, f64::from(y) + 0.5));
        escape(point, self.steps()).map_or([0, 0, 0], palette)
    }
}

/// After how many steps a point has left, with what makes it smooth; `None` if it stays.
fn escape((x, y): (f64, f64), steps: u32) -> Option<f64> {
    /// Far enough out, the smooth count has no seams.
    const OUTSIDE: f64 = 256.0 * 256.0;
    // Both large bodies stay, and would cost all the steps for each point.
    let (from, y2) = (x - 0.25, y * y);
    let q = from * from + y2;
    if q * (q + from) <= 0.25 * y2 || (x + 1.0) * (x + 1.0) + y2 <= 0.0625 {
        return None;
    }
    let (mut re, mut im) = (0.0, 0.0);
    for step in 0..steps {
        let (re2, im2) = (re * re, im * im);
        if re2 + im2 > OUTSIDE {
            return Some(f64::from(step) + 1.0 - ((re2 + im2).ln() / 2.0).log2());
        }
        (re, im) = (re2 - im2 + x, 2.0 * re * im + y);
    }
    None
}

/// From night over blue and white to gold, and around again.
fn palette(count: f64) -> [u8; 3] {
    const STOPS: [[f64; 3]; 6] = [
        [7.0, 11.0, 40.0],
        [32.0, 82.0, 160.0],
        [132.0, 190.0, 226.0],
        [250.0, 244.0, 226.0],
        [238.0, 168.0, 44.0],
        [106.0, 36.0, 22.0],
    ];
    // Slower the further it goes, so that the rim is no noise.
    let place = (count.max(0.0) + 1.0).ln() * 2.2;
    let (at, mix) = (place.floor(), place.fract());
    let stop = |n: usize| STOPS.get(n % STOPS.len()).copied().unwrap_or_default();
    let (one, two) = (stop(at as usize), stop(at as usize + 1));
    let eased = mix * mix * (3.0 - 2.0 * mix);
    std::array::from_fn(|channel| {
        let ends = one.get(channel).zip(two.get(channel));
        ends.map_or(0, |(one, two)| (one + (two - one) * eased).round() as u8)
    })
}
