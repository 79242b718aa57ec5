//! The picture that the window shows.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context as _;

use crate::tiles::{Drawn, Tile};
use crate::view::View;

/// The pixels of the window: red, green and blue in the lower three bytes of each.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    size: (u32, u32),
    pixels: Vec<u32>,
}

impl Picture {
    pub fn new(size: (u32, u32)) -> Self {
        Self { size, pixels: vec![0; size.0 as usize * size.1 as usize] }
    }

    /// Computes a whole picture in this process.
    pub fn of(view: &View) -> Self {
        let mut picture = Self::new(view.size);
        for tile in Tile::all(view.size, (0.0, 0.0)) {
            picture.put(&Drawn { tile, pixels: tile.draw(view) });
        }
        picture
    }

    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    /// Puts a tile in its place. What is outside of the picture is left out.
    pub fn put(&mut self, Drawn { tile, pixels }: &Drawn) {
        let (colours, _) = pixels.as_chunks::<3>();
        let rows = colours.chunks(tile.width.max(1) as usize).zip(tile.y..);
        for (row, y) in rows.take(tile.height as usize) {
            for (&[red, green, blue], x) in row.iter().zip(tile.x..) {
                if let Some(pixel) = self.pixel(x, y) {
                    *pixel = u32::from_be_bytes([0, red, green, blue]);
                }
            }
        }
    }

    fn pixel(&mut self, x: u32, y: u32) -> Option<&mut u32> {
        let (width, height) = self.size;
        let inside = x < width && y < height;
        let at = y as usize * width as usize + x as usize;
        if inside { self.pixels.get_mut(at) } else { None }
    }

    /// What is known of another view by this picture of a view: a preview until its tiles
    /// come.
    pub fn preview(&self, of: &View, new: &View) -> Self {
        let mut preview = Self::new(new.size);
        let scale = new.step / of.step;
        let along = |size: u32, old: u32, from: f64, to: f64| -> Vec<Option<usize>> {
            let shift = (to - from) / of.step + f64::from(old) / 2.0;
            (0..size)
                .map(|at| (f64::from(at) + 0.5 - f64::from(size) / 2.0) * scale + shift)
                .map(|at| (at >= 0.0 && at < f64::from(old)).then_some(at as usize))
                .collect()
        };
        let columns = along(new.size.0, self.size.0, of.centre.0, new.centre.0);
        let rows = along(new.size.1, self.size.1, of.centre.1, new.centre.1);
        let width = self.size.0 as usize;
        let lines = preview.pixels.chunks_mut(new.size.0.max(1) as usize);
        for (line, row) in lines.zip(rows).filter_map(|(line, row)| Some((line, row?))) {
            for (pixel, column) in line.iter_mut().zip(&columns) {
                if let Some(known) = column.and_then(|column| self.pixels.get(row * width + column))
                {
                    *pixel = *known;
                }
            }
        }
        preview
    }

    /// Writes a PNG.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let save = || -> anyhow::Result<()> {
            let file = BufWriter::new(File::create(path)?);
            let mut encoder = png::Encoder::new(file, self.size.0, self.size.1);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            let bytes: Vec<u8> = self
                .pixels
                .iter()
                .flat_map(|pixel| {
                    let [_, red, green, blue] = pixel.to_be_bytes();
                    [red, green, blue]
                })
                .collect();
            let mut writer = encoder.write_header()?;
            writer.write_image_data(&bytes)?;
            Ok(writer.finish()?)
        };
        save().with_context(|| path.display().to_string())
    }

    /// How many pixels are not the same.
    pub fn differences(&self, other: &Self) -> usize {
        if self.size != other.size {
            return self.pixels.len().max(other.pixels.len());
        }
        self.pixels.iter().zip(&other.pixels).filter(|(one, two)| one != two).count()
    }
}
