//! What the end of a worker costs.

use std::time::Duration;

use super::Scheduler;
use super::message::{Action, DeathCause, GiveUpReason, SchedulerEnd, WorkerId};
use super::run::Run;
use super::task::TaskState;
use super::worker::{Phase, Worker};

impl Scheduler {
    /// Has a worker killed. Its end, which counts as a death for this cause, is waited for:
    /// what it had reported before is still read.
    pub(super) fn kill(&mut self, now: Duration, id: WorkerId, cause: Option<DeathCause>) {
        let can_kill = self.config.can_kill;
        let Some(worker) = self.slots.get_mut(id) else { return };
        if matches!(worker.phase(), Phase::Dying(_)) {
            return;
        }
        worker.enter(now, Phase::Dying(cause));
        self.act(Action::Kill { worker: id });
        if !can_kill {
            self.worker_ended(now, id);
        }
    }

    pub(super) fn spawn_failed(&mut self, now: Duration, id: WorkerId) {
        if let Some(worker) = self.slots.get_mut(id) {
            worker.enter(now, Phase::Dying(Some(DeathCause::Spawn)));
            self.worker_ended(now, id);
        }
    }

    pub(super) fn init_failed(&mut self, now: Duration, id: WorkerId) {
        if let Some(worker) = self.slots.get_mut(id)
            && worker.phase() == Phase::Starting
        {
            worker.enter(now, Phase::Dying(Some(DeathCause::Initialiser)));
        }
    }

    pub(super) fn leaving(&mut self, now: Duration, id: WorkerId) {
        if let Some(worker) = self.slots.get_mut(id)
            && matches!(worker.phase(), Phase::Starting | Phase::Ready)
        {
            worker.enter(now, Phase::Retiring);
        }
    }

    /// The worker's end is not waited for any longer.
    pub(super) fn forget(&mut self, now: Duration, id: WorkerId) {
        if self.config.can_kill {
            // One that said that it would end by itself has not been killed before.
            self.act(Action::Kill { worker: id });
        }
        self.act(Action::Forget { worker: id });
        self.worker_ended(now, id);
    }

    pub(super) fn worker_ended(&mut self, now: Duration, id: WorkerId) {
        let Some(mut worker) = self.slots.remove(id) else { return };
        if let Some(cause) = worker.cause_of_death() {
            self.count_death(now, &worker, cause);
        }
        for run in std::mem::take(&mut worker.runs) {
            self.bereave(id, &run);
        }
    }

    fn count_death(&mut self, now: Duration, worker: &Worker, cause: DeathCause) {
        self.counts.deaths += 1;
        let Err(too_many) = self.restarts.died(now, worker.reached()) else { return };
        if self.gave_up || self.closing.as_ref().is_some_and(|_| self.tasks.is_empty()) {
            return;
        }
        self.gave_up = true;
        let (deaths, within) = (too_many.deaths, too_many.within);
        let reason = GiveUpReason { deaths, within, last: worker.id, cause };
        self.act(Action::GaveUp { reason });
    }

    /// Settles what becomes of a task whose worker is gone.
    fn bereave(&mut self, worker: WorkerId, run: &Run) {
        let (id, can_resend) = (run.task, self.config.can_resend);
        let Some(task) = self.tasks.get_mut(id) else { return };
        if task.state == TaskState::Cancelling {
            return self.end(id, SchedulerEnd::Cancelled);
        }
        if run.timed_out {
            return self.end(id, SchedulerEnd::TimedOut);
        }
        if run.started {
            task.deaths = task.deaths.saturating_add(1);
        }
        let deaths = task.deaths;
        if !can_resend || deaths >= task.options.tries.get() {
            return self.end(id, SchedulerEnd::Lost { worker, deaths });
        }
        self.tasks.requeue(id);
        if run.started {
            self.act(Action::Retry { task: id, deaths });
        }
    }
}
