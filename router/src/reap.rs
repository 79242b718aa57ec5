//! Killing and reaping the worker processes of a router that stops.

use std::fmt;
use std::time::{Duration, Instant};

use homing_process::ChildProcess;

use crate::state::Ended;

/// How long processes that were killed are waited for, all together.
const REAP_DEADLINE: Duration = Duration::from_secs(5);

/// A worker process that could not be killed, or has not ended after it was.
///
/// One that has changed its user cannot be killed, and one that a debugger holds or that is
/// within a call of the system may end late. It is not waited for; should it end before this
/// process, the system reaps it with this process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreaped {
    /// The name that the worker was given.
    pub name: Option<String>,
    /// The process id.
    pub process_id: u32,
    /// Why it could not be killed. `None` when it was, and has not ended in time.
    pub error: Option<String>,
}

impl Unreaped {
    fn new(worker: &ChildProcess, error: Option<String>) -> Self {
        Self { name: worker.name().map(str::to_owned), process_id: worker.id(), error }
    }
}

impl fmt::Display for Unreaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "worker `{name}` (pid {}) ", self.process_id)?,
            None => write!(f, "worker (pid {}) ", self.process_id)?,
        }
        match &self.error {
            Some(error) => write!(f, "could not be killed: {error}"),
            None => f.write_str("was killed, and has not ended yet"),
        }
    }
}

/// Kills all `workers`, does what is to be done `meanwhile`, and then reaps those that it
/// could kill. Returns the others.
pub(crate) fn kill_then_reap(
    workers: Vec<ChildProcess>,
    meanwhile: impl FnOnce(),
) -> Vec<Unreaped> {
    let mut unreaped = Vec::new();
    let mut killed = Vec::new();
    for worker in workers {
        // A forked copy of the foreground leaves the original's workers alone.
        if worker.exit().is_some() || !worker.is_ours() {
            continue;
        }
        match worker.kill() {
            Ok(()) => killed.push(worker),
            Err(error) => unreaped.push(Unreaped::new(&worker, Some(error.to_string()))),
        }
    }
    meanwhile();
    let late = reap(killed, Instant::now() + REAP_DEADLINE);
    unreaped.extend(late.iter().map(|worker| Unreaped::new(worker, None)));
    for worker in &unreaped {
        log::error!(target: "homing::worker", "{worker}");
    }
    unreaped
}

/// Reaps processes that were killed, until the deadline. Returns those that are left.
fn reap(mut workers: Vec<ChildProcess>, deadline: Instant) -> Vec<ChildProcess> {
    workers.retain(|worker| match worker.wait_deadline(deadline) {
        Some(exit) => {
            log::info!(target: "homing::worker", "{worker} has ended ({})", Ended(exit));
            false
        }
        None => true,
    });
    workers
}
