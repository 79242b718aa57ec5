//! Ends that the application asks for: of a task, of all, of the pool.

use std::time::Duration;

use super::Scheduler;
use super::message::{Action, ClosingMode, SchedulerEnd};
use super::task::{TaskId, TaskState};
use super::worker::Phase;

#[derive(Debug)]
pub(super) struct Closing {
    /// When what is left is killed.
    pub(super) until: Option<Duration>,
}

impl Scheduler {
    /// Asks that a task ends. False when it has ended, or is being cancelled or timed out
    /// already.
    pub(crate) fn cancel(&mut self, now: Duration, task: TaskId) -> bool {
        let done = self.cancel_task(now, task);
        self.settle(now);
        done
    }

    fn cancel_task(&mut self, now: Duration, id: TaskId) -> bool {
        let Some(task) = self.tasks.get_mut(id) else { return false };
        let Some(worker) = task.worker else {
            self.end(id, SchedulerEnd::Cancelled);
            return true;
        };
        let Some(worker) = self.slots.get_mut(worker) else { return false };
        let Some(run) = worker.runs.iter_mut().find(|run| run.task == id) else { return false };
        if task.state == TaskState::Cancelling || run.timed_out {
            return false;
        }
        task.state = TaskState::Cancelling;
        run.cancel(now);
        if worker.phase() == Phase::Ready {
            let worker = worker.id;
            self.act(Action::Cancel { worker, task: id });
        }
        true
    }

    pub(super) fn close(&mut self, now: Duration, mode: ClosingMode, grace: Option<Duration>) {
        if self.closed {
            return;
        }
        self.closing = Some(Closing { until: grace.map(|grace| now.saturating_add(grace)) });
        for task in self.tasks.ids() {
            let cancel = match mode {
                ClosingMode::Run => false,
                ClosingMode::Finish => self.state(task) == Some(TaskState::Waiting),
                ClosingMode::Cancel => true,
            };
            if cancel {
                self.cancel_task(now, task);
            }
        }
    }

    /// Kills what is left when the grace is over.
    pub(super) fn close_due(&mut self, now: Duration) {
        let Some(closing) = &mut self.closing else { return };
        if closing.until.take_if(|until| now >= *until).is_none() {
            return;
        }
        for task in self.tasks.ids() {
            self.cancel_task(now, task);
        }
        for id in self.slots.which(|_| true) {
            self.kill(now, id, None);
        }
    }

    /// Everything ends at once. Nothing more is heard of the workers.
    pub(super) fn abort(&mut self) {
        self.closing = Some(Closing { until: None });
        for task in self.tasks.ids() {
            self.end(task, SchedulerEnd::Cancelled);
        }
        for worker in self.slots.which(|_| true) {
            self.slots.remove(worker);
            self.act(Action::Kill { worker });
        }
    }

    /// No worker will be started for the tasks that wait.
    pub(super) fn abandon_queue(&mut self) {
        while let Some(task) = self.tasks.first_queued() {
            self.end(task, SchedulerEnd::Abandoned);
        }
    }

    /// When nothing is left to do, and nothing can be submitted, the workers end.
    pub(super) fn finish(&mut self, now: Duration) {
        let over = self.closing.is_some() || self.gave_up;
        if !over || !self.tasks.is_empty() || self.closed {
            return;
        }
        for id in self.slots.which(|worker| worker.is_idle()) {
            self.retire(now, id);
        }
        for id in self.slots.which(|worker| worker.phase() == Phase::Starting) {
            if self.config.can_kill { self.kill(now, id, None) } else { self.retire(now, id) }
        }
        if self.slots.is_empty() {
            self.closed = true;
            self.act(Action::Closed);
        }
    }
}
