//! Which task goes to which worker, and how many workers there are.

use std::time::Duration;

use super::Scheduler;
use super::message::{Action, WorkerId};
use super::run::Run;
use super::worker::{Phase, Worker};

impl Scheduler {
    /// Whether a task that is submitted now is sent to a worker at once.
    pub(super) fn has_room(&self) -> bool {
        self.tasks.queued() == 0 && self.next_worker().is_some()
    }

    /// Sends tasks to workers that can take them.
    pub(super) fn assign(&mut self, now: Duration) {
        while self.tasks.queued() > 0
            && let Some(id) = self.next_worker()
            && let Some((task, options)) = self.tasks.assign(id)
        {
            if let Some(worker) = self.slots.get_mut(id) {
                worker.push(now, Run::new(task, options));
            }
            self.act(Action::Send { worker: id, task });
        }
    }

    /// The worker that takes the next task: one that is free, or one that may hold another.
    fn next_worker(&self) -> Option<WorkerId> {
        let free =
            || self.slots.iter().find(|worker| worker.is_idle() && worker.serves(&self.config));
        let busy = self.slots.iter().filter(|worker| !worker.runs.is_empty()).count();
        let free = if busy < self.config.max { free() } else { None };
        free.or_else(|| self.next_holder(busy)).map(|worker| worker.id)
    }

    /// The worker that may hold one more task behind the one that it runs. While few tasks wait
    /// none is held: the first worker to be free takes it.
    fn next_holder(&self, busy: usize) -> Option<&Worker> {
        if self.config.ahead == 0 || self.tasks.queued() <= busy {
            return None;
        }
        let holds = |worker: &&Worker| {
            worker.serves(&self.config)
                && (1..=self.config.ahead).contains(&worker.runs.len())
                && !worker.runs.iter().any(Run::is_risky)
        };
        self.slots.iter().filter(holds).min_by_key(|worker| worker.runs.len())
    }

    /// Asks for the held tasks back when a worker has nothing to do. That one takes the first,
    /// the others wait for the next worker to be free.
    pub(super) fn recall(&mut self) {
        if self.config.ahead == 0 || !self.config.can_resend || !self.has_room() {
            return;
        }
        for worker in self.slots.iter_mut().filter(|worker| worker.phase() == Phase::Ready) {
            let id = worker.id;
            for run in worker.runs.iter_mut().skip(1) {
                if !run.recalled && !run.is_cancelled() {
                    run.recalled = true;
                    self.actions.push_back(Action::Recall { worker: id, task: run.task });
                }
            }
        }
    }

    /// How many workers the pool should have now.
    fn need(&self) -> usize {
        let busy = |worker: &&Worker| worker.is_active(&self.config) && !worker.runs.is_empty();
        let demand = self.slots.iter().filter(busy).count().saturating_add(self.tasks.queued());
        let least = if self.closing.is_some() { 0 } else { self.config.min };
        if self.gave_up { 0 } else { demand.clamp(least, self.config.max) }
    }

    fn active(&self) -> usize {
        self.slots.iter().filter(|worker| worker.is_active(&self.config)).count()
    }

    /// Starts the workers that are missing.
    pub(super) fn grow(&mut self, now: Duration) {
        if now < self.restarts.not_before() {
            return;
        }
        let missing = self.need().saturating_sub(self.active());
        for _ in 0..missing {
            let Some(worker) = self.slots.add(now) else { return };
            self.counts.spawned += 1;
            self.act(Action::Spawn { worker });
        }
    }

    /// When workers are missing that are not started yet, because others died.
    pub(super) fn growth_alarm(&self) -> Option<Duration> {
        (self.slots.has_room() && self.need() > self.active()).then(|| self.restarts.not_before())
    }

    /// Retires workers that are not needed any longer.
    pub(super) fn shrink(&mut self, now: Duration) {
        self.retire_spent(now);
        let surplus = self.surplus();
        let Some(exit) = self.config.idle_exit.filter(|_| surplus > 0) else { return };
        let expired = |worker: &Worker| {
            let idle = worker.idle_since().filter(|_| worker.serves(&self.config));
            idle.is_some_and(|since| now >= since.saturating_add(exit))
        };
        for id in self.slots.which(expired).into_iter().rev().take(surplus) {
            self.retire(now, id);
        }
    }

    /// How many workers the pool can do without. Those that are not ready are not relied on.
    fn surplus(&self) -> usize {
        let serving = self.slots.iter().filter(|worker| worker.serves(&self.config)).count();
        serving.saturating_sub(self.config.min)
    }

    /// When the next idle worker is retired.
    pub(super) fn idle_alarm(&self) -> Option<Duration> {
        let exit = self.config.idle_exit.filter(|_| self.surplus() > 0)?;
        let serving = self.slots.iter().filter(|worker| worker.serves(&self.config));
        serving.filter_map(Worker::idle_since).min().map(|since| since.saturating_add(exit))
    }

    /// Retires workers that have had all their tasks. The last that is ready stays until its
    /// successor is.
    fn retire_spent(&mut self, now: Duration) {
        if self.config.max_jobs.is_none() {
            return;
        }
        let ready = self.slots.iter().filter(|worker| worker.phase() == Phase::Ready).count();
        let kept = usize::from(self.need() > 0);
        let spent = |worker: &Worker| worker.is_idle() && worker.is_spent(&self.config);
        let spent = self.slots.which(spent);
        for id in spent.into_iter().take(ready.saturating_sub(kept)) {
            self.retire(now, id);
        }
    }

    pub(super) fn retire(&mut self, now: Duration, id: WorkerId) {
        if let Some(worker) = self.slots.get_mut(id) {
            worker.enter(now, Phase::Retiring);
            self.act(Action::Retire { worker: id });
        }
    }
}
