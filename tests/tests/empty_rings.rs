//! B18: a worker process that rings a doorbell of its shared memory for ever, and neither writes nor
//! takes anything.
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

/// Which of a worker's handles are sockets: that of the way there, and that of the way back.
const SOCKETS: [usize; 2] = [1, 3];

fn command(socket: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["worker_program", "--exact", "--nocapture"])
        .env(WORKER, socket.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[test]
fn a_doorbell_that_rings_without_data_ends_its_link() {
    for socket in SOCKETS {
        ends_its_link(Foreground::<Watched>::started(), socket);
        ends_its_link(Foreground::<Pinged>::started(), socket);
    }
}

fn ends_its_link<H: EventLoopRig>(mut foreground: Foreground<H>, socket: usize) {
    let spawn = foreground.router.spawn(Shm::new(), command(socket));
    let (worker, _) = spawn.pipe(|app: &mut App, event: Event<u64>| app.record(0, &event)).unwrap();
    assert_eq!(foreground.end_of(0), End::Refused(ProtocolError::EmptyRings));
    foreground.until("the worker's exit", |_| worker.exit().is_some());
    assert_eq!(foreground.router.counters().refused_links, 1);
}

#[test]
fn worker_program() {
    let Ok(socket) = std::env::var(WORKER) else { return };
    // The others stay open: their end would be the link's.
    let mut handles = Inherited::take().unwrap().handles;
    let mut socket: File = handles.remove(socket.parse().unwrap()).into();
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
