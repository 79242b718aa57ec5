//! What follows from time.

use std::time::Duration;

use super::Scheduler;
use super::message::{Action, DeathCause, SchedulerEnd, WorkerId};
use super::run::Due;
use super::worker::Phase;

impl Scheduler {
    /// When [`Input::Tick`](super::Input::Tick) is due. Changes with every call.
    pub(crate) fn next_alarm(&self) -> Option<Duration> {
        let workers = self.slots.iter().filter_map(|worker| worker.alarm(&self.config)).min();
        let closing = self.closing.as_ref().and_then(|closing| closing.until);
        [workers, closing, self.growth_alarm(), self.idle_alarm()].into_iter().flatten().min()
    }

    pub(super) fn tick(&mut self, now: Duration) {
        let due = self.slots.which(|worker| worker.alarm(&self.config).is_some_and(|at| at <= now));
        for id in due {
            self.worker_due(now, id);
        }
        self.close_due(now);
    }

    fn worker_due(&mut self, now: Duration, id: WorkerId) {
        let Some(worker) = self.slots.get_mut(id) else { return };
        match worker.phase() {
            Phase::Ready => {
                while let Some(due) = self.run_due(now, id) {
                    self.run_expired(now, id, due);
                }
            }
            Phase::Starting => self.kill(now, id, Some(DeathCause::Starting)),
            Phase::Retiring if self.config.can_kill => self.kill(now, id, None),
            Phase::Retiring | Phase::Dying(_) => self.forget(now, id),
        }
    }

    fn run_due(&mut self, now: Duration, id: WorkerId) -> Option<Due> {
        let worker = self.slots.get_mut(id).filter(|worker| worker.phase() == Phase::Ready)?;
        worker.runs.front_mut()?.expired(now)
    }

    fn run_expired(&mut self, now: Duration, id: WorkerId, due: Due) {
        let Some(worker) = self.slots.get_mut(id) else { return };
        let Some(run) = worker.runs.front_mut() else { return };
        let task = run.task;
        match due {
            Due::Stall => self.act(Action::Stalled { task }),
            Due::Deadline | Due::Grace if self.config.can_kill => self.kill(now, id, None),
            Due::Grace => self.act(Action::Overdue { task }),
            Due::Deadline if run.is_cancelled() => self.end(task, SchedulerEnd::Cancelled),
            Due::Deadline => {
                // The thread cannot be ended. Its task is over all the same.
                self.act(Action::Cancel { worker: id, task });
                self.end(task, SchedulerEnd::TimedOut);
            }
        }
    }
}
