//! Decides which worker runs which task, and how each task ends.
//!
//! A state machine without I/O, clocks or threads. The pool reports what happened
//! ([`Scheduler::handle`], [`submit`](Scheduler::submit), [`cancel`](Scheduler::cancel)), then
//! carries out every [`Action`], and calls again with [`Input::Tick`] when the
//! [next alarm](Scheduler::next_alarm) is due. Times are durations since the pool's start.
//!
//! | file | decides |
//! |---|---|
//! | `reports` | what follows from what a worker says |
//! | `deaths` | what follows from the end of a worker |
//! | `staff` | which task goes to which worker, how many workers there are |
//! | `alarms` | what follows from time |
//! | `closing` | cancelling, closing, aborting |

mod alarms;
mod closing;
mod config;
mod deaths;
mod message;
mod reports;
mod restarts;
mod run;
mod slots;
mod staff;
mod stats;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use config::{PoolConfig, RestartPolicy};
pub(crate) use message::{
    Action, ClosingMode, DeathCause, EndKind, GiveUpReason, Input, Refused, SchedulerEnd, WorkerId,
};
pub use stats::WorkerPhase;
pub use task::TaskState;
pub(crate) use task::{TaskId, TaskOptions};

use std::collections::VecDeque;
use std::time::Duration;

use closing::Closing;
use restarts::Restarts;
use slots::Slots;
use stats::Counts;
use tasks::Tasks;

/// The state machine of a pool.
#[derive(Debug)]
pub(crate) struct Scheduler {
    config: PoolConfig,
    tasks: Tasks,
    slots: Slots,
    restarts: Restarts,
    closing: Option<Closing>,
    gave_up: bool,
    closed: bool,
    counts: Counts,
    actions: VecDeque<Action>,
}

impl Scheduler {
    /// A pool that has no workers yet. The first [`Input::Tick`] starts them.
    pub(crate) fn new(mut config: PoolConfig) -> Self {
        config.max = config.max.max(config.min).max(1);
        // As many again: workers that retire while their successors start.
        let slots = Slots::new(config.max.saturating_mul(2));
        let restarts = Restarts::new(config.restart.clone());
        Self {
            config,
            tasks: Tasks::default(),
            slots,
            restarts,
            closing: None,
            gave_up: false,
            closed: false,
            counts: Counts::default(),
            actions: VecDeque::new(),
        }
    }

    /// Adds a task behind all others. Ids rise: the order of ids is the order of submission.
    ///
    /// # Errors
    ///
    /// The pool is closed or gave up, or as many tasks wait as may.
    pub(crate) fn submit(
        &mut self,
        now: Duration,
        task: TaskId,
        options: TaskOptions,
    ) -> Result<(), Refused> {
        if self.closing.is_some() {
            return Err(Refused::Closed);
        }
        if self.gave_up {
            return Err(Refused::GaveUp);
        }
        if self.config.queue.is_some_and(|bound| self.tasks.queued() >= bound) && !self.has_room() {
            return Err(Refused::QueueFull);
        }
        self.tasks.submit(task, options);
        self.settle(now);
        Ok(())
    }

    /// Takes in what happened. The actions that follow from it are to be carried out before
    /// the next call.
    pub(crate) fn handle(&mut self, now: Duration, input: Input) {
        match input {
            Input::Started { worker, task } => return self.started(now, worker, task),
            Input::Progress { worker, task } => return self.progress(now, worker, task),
            Input::Ended { worker, task, how } => self.ended(now, worker, task, how),
            Input::Returned { worker, task } => self.returned(now, worker, task),
            Input::WorkerReady { worker } => self.worker_ready(now, worker),
            Input::InitFailed { worker } => self.init_failed(now, worker),
            Input::SpawnFailed { worker } => self.spawn_failed(now, worker),
            Input::Leaving { worker } => self.leaving(now, worker),
            Input::WorkerEnded { worker } => self.worker_ended(now, worker),
            Input::OverMemory { worker } => self.kill(now, worker, Some(DeathCause::Memory)),
            Input::Close { mode, grace } => self.close(now, mode, grace),
            Input::Abort => self.abort(),
            Input::Tick => self.tick(now),
        }
        self.settle(now);
    }

    /// The next thing to do, in order.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// How long a worker may take to end that was told to.
    pub(crate) fn retire_grace(&self) -> Duration {
        self.config.retire_grace
    }

    /// The state of a task; none when it has ended.
    pub(crate) fn state(&self, task: TaskId) -> Option<TaskState> {
        self.tasks.get(task).map(|task| task.state)
    }

    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// The task ends, unless it has ended before.
    fn end(&mut self, task: TaskId, end: SchedulerEnd) {
        if self.tasks.remove(task).is_some() {
            self.act(Action::End { task, end });
        }
    }

    /// Draws the consequences of what has changed.
    fn settle(&mut self, now: Duration) {
        if self.gave_up {
            self.abandon_queue();
        }
        self.assign(now);
        self.recall();
        self.grow(now);
        self.shrink(now);
        self.finish(now);
    }
}
