//! Workers end with their foreground.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::orphans::{self, KINDS};
use crate::{HANG, again};

fn foreground(own_session: bool) -> Command {
    let mut command = again("");
    if own_session {
        // SAFETY: setsid is async-signal-safe.
        unsafe { command.pre_exec(|| Ok(rustix::process::setsid().map(drop)?)) };
    }
    command
}

fn no_worker_is_left(own_session: bool, forks: bool) {
    for kind in KINDS {
        let family = orphans::start(foreground(own_session), kind, forks);
        assert_eq!(family.kill(HANG), 0, "{kind}");
    }
}

#[test]
fn workers_end_with_a_foreground_that_is_killed() {
    no_worker_is_left(false, false);
}

/// As a service is: the system does not send SIGHUP to stopped processes there.
#[test]
fn workers_end_with_a_foreground_that_leads_a_session() {
    no_worker_is_left(true, false);
}

#[test]
fn workers_end_with_a_foreground_that_has_forked() {
    no_worker_is_left(true, true);
}

/// Also shows that the other tests here would see a worker that stays.
#[test]
fn a_worker_that_is_to_run_on_does() {
    let family = orphans::start(foreground(false), "kept", false);
    assert_eq!(family.kill(std::time::Duration::from_millis(300)), 1);
}
