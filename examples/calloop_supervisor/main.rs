//! A daemon in the style of a compositor: one thread and one calloop, for signals, timers and
//! worker processes.
//!
//! Each worker reports ten times a second. One that dies is reported and started again,
//! later each time that it dies soon. SIGTERM and SIGINT end the daemon: its workers are told
//! that it stops, and waited for. No thread is started, and nothing of the daemon's state needs
//! a lock.
//!
//! ```text
//! cargo run --release --features calloop --example calloop_supervisor
//! ```
//!
//! Without a person: `--crash 0.5 --for 3`.

#![allow(unreachable_pub, reason = "a program has no other users")]

#[cfg(target_os = "linux")]
mod args;
#[cfg(target_os = "linux")]
mod supervisor;
#[cfg(target_os = "linux")]
mod work;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    use clap::Parser as _;
    use homing::worker::{self, InheritError};

    let result = match worker::link() {
        // This process was started by `Supervisor::spawn`.
        Ok(_) => return work::run(),
        Err(InheritError::NotAWorker) => supervisor::run(&args::Args::parse()),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("calloop_supervisor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("calloop_supervisor: calloop has signals on Linux only");
    ExitCode::FAILURE
}
