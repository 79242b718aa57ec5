//! What can be seen of a pool.

use std::time::Duration;

use super::Scheduler;
use super::message::WorkerId;
use super::task::TaskId;
use super::worker::Phase;

/// What has been counted since the pool's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Workers that were started, or should have been.
    pub(crate) spawned: u64,
    /// Workers that died, or could not be started. Those that were told to end or were killed for
    /// a task are none.
    pub(crate) deaths: u64,
}

/// The pool at one moment.
#[derive(Clone, Debug)]
pub(crate) struct SchedulerStats {
    /// Tasks that no worker has started.
    pub(crate) waiting: usize,
    pub(crate) executing: usize,
    pub(crate) cancelling: usize,
    pub(crate) counts: Counts,
    pub(crate) workers: Vec<WorkerStats>,
}

/// One worker at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkerStats {
    pub(crate) worker: WorkerId,
    pub(crate) phase: WorkerPhase,
    /// The task that it runs.
    pub(crate) task: Option<TaskId>,
    /// Tasks that it holds behind that.
    pub(crate) held: usize,
    /// Since when it runs its task, or is in its phase.
    pub(crate) since: Duration,
    /// Tasks whose end it has reported.
    pub(crate) ended: u32,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkerPhase {
    /// It was started, and is not initialised.
    Starting,
    /// It waits for a job.
    Idle,
    /// It runs a job.
    Busy,
    /// It has been told to end.
    Retiring,
    /// It has been killed, or has said that it cannot be initialised.
    Dying,
}

impl Scheduler {
    pub(crate) fn stats(&self) -> SchedulerStats {
        let mut stats = SchedulerStats {
            waiting: self.tasks.queued(),
            executing: 0,
            cancelling: 0,
            counts: self.counts,
            workers: self.worker_stats().collect(),
        };
        let runs = self.slots.iter().flat_map(|worker| &worker.runs);
        for run in runs.filter(|run| self.tasks.get(run.task).is_some()) {
            match (run.is_cancelled(), run.started) {
                (true, _) => stats.cancelling += 1,
                (false, true) => stats.executing += 1,
                (false, false) => stats.waiting += 1,
            }
        }
        stats
    }

    fn worker_stats(&self) -> impl Iterator<Item = WorkerStats> {
        self.slots.iter().map(|worker| WorkerStats {
            worker: worker.id,
            phase: match worker.phase() {
                Phase::Starting => WorkerPhase::Starting,
                Phase::Ready if worker.runs.is_empty() => WorkerPhase::Idle,
                Phase::Ready => WorkerPhase::Busy,
                Phase::Retiring => WorkerPhase::Retiring,
                Phase::Dying(_) => WorkerPhase::Dying,
            },
            task: worker.runs.front().map(|run| run.task),
            held: worker.runs.len().saturating_sub(1),
            since: worker.since(),
            ended: worker.ended,
        })
    }
}
