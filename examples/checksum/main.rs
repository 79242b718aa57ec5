//! Digests every file under the given paths (SHA-256) with a pool of workers, and prints
//! what `sha256sum` prints.
//!
//! The workers are processes that run this same program; each file is a job, of which a pool gives
//! one after another to each worker. A worker that dies is replaced, and its file is digested by
//! another one. All of the application's state is on the main thread, and nothing of it needs a
//! lock.
//!
//! ```text
//! cargo run --release --example checksum -- PATH…
//! ```

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    unreachable_pub,
    reason = "indices are those of this program's own files and workers"
)]

mod args;
mod chaos;
mod files;
mod pool;
mod progress;
mod work;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::Context as _;
use clap::Parser as _;
use homing::jobs::{self, ServeError};
use homing::worker::InheritError;

use crate::args::Args;
use crate::files::Files;
use crate::work::Digest;

fn main() -> ExitCode {
    let result = match jobs::worker().job::<Digest>().serve() {
        // This process was started by the pool.
        Ok(()) => return ExitCode::SUCCESS,
        Err(ServeError::Inherit(InheritError::NotAWorker)) => digest(&Args::parse()),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("checksum: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every file could be digested.
fn digest(args: &Args) -> anyhow::Result<bool> {
    let (files, unfound) = Files::under(args.paths());
    let files = Rc::new(files);
    let outcomes = pool::run(args, Rc::clone(&files))?;

    let mut complaints = unfound;
    let mut out = BufWriter::new(io::stdout().lock());
    for (path, outcome) in files.iter().zip(outcomes) {
        match outcome {
            Ok(digest) => match files::write_line(&mut out, &digest, path) {
                // The reader of our output has closed it: it has seen enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
                result => result.context("standard output")?,
            },
            Err(why) => complaints.push(format!("{}: {why}", path.display())),
        }
    }
    match out.flush() {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
        result => result.context("standard output")?,
    }
    for complaint in &complaints {
        eprintln!("checksum: {complaint}");
    }
    Ok(complaints.is_empty())
}
