//! What a worker process does.

use std::process::ExitCode;

use anyhow::Context as _;
use homing::{Ticket, worker};
use serde::{Deserialize, Serialize};

use crate::fractal;
use crate::tile::{self, Job, Tile};
use crate::view::View;

/// What a worker is told on its first pipe: which view to draw next. Its tiles are ordered and
/// sent on a pipe of their own, which is closed when another view is looked at.
#[derive(Serialize, Deserialize)]
pub struct Turn {
    pub view: View,
    pub ticket: Ticket<Tile, Job>,
}

/// The main function of a worker process. It ends with the foreground.
pub fn run(link: &worker::WorkerLink) -> ExitCode {
    worker::run_duplex(
        |turns: &mut worker::Receiver<Turn>, _: &mut worker::Sender<()>| -> anyhow::Result<()> {
            turns.iter().try_for_each(|turn| draw_tiles(link, turn))
        },
    )
}

/// Draws tiles of one view, until its pipe is closed.
fn draw_tiles(link: &worker::WorkerLink, Turn { view, ticket }: Turn) -> anyhow::Result<()> {
    let (mut jobs, mut tiles) = link.duplex(ticket)?;
    tiles.start()?;
    while let Ok(Job { index, pass }) = jobs.recv() {
        let area = tile::area(&view, index).context("no such tile")?;
        let drawn = fractal::draw(&view, area, pass, || tiles.is_closed());
        // Otherwise it was closed meanwhile, as the next `recv` finds.
        if let Some(colours) = drawn {
            let _ = tiles.send(Tile { index, pass, colours });
        }
    }
    Ok(())
}
