//! The death march: many jobs on few workers, of which many are killed at random instants.
//!
//! ```text
//! cargo run --release -p homing-conformance --example death_march -- --jobs 100000 --kills 10000
//! ```
//!
//! Jobs complete, fail, panic, end their worker, stall, heed no cancel, exceed their deadline; the
//! foreground cancels some, is slow at times, and has the workers killed while they run jobs, send,
//! start, are initialised or are idle. A ledger holds that each job ends exactly once, as it can
//! end, after its last progress; at last no worker is left. The seed decides what each job does and
//! after which end which worker is killed; the instants are the machine's.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a program that checks")]

mod march;

use std::process::ExitCode;

use clap::Parser;
use homing::jobs::ServeError;
use homing::worker::InheritError;

use march::{Orders, Transport};

#[derive(Parser)]
struct Args {
    /// How many jobs.
    #[arg(long, default_value_t = 10_000)]
    jobs: u64,
    /// How many workers are killed.
    #[arg(long, default_value_t = 1_000)]
    kills: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many workers the pools have.
    #[arg(long, default_value_t = 4)]
    workers: usize,
    /// Of worker processes; or threads, which nothing kills.
    #[arg(long, value_enum, default_value_t = Transport::Pipe)]
    transport: Transport,
}

fn main() -> ExitCode {
    match march::worker().serve() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(ServeError::Inherit(InheritError::NotAWorker)) => {}
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    let Args { jobs, kills, seed, workers, transport } = Args::parse();
    println!("{jobs} jobs, {kills} kills, {workers} workers, {transport:?}, seed {seed}");
    let report = march::march(&Orders { jobs, kills, seed, workers, transport });
    println!("{report}");
    ExitCode::SUCCESS
}
