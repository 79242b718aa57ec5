//! How jobs end, and what is said of it.

use std::rc::Rc;

use homing_core::Text;

use crate::backend::Backend;
use crate::driver::Inner;
use crate::error::{JobError, JobPanic, LostJob, within};
use crate::scheduler::{DeathCause, GiveUpReason, SchedulerEnd, TaskId};
use crate::state::{Detail, State};
use crate::tellings::{TaskEvent, Telling};
use crate::wire::Outcome;

impl<C: 'static, K: Backend> Inner<C, K> {
    /// A repeatable job waits again, because its worker has died.
    pub(crate) fn retry(&self, task: TaskId, deaths: u32) {
        let mut state = self.state.borrow_mut();
        let lost = self.lost(&state, deaths);
        let Some(entry) = state.tasks.get_mut(&task) else { return };
        log::debug!(target: "homing::jobs", "pool {}: job {} ({}) is tried again: {lost}", self.name, task.0, entry.name);
        drop(state);
        self.tell(task, TaskEvent::Retrying(lost));
    }

    /// What is known of the death that the scheduler has just been told.
    fn lost(&self, state: &State<C, K>, tries: u32) -> LostJob {
        match &state.detail {
            Detail::Death { end, is_over_memory } => {
                let memory_limit = self.memory_limit.filter(|_| *is_over_memory);
                LostJob { tries, memory_limit, end: Some(end.clone()) }
            }
            _ => LostJob { tries, memory_limit: None, end: None },
        }
    }

    pub(crate) fn end(&self, task: TaskId, end: SchedulerEnd) {
        let mut state = self.state.borrow_mut();
        let Some(entry) = state.tasks.remove(&task) else { return };
        let end = self.end_of(&mut state, end);
        state.ends.count(&end);
        drop(state);
        if let Err(error) = &end {
            log::debug!(target: "homing::jobs", "pool {}: job {} ({}) ended: {error}", self.name, task.0, entry.name);
        }
        let receiver = Rc::clone(&entry.receiver);
        self.tellings.push(Telling::Event { receiver, event: TaskEvent::Ended(end), credit: None });
        // It may own anything of the application's: nothing is borrowed.
        drop(entry);
    }

    fn end_of(&self, state: &mut State<C, K>, end: SchedulerEnd) -> Result<K::Value, JobError> {
        match end {
            SchedulerEnd::Reported(_) => {
                match std::mem::replace(&mut state.detail, Detail::Nothing) {
                    Detail::Outcome(outcome) => end_of_outcome(outcome),
                    // There is always an outcome. Should there be none, there is no output.
                    _ => Err(JobError::Cancelled),
                }
            }
            SchedulerEnd::Cancelled => Err(JobError::Cancelled),
            SchedulerEnd::TimedOut => Err(JobError::TimedOut),
            SchedulerEnd::Lost { deaths, .. } => Err(JobError::Lost(self.lost(state, deaths))),
            SchedulerEnd::Abandoned => Err(JobError::Abandoned { reason: state.reason() }),
        }
    }

    pub(crate) fn give_up(&self, reason: GiveUpReason) {
        let GiveUpReason { deaths, within: time, cause, .. } = reason;
        let mut state = self.state.borrow_mut();
        let cause = match cause {
            DeathCause::Spawn => "could not be started",
            DeathCause::Initialiser => "was not initialised",
            DeathCause::Starting => "was never ready",
            DeathCause::Memory => "took too much memory",
            DeathCause::Running => "died",
        };
        let reason = Text::new(format_args!(
            "{deaths} workers have died within {}; the last one {cause}: {}",
            within(time),
            state.last_failure,
        ));
        log::error!(target: "homing::jobs", "pool {} starts no more workers: {reason}", self.name);
        state.gave_up = Some(reason);
    }
}

fn end_of_outcome<V>(outcome: Outcome<V>) -> Result<V, JobError> {
    Err(match outcome {
        Outcome::Completed(output) => return Ok(output),
        Outcome::Failed(message) => JobError::Failed { message: Text::new(message) },
        Outcome::Panicked { message, location, backtrace } => JobError::Panicked(JobPanic {
            message: Text::new(message),
            location: Text::new(location),
            backtrace,
        }),
        Outcome::Cancelled => JobError::Cancelled,
        Outcome::Unknown(name) => JobError::Unknown { name: Text::new(name) },
        Outcome::Undecodable(message) => JobError::Undecodable { message: Text::new(message) },
    })
}
