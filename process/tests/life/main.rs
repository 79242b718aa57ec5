//! How worker processes start and end, and that none outlives its foreground, with real processes.
//!
//! The workers, and the foregrounds of their own, are this test binary, started again with a
//! role.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod killing;
mod orphans;
mod outliving;
mod roles;
mod starting;

use std::process::{Command, Stdio};

use homing_process::{ChildProcess, OwnedHandle, SpawnOptions};

/// Ends a test that hangs. Nothing is measured with it.
const HANG: std::time::Duration = std::time::Duration::from_secs(60);

/// Runs what the role says, when this process was started with one.
#[test]
fn role() {
    let Ok(role) = std::env::var(orphans::ROLE) else { return };
    orphans::play(&role, || again(""));
    roles::play(&role);
    // Nothing of the harness is to run after it.
    std::process::exit(0);
}

/// This binary, with a role.
fn again(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "role", "--nocapture", "--test-threads=1"])
        .env(orphans::ROLE, role)
        .stdin(Stdio::null());
    command
}

fn spawn(command: Command, options: &SpawnOptions, handles: Vec<OwnedHandle>) -> ChildProcess {
    ChildProcess::spawn_with(command, options, "test", handles, 77, 9, &common::ticket()).unwrap()
}

/// Starts a worker on a link that is an OS pipe, and gives back what it writes there.
fn hear(command: Command, options: &SpawnOptions) -> (ChildProcess, String) {
    use std::io::Read as _;
    let (mut reader, writer) = os_pipe::pipe().unwrap();
    let worker = spawn(command, options, vec![writer.into()]);
    let mut heard = String::new();
    reader.read_to_string(&mut heard).unwrap();
    (worker, heard)
}

/// Waits for the end of a worker, and says how it ended.
fn end_of(worker: &ChildProcess) -> Option<homing_core::Exit> {
    worker.wait_deadline(std::time::Instant::now() + HANG).unwrap()
}

/// Runs a foreground of its own, which checks what its role says.
fn run_foreground(role: &str) {
    let output = again(role).output().unwrap();
    assert!(output.status.success(), "{role}: {}", String::from_utf8_lossy(&output.stderr));
}
