//! Killing and reaping.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use homing_core::Exit;
use homing_process::SpawnOptions;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{again, end_of, run_foreground, spawn};

#[test]
fn kill_does_nothing_after_the_end() {
    let worker = spawn(again("exits:3"), &SpawnOptions::new(), Vec::new());
    assert_eq!(end_of(&worker), Some(Exit::Code(3)));
    worker.kill().unwrap();
    assert!(worker.end());
    assert_eq!(worker.exit(), Some(Some(Exit::Code(3))));
}

#[test]
fn kill_succeeds_before_the_end_is_known() {
    let worker = spawn(Command::new("true"), &SpawnOptions::new(), Vec::new());
    let pid = Pid::from_raw(worker.id().cast_signed()).unwrap();
    // Ended, and not reaped.
    let options = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
    rustix::process::waitid(rustix::process::WaitId::Pid(pid), options).unwrap();
    worker.kill().unwrap();
    assert_eq!(end_of(&worker), Some(Exit::Code(0)));
}

#[test]
fn many_are_killed_and_then_reaped() {
    let start = |_| {
        let mut sleep = Command::new("sleep");
        sleep.arg("600");
        spawn(sleep, &SpawnOptions::new(), Vec::new())
    };
    let workers: Vec<_> = (0..10).map(start).collect();
    assert!(workers.iter().all(|worker| worker.try_reap().is_none()));
    workers.iter().for_each(|worker| worker.kill().unwrap());
    assert!(workers.iter().all(|worker| end_of(worker) == Some(Exit::Signal(9))));
}

#[test]
fn the_exit_is_known_when_sigchld_is_ignored_or_another_thread_reaps() {
    run_foreground("sigchld-ignored");
    run_foreground("reaped-elsewhere");
}

#[test]
fn a_traced_worker_is_not_waited_for_without_end() {
    run_foreground("traced");
}

#[test]
fn a_worker_that_may_not_be_killed_is_reported() {
    run_foreground("unprivileged");
}

#[test]
fn a_copy_of_the_foreground_leaves_its_workers_alone() {
    run_foreground("forks");
}

#[test]
fn kill_takes_the_children_of_a_worker_with_its_own_group_along() {
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped());
    let worker = spawn(command, &SpawnOptions::new().own_process_group(), Vec::new());
    let mut line = String::new();
    BufReader::new(worker.take_stdout().unwrap()).read_line(&mut line).unwrap();
    let child = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
    let child = pidfd_open(child, PidfdFlags::empty()).unwrap();
    worker.kill().unwrap();
    assert_eq!(end_of(&worker), Some(Exit::Signal(9)));
    let mut entries = [rustix::event::PollFd::new(&child, rustix::event::PollFlags::IN)];
    let timeout = rustix::event::Timespec::try_from(crate::HANG).unwrap();
    assert_eq!(rustix::event::poll(&mut entries, Some(&timeout)).unwrap(), 1);
}

#[test]
fn children_of_a_worker_with_its_own_group_outlive_its_orderly_end() {
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 600 & echo $!"]).stdout(Stdio::piped());
    let worker = spawn(command, &SpawnOptions::new().own_process_group(), Vec::new());
    let mut line = String::new();
    BufReader::new(worker.take_stdout().unwrap()).read_line(&mut line).unwrap();
    let child = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
    assert_eq!(end_of(&worker), Some(Exit::Code(0)));
    // Joins what has watched it.
    drop(worker);
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn the_last_lines_of_standard_error_are_kept() {
    let options = SpawnOptions::new().capture_stderr(3);
    let worker = spawn(again("writes-stderr"), &options, Vec::new());
    assert_eq!(end_of(&worker), Some(Exit::Code(3)));
    assert_eq!(worker.stderr_tail(), ["line 98", "line 99", "last"]);
}
