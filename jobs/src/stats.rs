//! What a pool does at the moment, and what it has done.

use std::time::Duration;

use crate::error::JobError;
use crate::scheduler::WorkerPhase;

/// What a pool does at the moment, and what it has done. See [`Pool::stats`](crate::Pool::stats).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Jobs that no worker has begun to run.
    pub waiting: usize,
    /// Jobs that a worker runs.
    pub executing: usize,
    /// Jobs that were cancelled, and of which a worker has to say that they have ended.
    pub cancelling: usize,
    /// Jobs that have ended, by how.
    pub ends: Ends,
    /// Workers that have been started, the first ones and all that came after them.
    pub started: u64,
    /// Workers that have died, or could not be started. Those that the pool has retired are none,
    /// nor are those that it has killed because a job was cancelled or took longer than its
    /// deadline.
    pub deaths: u64,
    /// The workers.
    pub workers: Vec<WorkerStats>,
}

/// How many jobs have ended, by how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is the number of ends that it is named after")]
pub struct Ends {
    pub completed: u64,
    pub failed: u64,
    pub panicked: u64,
    pub lost: u64,
    pub timed_out: u64,
    pub cancelled: u64,
    /// Also jobs that the worker does not know.
    pub undecodable: u64,
    pub abandoned: u64,
}

impl Ends {
    pub(crate) fn count<V>(&mut self, end: &Result<V, JobError>) {
        let counter = match end {
            Ok(_) => &mut self.completed,
            Err(JobError::Failed { .. }) => &mut self.failed,
            Err(JobError::Panicked(_)) => &mut self.panicked,
            Err(JobError::Lost(_)) => &mut self.lost,
            Err(JobError::TimedOut) => &mut self.timed_out,
            Err(JobError::Cancelled) => &mut self.cancelled,
            Err(JobError::Unknown { .. } | JobError::Undecodable { .. }) => &mut self.undecodable,
            Err(JobError::Abandoned { .. }) => &mut self.abandoned,
        };
        *counter += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { completed, failed, panicked, lost, .. } = self;
        let Self { timed_out, cancelled, undecodable, abandoned, .. } = self;
        completed + failed + panicked + lost + timed_out + cancelled + undecodable + abandoned
    }
}

/// One worker of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// The process id. `None` for a thread.
    pub process_id: Option<u32>,
    /// What it does.
    pub phase: WorkerPhase,
    /// The name of the job that it runs.
    pub job: Option<&'static str>,
    /// How many jobs it holds behind that one.
    pub held: usize,
    /// How long it has been running that job, or has been in its phase.
    pub since: Duration,
    /// How many jobs have ended on it.
    pub ended: u32,
}
