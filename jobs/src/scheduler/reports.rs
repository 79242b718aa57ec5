//! What workers say about the tasks that they were sent.

use std::time::Duration;

use super::Scheduler;
use super::message::{Action, DeathCause, EndKind, SchedulerEnd, WorkerId};
use super::task::{TaskId, TaskState};
use super::worker::Phase;

impl Scheduler {
    pub(super) fn worker_ready(&mut self, now: Duration, id: WorkerId) {
        if let Some(worker) = self.slots.get_mut(id)
            && worker.phase() == Phase::Starting
        {
            worker.enter(now, Phase::Ready);
            self.restarts.ready();
        }
    }

    pub(super) fn started(&mut self, now: Duration, id: WorkerId, task: TaskId) {
        let Some(worker) = self.slots.get_mut(id) else { return };
        let Some(run) = worker.front_is(task).filter(|run| !run.started) else {
            return self.misbehaved(now, id);
        };
        run.started = true;
        run.heard(now);
        if let Some(entry) = self.tasks.get_mut(task)
            && entry.state == TaskState::Waiting
        {
            entry.state = TaskState::Executing;
            let retried = entry.deaths;
            self.act(Action::Started { task, retried });
        }
    }

    pub(super) fn progress(&mut self, now: Duration, id: WorkerId, task: TaskId) {
        let Some(worker) = self.slots.get_mut(id) else { return };
        let Some(run) = worker.front_is(task) else { return };
        run.heard(now);
        if self.state(task) == Some(TaskState::Executing) {
            self.act(Action::Progress { task });
        }
    }

    pub(super) fn ended(&mut self, now: Duration, id: WorkerId, task: TaskId, how: EndKind) {
        let Some(worker) = self.slots.get_mut(id) else { return };
        if worker.take(now, task).is_none() {
            return;
        }
        worker.ended = worker.ended.saturating_add(1);
        self.restarts.worked();
        self.end(task, SchedulerEnd::Reported(how));
    }

    /// The worker has given back a task that it held and did not start.
    pub(super) fn returned(&mut self, now: Duration, id: WorkerId, task: TaskId) {
        let Some(worker) = self.slots.get_mut(id) else { return };
        if worker.take_back(now, task).is_none() {
            return;
        }
        match self.state(task) {
            Some(TaskState::Cancelling) => self.end(task, SchedulerEnd::Cancelled),
            _ => self.tasks.requeue(task),
        }
    }

    /// The worker says what a worker of ours does not say: its reports cannot be relied on.
    fn misbehaved(&mut self, now: Duration, id: WorkerId) {
        if self.config.can_kill {
            self.kill(now, id, Some(DeathCause::Running));
        }
    }
}
