//! What a job is.

use std::fmt;

use crate::context::Context;
use crate::error::{JobError, LostJob};

/// A call that runs on some worker of a pool: data that knows how to run.
///
/// The same type runs on threads, where a job need only be `Send`, and in worker processes, where
/// the job, its output and its progress are what serde can carry.
///
/// ```
/// use std::io::{self, Read as _};
/// use std::{fs::File, path::PathBuf};
///
/// use homing_jobs::{Context, Job};
/// use serde::{Deserialize, Serialize};
///
/// /// Counts the bytes of a file.
/// #[derive(Serialize, Deserialize)]
/// struct Measure { path: PathBuf }
///
/// impl Job for Measure {
///     type Output = u64;
///     type Progress = u64;
///     type Error = io::Error;
///     const NAME: &'static str = "measure";
///
///     fn run(self, cx: &mut Context<'_, Self>) -> io::Result<u64> {
///         let (mut file, mut buffer, mut read) = (File::open(self.path)?, vec![0; 65536], 0);
///         loop {
///             match file.read(&mut buffer)? {
///                 0 => return Ok(read),
///                 len => read += len as u64,
///             }
///             cx.progress(read);
///             cx.check()?; // ends the job where it was cancelled
///         }
///     }
/// }
/// ```
///
/// # Kinds
///
/// A call with progress and an iteration, of which each result arrives, differ only in what they
/// do with the [`Context`]. A kind of jobs is a type that implements `Job` for whatever has the
/// trait of that kind, as [`Iteration`](crate::Iteration) does.
pub trait Job: Sized + 'static {
    /// What the job returns.
    type Output: 'static;
    /// What the job says while it runs: how far it is, or one of many results.
    type Progress: 'static;
    /// Why the job failed. Its text is told to the foreground.
    type Error: fmt::Display;
    /// Names the job between the foreground and its worker processes. No two jobs of one worker
    /// may have the same name.
    const NAME: &'static str;

    /// Runs the job, on the worker.
    ///
    /// A worker runs one job at a time. A panic ends the job and leaves the worker in service.
    ///
    /// # Errors
    ///
    /// When the job fails. What is returned after the context has said that the job is cancelled
    /// ends it as cancelled.
    fn run(self, cx: &mut Context<'_, Self>) -> Result<Self::Output, Self::Error>;
}

/// How a job ended: its output, or why there is none.
pub type JobEnd<J> = Result<<J as Job>::Output, JobError>;

/// What the handler of a job is told.
///
/// `Started` comes first, then any number of others, then exactly one `Ended`. A job that never ran
/// is told `Ended` alone. One that is [repeatable](crate::JobOptions::repeatable) is told `Retrying`
/// when its worker has died, and then `Started` again.
#[non_exhaustive]
pub enum JobEvent<J: Job> {
    /// A worker has begun to run the job.
    Started,
    /// What the job has said by [`Context::progress`] or [`Context::emit`].
    Progress(J::Progress),
    /// The worker died while it ran the job, which waits to be run again, from its beginning.
    Retrying(LostJob),
    /// The job has made no progress for the time that was
    /// [chosen](crate::JobOptions::stall). Told once for each such pause.
    Stalled,
    /// The job was cancelled and has not ended within the grace, and its worker is a thread, which
    /// cannot be killed. Told once.
    Overdue,
    /// Nothing more will come.
    Ended(JobEnd<J>),
}

impl<J: Job> JobEvent<J> {
    /// How the job ended, if it did.
    pub fn ended(self) -> Option<JobEnd<J>> {
        match self {
            JobEvent::Ended(end) => Some(end),
            _ => None,
        }
    }
}

impl<J: Job<Output: fmt::Debug, Progress: fmt::Debug>> fmt::Debug for JobEvent<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobEvent::Started => f.write_str("Started"),
            JobEvent::Progress(progress) => f.debug_tuple("Progress").field(progress).finish(),
            JobEvent::Retrying(lost) => f.debug_tuple("Retrying").field(lost).finish(),
            JobEvent::Stalled => f.write_str("Stalled"),
            JobEvent::Overdue => f.write_str("Overdue"),
            JobEvent::Ended(end) => f.debug_tuple("Ended").field(end).finish(),
        }
    }
}
