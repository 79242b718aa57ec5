//! What can be seen of a pool.

use std::time::Duration;

use super::Scheduler;
use super::message::{EndKind, SchedulerEnd, WorkerId};
use super::task::TaskId;
use super::worker::Phase;

/// What has been counted since the pool's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) submitted: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) panicked: u64,
    pub(crate) cancelled: u64,
    /// By a worker that does not know the job, or cannot decode it.
    pub(crate) refused: u64,
    pub(crate) timed_out: u64,
    pub(crate) lost: u64,
    pub(crate) abandoned: u64,
    /// Workers that were started.
    pub(crate) spawned: u64,
    /// Workers that died without having been told to.
    pub(crate) deaths: u64,
}

impl Counts {
    pub(super) fn ended(&mut self, end: SchedulerEnd) {
        let count = match end {
            SchedulerEnd::Reported(EndKind::Completed) => &mut self.completed,
            SchedulerEnd::Reported(EndKind::Failed) => &mut self.failed,
            SchedulerEnd::Reported(EndKind::Panicked) => &mut self.panicked,
            SchedulerEnd::Reported(EndKind::Unknown | EndKind::Undecodable) => &mut self.refused,
            SchedulerEnd::Reported(EndKind::Cancelled) | SchedulerEnd::Cancelled => {
                &mut self.cancelled
            }
            SchedulerEnd::TimedOut => &mut self.timed_out,
            SchedulerEnd::Lost { .. } => &mut self.lost,
            SchedulerEnd::Abandoned => &mut self.abandoned,
        };
        *count += 1;
    }
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
    pub(crate) gave_up: bool,
    pub(crate) closing: bool,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkerPhase {
    Starting,
    Idle,
    Busy,
    /// It has been told to end.
    Retiring,
    /// It has been killed.
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
            gave_up: self.gave_up,
            closing: self.closing.is_some(),
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
