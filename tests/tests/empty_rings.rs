//! B18: a worker process that rings the doorbell of its shared memory for ever, and writes nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};

use homing::shm::Shm;
use homing_conformance::foreground::{App, Foreground};
use homing_conformance::{EventLoopRig, Pinged, Watched};
use homing_core::{End, Event, ProtocolError};
use homing_process::Inherited;

/// Says to a process of this program that it is the worker.
const WORKER: &str = "HOMING_TEST_EMPTY_RINGS";

fn command() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["worker_program", "--exact", "--nocapture"])
        .env(WORKER, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[test]
fn a_doorbell_that_rings_without_data_ends_its_link() {
    ends_its_link(Foreground::<Watched>::started());
    ends_its_link(Foreground::<Pinged>::started());
}

fn ends_its_link<H: EventLoopRig>(mut foreground: Foreground<H>) {
    let spawn = foreground.router.spawn(Shm::new(), command());
    let (worker, _) = spawn.pipe(|app: &mut App, event: Event<u64>| app.record(0, &event)).unwrap();
    assert_eq!(foreground.end_of(0), End::Refused(ProtocolError::EmptyRings));
    foreground.until("the worker's exit", |_| worker.exit().is_some());
    assert_eq!(foreground.router.counters().refused_links, 1);
}

#[test]
fn worker_program() {
    if std::env::var_os(WORKER).is_none() {
        return;
    }
    // The memory, and the socket that rings.
    let mut socket: File = Inherited::take().unwrap().handles.pop().unwrap().into();
    loop {
        match socket.write(&[0; 64]) {
            Ok(_) => {}
            // There are as many as there can be.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                std::thread::yield_now();
            }
            // The foreground has closed its end.
            Err(_) => std::process::exit(0),
        }
    }
}
