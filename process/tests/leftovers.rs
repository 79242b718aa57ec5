//! Nothing is left of links and workers that are gone. In a binary of its own, as it counts
//! all descriptors, threads and children of the process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use homing_process::{Doorbell, Doorbells, PumpStatus, ReadyPump};

/// Ends when its link does.
struct Waiting(os_pipe::PipeReader, Arc<AtomicBool>);

impl ReadyPump for Waiting {
    fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn pump(&mut self, worker_gone: bool) -> PumpStatus {
        if worker_gone { PumpStatus::Closed } else { PumpStatus::WouldBlock }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
    }
}

struct Silent;

impl homing_core::Pinger for Silent {
    fn ping(&self) {}
}

fn entries(directory: &str) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

/// Descriptors, threads, and children that were not reaped.
fn census() -> (usize, usize, String) {
    let me = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/self/task/{me}/children"));
    (entries("/proc/self/fd"), entries("/proc/self/task"), children.unwrap_or_default())
}

/// Waits until there is what there was. A thread that was joined is listed for a moment more.
fn assert_restored(before: &(usize, usize, String)) {
    let end = Instant::now() + Duration::from_secs(20);
    while census() != *before && Instant::now() < end {
        std::thread::yield_now();
    }
    assert_eq!(census(), *before);
}

fn turn(doorbells: &mut Doorbells, kill: bool) {
    let (reader, writer) = os_pipe::pipe().unwrap();
    let dropped = Arc::new(AtomicBool::new(false));
    let mut command = Command::new("sh");
    command.args(["-c", "read line"]).stdin(Stdio::piped());
    let handles = vec![writer.into()];
    let worker = common::spawn(command, handles).unwrap();
    let doorbell = Doorbell::readable(Waiting(reader, Arc::clone(&dropped)));
    doorbells.add(doorbell, Some(worker.clone()), Arc::new(Silent)).unwrap();
    if kill {
        worker.kill().unwrap();
    }
    drop(worker.take_stdin());
    let end = Instant::now() + Duration::from_secs(20);
    while worker.exit().is_none() || !dropped.load(Ordering::SeqCst) {
        assert!(Instant::now() < end);
        doorbells.wait(Some(Duration::from_secs(1))).unwrap();
    }
}

#[test]
fn no_descriptor_thread_or_child_is_left() {
    let outside = census();
    let mut doorbells = Doorbells::new().unwrap();
    let before = census();
    for index in 0..20 {
        turn(&mut doorbells, index % 2 == 0);
        assert_restored(&before);
    }

    // A command that cannot be started leaves nothing either.
    let (reader, writer) = os_pipe::pipe().unwrap();
    let handles = vec![writer.into()];
    let missing = Command::new("/no/such/program");
    common::spawn(missing, handles).unwrap_err();
    drop(reader);
    assert_restored(&before);

    drop(doorbells);
    assert_restored(&outside);
}
