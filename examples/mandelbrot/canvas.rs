//! The picture as far as it is known.

use crate::tile::{self, Area, Pass};
use crate::view::View;
use crate::work::Draw;

/// The pixels of a view, and how exactly each tile of it is drawn.
pub struct Canvas {
    view: View,
    /// Blue, green, red from the lowest byte on, line by line.
    pixels: Vec<u32>,
    drawn: Vec<Option<Pass>>,
    finished: usize,
}

/// Where nothing is known yet.
const EMPTY: u32 = 0x00_0A_0C_14;

impl Canvas {
    pub fn new(view: View) -> Self {
        let pixels = vec![EMPTY; view.width as usize * view.height as usize];
        Self { view, pixels, drawn: vec![None; tile::count(&view) as usize], finished: 0 }
    }

    pub fn view(&self) -> &View {
        &self.view
    }

    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    /// How much of it is finished, from 0 to 1.
    pub fn progress(&self) -> f64 {
        self.finished as f64 / self.drawn.len().max(1) as f64
    }

    pub fn is_finished(&self) -> bool {
        self.finished == self.drawn.len()
    }

    /// The canvas of another view. It shows what was here already, moved and scaled: rough,
    /// but at once.
    pub fn turned_to(&self, view: View) -> Self {
        let mut turned = Self::new(view);
        // One line and one column say where all pixels come from.
        let source = |at: (f64, f64)| self.view.position(view.point(at.0 + 0.5, at.1 + 0.5));
        let inside = |at: f64, side: u32| (at >= 0.0 && at < f64::from(side)).then_some(at as u32);
        let columns: Vec<_> = (0..view.width)
            .map(|x| inside(source((f64::from(x), 0.0)).0, self.view.width))
            .collect();
        let lines: Vec<_> = (0..view.height)
            .map(|y| inside(source((0.0, f64::from(y))).1, self.view.height))
            .collect();
        for (y, line) in lines.iter().enumerate() {
            let Some(line) = line else { continue };
            let from = &self.pixels[*line as usize * self.view.width as usize..];
            let to = &mut turned.pixels[y * view.width as usize..][..view.width as usize];
            for (to, column) in to.iter_mut().zip(&columns) {
                if let Some(column) = column {
                    *to = from[*column as usize];
                }
            }
        }
        // Where all of a tile is shown already, a rough one would be no better.
        let known = |known: &[Option<u32>], start: u32, len: u32| {
            known[start as usize..(start + len) as usize].iter().all(Option::is_some)
        };
        for (index, drawn) in (0..).zip(&mut turned.drawn) {
            let Some(area) = tile::area(&view, index) else { continue };
            if known(&columns, area.left, area.width) && known(&lines, area.top, area.height) {
                *drawn = Some(Pass::Rough);
            }
        }
        turned
    }

    /// What there is to do, the roughest first, and then what is nearest to a position.
    pub fn tiles(&self, nearest: (f64, f64)) -> Vec<Draw> {
        let (view, mut tiles) = (self.view, Vec::new());
        for (index, drawn) in (0..).zip(&self.drawn) {
            let Some(area) = tile::area(&self.view, index) else { continue };
            for pass in [Pass::Rough, Pass::Sharp, Pass::Smooth] {
                if *drawn < Some(pass) {
                    tiles.push((pass, area.distance(nearest), Draw { view, index, pass }));
                }
            }
        }
        tiles.sort_by(|(a, near, _), (b, far, _)| a.cmp(b).then(near.total_cmp(far)));
        tiles.into_iter().map(|(_, _, tile)| tile).collect()
    }

    /// Puts a tile where it belongs, unless a better one is there. A worker is a process of
    /// its own, so it is not taken at its word.
    pub fn put(&mut self, index: u32, pass: Pass, colours: &[u8]) {
        let Some(area) = tile::area(&self.view, index) else { return };
        let drawn = &mut self.drawn[index as usize];
        if colours.len() != area.bytes(pass) || *drawn >= Some(pass) {
            return;
        }
        *drawn = Some(pass);
        if pass == Pass::Smooth {
            self.finished += 1;
        }
        self.fill(area, pass.block(), colours);
    }

    fn fill(&mut self, area: Area, block: u32, colours: &[u8]) {
        let per_line = area.width.div_ceil(block) as usize;
        for y in 0..area.height {
            let start = (area.top + y) as usize * self.view.width as usize + area.left as usize;
            let line = &mut self.pixels[start..start + area.width as usize];
            let colours = &colours[(y / block) as usize * per_line * 3..];
            for (pixels, colour) in line.chunks_mut(block as usize).zip(colours.chunks_exact(3)) {
                let [red, green, blue] = [colour[0], colour[1], colour[2]].map(u32::from);
                pixels.fill(red << 16 | green << 8 | blue);
            }
        }
    }
}
