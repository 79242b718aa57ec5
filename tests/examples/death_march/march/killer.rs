//! Kills workers at random instants.

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use homing::jobs::{WorkerPhase, WorkerStats};

/// What the workers that were killed seemed to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kills {
    pub(crate) starting: u64,
    pub(crate) working: u64,
    pub(crate) idle: u64,
}

impl Kills {
    pub(crate) fn total(&self) -> u64 {
        self.starting + self.working + self.idle
    }
}

impl fmt::Display for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { starting, working, idle } = self;
        write!(f, "{} ({starting} starting, {working} with a job, {idle} idle)", self.total())
    }
}

/// A thread that kills, for instants that the foreground does not choose.
pub(crate) struct Killer {
    victims: Sender<(OwnedFd, Duration)>,
    thread: JoinHandle<()>,
    pub(crate) kills: Kills,
}

impl Killer {
    pub(crate) fn start() -> Self {
        let (victims, orders) = mpsc::channel::<(OwnedFd, Duration)>();
        let thread = thread::spawn(move || {
            for (process, after) in orders {
                sleep(after);
                // It may have ended meanwhile.
                let _ = pidfd_send_signal(process, Signal::KILL);
            }
        });
        Self { victims, thread, kills: Kills::default() }
    }

    /// Kills a worker after a time. False when it is gone.
    pub(crate) fn kill(&mut self, worker: &WorkerStats, after: Duration) -> bool {
        let pid = worker.process_id.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let Some(pid) = pid else { return false };
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
        // The number may be another process's by now.
        if parent(&pid.as_raw_nonzero().to_string()) != Some(std::process::id()) {
            return false;
        }
        let kind = match worker.phase {
            WorkerPhase::Starting => &mut self.kills.starting,
            WorkerPhase::Busy => &mut self.kills.working,
            _ => &mut self.kills.idle,
        };
        *kind += 1;
        self.victims.send((process, after)).is_ok()
    }

    pub(crate) fn stop(self) -> Kills {
        drop(self.victims);
        self.thread.join().unwrap();
        self.kills
    }
}

fn parent(process: &str) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// How many children this process has.
pub(crate) fn children() -> usize {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let numbers = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    numbers.filter(|process| parent(process) == Some(std::process::id())).count()
}
