//! Pools of workers that run jobs. Feature `jobs`.
//!
//! A [`Pool`] belongs to the foreground. Its worker threads need no further code; the main function
//! of its worker processes is [`worker()`](worker())`.job::<…>().serve()`. The guide is
//! `docs/jobs.md` in the repository.

use std::fmt;

pub use homing_jobs::{
    Backend, Call, Cancelled, ChooseWorkers, Closing, Context, Ends, Iterate, Iteration,
    IterationError, Job, JobEnd, JobError, JobEvent, JobOptions, JobPanic, LostJob, Pool,
    PoolBuilder, PoolError, PoolStats, ProcessWorkers, Processes, Restart, Running, Runs, Scope,
    SubmitError, SubmitErrorKind, Task, TaskState, ThreadWorkers, Threads, WorkerError,
    WorkerPhase, WorkerStats,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::worker::{self, InheritError};

/// The main function of a worker process of a pool: a worker that knows no job yet.
///
/// ```no_run
/// # use homing::jobs::{Call, Cancelled, Context, Job};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct Digest;
/// # impl Job for Digest {
/// #     type Output = u64;
/// #     type Progress = ();
/// #     type Error = Cancelled;
/// #     const NAME: &'static str = "digest";
/// #     fn run(self, _: &mut Context<'_, Self>) -> Result<u64, Cancelled> { Ok(0) }
/// # }
/// fn main() -> Result<(), homing::jobs::ServeError> {
///     homing::jobs::worker().job::<Digest>().serve()
/// }
/// ```
pub fn worker() -> Worker {
    Worker { jobs: homing_jobs::Worker::new() }
}

/// A worker process of a pool: knows jobs by their names, and runs those that the pool orders. See
/// [`worker()`].
#[must_use = "a worker is to serve"]
#[derive(Debug)]
pub struct Worker {
    jobs: homing_jobs::Worker,
}

impl Worker {
    /// Has the worker run jobs of this type.
    ///
    /// # Panics
    ///
    /// When the worker knows another job by the same name.
    pub fn job<J>(self) -> Self
    where
        J: Job<Output: Serialize, Progress: Serialize> + DeserializeOwned,
    {
        Self { jobs: self.jobs.job::<J>() }
    }

    /// Has `init` called before the first job. When it fails the worker ends with the error, and
    /// the pool starts another one, with the delays of its [`Restart`].
    pub fn init<E: fmt::Display>(self, init: impl FnOnce() -> Result<(), E> + 'static) -> Self {
        Self { jobs: self.jobs.init(init) }
    }

    /// Has `teardown` called after the last job, when the worker is asked to end; not when it is
    /// killed.
    pub fn teardown(self, teardown: impl FnOnce() + 'static) -> Self {
        Self { jobs: self.jobs.teardown(teardown) }
    }

    /// Runs the jobs that the pool orders, until the pool does not need this worker any more or is
    /// gone.
    ///
    /// # Errors
    ///
    /// [`ServeError::Inherit`] with [`InheritError::NotAWorker`] when the process was not started
    /// by a pool, by which a program that starts itself as its worker tells what it is, and with
    /// others when the link cannot be had; [`ServeError::Worker`] when the worker cannot be
    /// initialised.
    pub fn serve(self) -> Result<(), ServeError> {
        let (orders, sender) = worker::duplex().map_err(ServeError::Inherit)?;
        self.jobs.serve(orders, sender).map_err(ServeError::Worker)
    }
}

/// Why a worker process has not served.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServeError {
    /// It has no link to a pool.
    Inherit(InheritError),
    /// It was not initialised.
    Worker(WorkerError),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Inherit(error) => error.fmt(f),
            ServeError::Worker(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServeError {}
