//! Pictures that are kept, and compared.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::canvas::Canvas;
use crate::fractal;
use crate::tile::{self, Pass};
use crate::view::View;

/// Writes a picture as a PNG.
pub fn write(path: &Path, canvas: &Canvas) -> anyhow::Result<()> {
    let view = canvas.view();
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), view.width, view.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    let bytes: Vec<u8> = canvas
        .pixels()
        .iter()
        .flat_map(|pixel| {
            let [_, red, green, blue] = pixel.to_be_bytes();
            [red, green, blue]
        })
        .collect();
    writer.write_image_data(&bytes)?;
    writer.finish().with_context(|| path.display().to_string())
}

/// The picture of a view, as this process computes it: without workers.
pub fn compute(view: &View) -> Canvas {
    let mut canvas = Canvas::new(*view);
    for index in 0..tile::count(view) {
        let colours = tile::area(view, index)
            .and_then(|area| fractal::draw(view, area, Pass::Smooth, || false));
        if let Some(colours) = colours {
            canvas.put(index, Pass::Smooth, &colours);
        }
    }
    canvas
}

/// Whether two pictures are the same, pixel by pixel.
pub fn compare(what: &str, ours: &[u32], right: &Canvas) -> anyhow::Result<()> {
    let width = right.view().width as usize;
    let right = right.pixels();
    ensure!(ours.len() == right.len(), "{what}: {} pixels, not {}", ours.len(), right.len());
    let differ = |index: &usize| ours[*index] != right[*index];
    let wrong = (0..right.len()).filter(differ).count();
    if let Some(first) = (0..right.len()).find(differ) {
        let (x, y) = (first % width, first / width);
        anyhow::bail!(
            "{what}: {wrong} pixels are wrong. The first is at {x}, {y}: {:06x}, not {:06x}",
            ours[first],
            right[first],
        );
    }
    Ok(())
}
