//! Decides which worker runs which task, and how each task ends.
//!
//! A state machine without I/O, clocks or threads. The pool reports what happened
//! ([`Scheduler::handle`], [`submit`](Scheduler::submit), [`cancel`](Scheduler::cancel)), then
//! carries out every [`Action`], and calls again with [`Input::Tick`] when the
//! [next alarm](Scheduler::next_alarm) is due. Times are durations since the pool's start.

mod config;
mod message;
mod task;

pub(crate) use config::{PoolConfig, RestartPolicy};
pub(crate) use message::{
    Action, ClosingMode, DeathCause, EndKind, GiveUpReason, Input, Refused, SchedulerEnd, WorkerId,
};
pub use task::TaskState;
pub(crate) use task::{TaskId, TaskOptions};

use std::collections::VecDeque;
use std::time::Duration;

/// The state machine of a pool.
pub(crate) struct Scheduler {
    config: PoolConfig,
    actions: VecDeque<Action>,
}

impl Scheduler {
    /// A pool that has no workers yet. Its first actions start them.
    pub(crate) fn new(config: PoolConfig) -> Self {
        Self { config, actions: VecDeque::new() }
    }

    /// Adds a task behind all others. Ids rise: the order of ids is the order of submission.
    pub(crate) fn submit(
        &mut self,
        now: Duration,
        task: TaskId,
        options: TaskOptions,
    ) -> Result<(), Refused> {
        let _ = (now, task, options);
        Err(Refused::Closed)
    }

    /// Asks that a task ends. False when it has ended, or is being cancelled already.
    pub(crate) fn cancel(&mut self, now: Duration, task: TaskId) -> bool {
        let _ = (now, task);
        false
    }

    /// Takes in what happened. The actions that follow from it are to be carried out before
    /// the next call.
    pub(crate) fn handle(&mut self, now: Duration, input: Input) {
        let _ = (now, input);
    }

    /// The next thing to do, in order.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Input::Tick`] is due. Changes with every call.
    pub(crate) fn next_alarm(&self) -> Option<Duration> {
        None
    }

    /// The state of a task; none when it has ended.
    pub(crate) fn state(&self, task: TaskId) -> Option<TaskState> {
        let _ = task;
        None
    }
}
