//! The Mandelbrot set in a window, drawn by worker processes.
//!
//! Drag to move, turn the wheel to zoom. Each worker is a process that runs this same
//! program. For each view it has a pipe, on which it is told which tiles to draw, and sends them,
//! over shared memory. Moving the view closes these pipes: workers see it and abandon their
//! tiles, and what still arrives is discarded. K kills a worker, which is reported and replaced;
//! R goes back to where it began; Escape ends it.
//!
//! All of the application's state is on the main thread, and nothing of it needs a lock. The
//! window never waits for a worker.
//!
//! ```text
//! cargo run --release --features winit --example mandelbrot
//! cargo run --release --features winit --example mandelbrot -- --frames 3 --screenshot FILE.png --check
//! ```

#![allow(
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "indices are those of this program's own pixels, tiles and workers"
)]

mod app;
mod args;
mod canvas;
mod events;
mod fractal;
mod palette;
mod picture;
mod pool;
#[cfg(target_os = "linux")]
mod screen;
mod tile;
mod view;
mod window;
mod work;

use std::process::ExitCode;

use clap::Parser as _;
use homing::worker::{self, InheritError};

use crate::args::Args;

fn main() -> ExitCode {
    let result = match worker::link() {
        // This process was started by `Pool::spawn`.
        Ok(link) => return work::run(&link),
        Err(InheritError::NotAWorker) => app::run(Args::parse()),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mandelbrot: {error:#}");
            ExitCode::FAILURE
        }
    }
}
