//! A window on the Mandelbrot set. Worker processes draw it, tile by tile, and send the tiles
//! home; they appear as they come.
//!
//! The workers are processes that run this same program. Drag to pan, turn the wheel to zoom:
//! tiles that are on their way are then abandoned, as their pipes are closed. K kills a worker,
//! which is reported and replaced; R goes back to the whole set; Escape ends it. All of the
//! application's state is on the main thread, and the window stays fluid whatever the workers
//! do.
//!
//! ```text
//! cargo run --release --features winit --example mandelbrot
//! ```
//!
//! Without a person: `--frames 3 --screenshot picture.png --check`.

#![allow(unreachable_pub, reason = "a program has no other users")]

mod args;
mod crew;
mod picture;
mod tiles;
mod view;
mod window;
mod work;

use std::process::ExitCode;

use clap::Parser as _;
use homing::worker::{self, InheritError};

use crate::args::Args;

fn main() -> ExitCode {
    let result = match worker::link() {
        // This process was started by `Crew::start` below.
        Ok(link) => work::work(&link),
        Err(InheritError::NotAWorker) => window::run(&Args::parse()),
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
