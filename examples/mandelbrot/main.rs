//! The Mandelbrot set in a window, drawn by worker processes.
//!
//! Drag to move, turn the wheel to zoom. Each worker is a process that runs this same program. A
//! tile is a job; moving the view cancels those that are on their way, and workers abandon them.
//! K kills a worker, which is replaced, and its tile is drawn by another; R goes back to where it
//! began; Escape ends it.
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
use homing::jobs::{self, ServeError};
use homing::worker::InheritError;

use crate::args::Args;
use crate::work::Draw;

fn main() -> ExitCode {
    let result = match jobs::worker().job::<Draw>().serve() {
        // This process was started by the pool.
        Ok(()) => return ExitCode::SUCCESS,
        Err(ServeError::Inherit(InheritError::NotAWorker)) => app::run(Args::parse()),
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
