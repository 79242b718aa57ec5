//! What is chosen for one job, and for restarts.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::scheduler::{ClosingMode, RestartPolicy, TaskOptions};

/// What is chosen for one job.
///
/// ```
/// use std::time::Duration;
///
/// use homing_jobs::JobOptions;
///
/// let options = JobOptions::new().deadline(Duration::from_secs(60)).repeatable(3);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "options are for a job"]
pub struct JobOptions {
    pub(crate) task: TaskOptions,
}

impl JobOptions {
    /// No deadline, no stall alarm, five seconds of grace, not repeatable.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the job as [`TimedOut`](crate::JobError::TimedOut) when it has run this long. Its
    /// worker process is killed; a thread is asked to end the job, which is over all the same.
    /// Waiting for a worker does not count, nor do runs before the last.
    pub fn deadline(mut self, after: Duration) -> Self {
        self.task.deadline = Some(after);
        self
    }

    /// Tells the handler [`Stalled`](crate::JobEvent::Stalled) when the job has run this long
    /// without progress.
    pub fn stall(mut self, after: Duration) -> Self {
        self.task.stall = Some(after);
        self
    }

    /// How long the job may take to end when it was cancelled. Then its worker process is killed; on
    /// a thread the handler is told
    /// [`Overdue`](crate::JobEvent::Overdue). Five seconds unless it is set.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.task.grace = Some(grace);
        self
    }

    /// Says that the job may be run again when its worker died while it ran it: until that has
    /// happened `tries` times. Running such a job a second time must do no harm, however far the
    /// first run came.
    pub fn repeatable(mut self, tries: u32) -> Self {
        self.task.tries = NonZeroU32::new(tries).unwrap_or(NonZeroU32::MIN);
        self
    }
}

/// How workers that died are replaced, and when the pool gives up.
///
/// A worker that has ended a job is replaced at once. One that died before is replaced after a
/// delay, which grows with each such death in a row.
#[derive(Clone, Debug, Default)]
#[must_use = "it is for a pool"]
pub struct Restart(pub(crate) RestartPolicy);

impl Restart {
    /// A first delay of 50 ms that doubles up to a second, and at most 10 workers that died before
    /// they ended a job within 30 seconds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the first delay, the factor by which it grows, and the longest.
    pub fn backoff(mut self, first: Duration, factor: u32, max: Duration) -> Self {
        (self.0.first, self.0.factor, self.0.max) = (first, factor, max);
        self
    }

    /// The pool gives up when more than `deaths` workers died within `period` that had ended no
    /// job.
    pub fn intensity(mut self, deaths: u32, period: Duration) -> Self {
        (self.0.intensity, self.0.period) = (Some(deaths), period);
        self
    }

    /// The pool never gives up.
    pub fn forever(mut self) -> Self {
        self.0.intensity = None;
        self
    }

    /// Counts every death, also of workers that have ended jobs.
    pub fn count_every_death(mut self) -> Self {
        self.0.every_death = true;
        self
    }
}

/// What becomes of a pool's jobs when it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closing {
    /// All run.
    Run,
    /// Those that run may finish; those that wait are cancelled.
    Finish,
    /// All are cancelled.
    Cancel,
}

impl From<Closing> for ClosingMode {
    fn from(closing: Closing) -> Self {
        match closing {
            Closing::Run => ClosingMode::Run,
            Closing::Finish => ClosingMode::Finish,
            Closing::Cancel => ClosingMode::Cancel,
        }
    }
}
