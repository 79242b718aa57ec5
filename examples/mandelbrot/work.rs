//! What a worker process does.

use anyhow::Context as _;
use homing::jobs::{Cancelled, Context, Job};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::fractal;
use crate::tile::{self, Pass};
use crate::view::View;

/// One tile of a view to draw.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Draw {
    pub view: View,
    pub index: u32,
    pub pass: Pass,
}

impl Job for Draw {
    /// Red, green and blue of each block, line by line.
    type Output = ByteBuf;
    type Progress = ();
    type Error = anyhow::Error;

    const NAME: &'static str = "draw";

    fn run(self, cx: &mut Context<'_, Self>) -> anyhow::Result<ByteBuf> {
        let area = tile::area(&self.view, self.index).context("no such tile")?;
        let colours = fractal::draw(&self.view, area, self.pass, || cx.is_cancelled());
        Ok(ByteBuf::from(colours.ok_or(Cancelled)?))
    }
}
