//! A worker process adopts the handles that it inherited, and no others.
//!
//! The worker is this test binary, started again with a role.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::process::{Command, Stdio};

use homing_core::Exit;
use homing_process::{ChildProcess, InheritError, Inherited, OwnedHandle};

const ROLE: &str = "HOMING_TEST_ROLE";

/// Runs what the role says, when this process is a worker.
#[test]
fn worker() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "writer" => {
            let link = Inherited::take().unwrap();
            assert_eq!((link.transport.as_str(), link.limit, link.depth), ("test", 77, 9));
            assert_eq!(link.ticket, Some(common::ticket().to_string()));
            assert_eq!(Inherited::take().unwrap_err(), InheritError::Taken);
            let [first, second] = <[OwnedHandle; 2]>::try_from(link.handles).unwrap();
            // They are not inherited further.
            let script = format!(": 2>/dev/null >&{}", first.as_raw_fd());
            let further = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
            assert!(!further.unwrap().success());
            std::fs::File::from(first).write_all(b"one").unwrap();
            std::fs::File::from(second).write_all(b"two").unwrap();
        }
        // Its parent has put another file in the place of the handle.
        "deceived" => {
            assert_eq!(Inherited::take().unwrap_err(), InheritError::NoSuchHandle);
            assert_eq!(Inherited::take().unwrap_err(), InheritError::Taken);
        }
        "stranger" => {
            assert_eq!(Inherited::take().unwrap_err(), InheritError::NotAWorker);
        }
        "misled" => {
            assert_eq!(Inherited::take().unwrap_err(), InheritError::NotAWorker);
        }
        other => panic!("no such role: {other}"),
    }
}

/// This binary, as a worker with `role`.
fn again(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "worker"]).env(ROLE, role).stdout(Stdio::null());
    command
}

fn through_shell(role: &str, script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .env(ROLE, role)
        .env("WORKER", std::env::current_exe().unwrap())
        .stdout(Stdio::null());
    command
}

fn spawn(command: Command, handles: Vec<OwnedHandle>) -> ChildProcess {
    common::spawn(command, handles).unwrap()
}

/// Waits for a worker that is expected to end by itself.
fn exit_of(worker: &ChildProcess) -> Option<Exit> {
    struct Silent;
    impl homing_core::Pinger for Silent {
        fn ping(&self) {}
    }
    let mut doorbells = homing_process::Doorbells::new().unwrap();
    let bell = std::sync::Arc::new(Silent);
    doorbells.add(homing_process::Doorbell::default(), Some(worker.clone()), bell).unwrap();
    loop {
        if let Some(exit) = worker.exit() {
            return exit;
        }
        doorbells.wait(None).unwrap();
    }
}

#[test]
fn handles_are_adopted_in_their_order() {
    let (mut first, one) = os_pipe::pipe().unwrap();
    let (mut second, two) = os_pipe::pipe().unwrap();
    let worker = spawn(again("writer"), vec![one.into(), two.into()]);
    // The ends of the pipes come: this process does not hold the writing ends any more.
    let (mut read_first, mut read_second) = (String::new(), String::new());
    first.read_to_string(&mut read_first).unwrap();
    second.read_to_string(&mut read_second).unwrap();
    assert_eq!((read_first.as_str(), read_second.as_str()), ("one", "two"));
    assert_eq!(exit_of(&worker), Some(Exit::Code(0)));
}

#[test]
fn another_file_in_the_place_of_a_handle_is_refused() {
    // Another identity, and numbers of which one is not open and two are never handed over.
    for edit in [
        "s/:[0-9]*;test/:1;test/",
        "s/;[0-9]*:\\([0-9:]*\\);test/;900:\\1;test/",
        "s/;[0-9]*:\\([0-9:]*\\);test/;1:\\1;test/",
        "s/;[0-9]*:\\([0-9:]*\\);test/;-1:\\1;test/",
    ] {
        let (_reader, writer) = os_pipe::pipe().unwrap();
        let script = format!(
            "HOMING_LINK=$(echo \"$HOMING_LINK\" | sed '{edit}'); exec \"$WORKER\" --exact worker"
        );
        let worker = spawn(through_shell("deceived", &script), vec![writer.into()]);
        assert_eq!(exit_of(&worker), Some(Exit::Code(0)), "{edit}");
    }
}

#[test]
fn who_was_not_started_as_a_worker_is_told() {
    let status = again("stranger").env_remove("HOMING_LINK").status().unwrap();
    assert!(status.success());
    let status = again("misled").env("HOMING_LINK", "nonsense").status().unwrap();
    assert!(status.success());
}
