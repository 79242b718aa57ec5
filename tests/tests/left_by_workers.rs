//! Nothing is left of worker processes, however they end. In a binary of its own, because it
//! counts what the process has.
#![cfg(unix)]

mod rigs;

use homing_conformance::process::{Program, b20_nothing_is_left_of_workers, play};
use homing_conformance::{Pinged, Watched};
use rigs::Pipes;

const PROGRAM: Program = Program::new(concat!(module_path!(), "::worker_program"));

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "what is left is counted in /proc")]
fn nothing_is_left() {
    b20_nothing_is_left_of_workers::<Pipes, Watched>(PROGRAM);
    b20_nothing_is_left_of_workers::<Pipes, Pinged>(PROGRAM);
}

#[test]
fn worker_program() {
    play::<Pipes>();
}
