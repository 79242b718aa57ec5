//! Why a job has no output, and why one was not submitted.

use std::fmt;
use std::time::Duration;

use homing_core::{End, Exit, Lost, Text, WrongState};
use homing_router::LinkError;

/// Why a job has no output. Displayed, it is a text that a user can read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobError {
    /// The job returned an error.
    Failed {
        /// The error.
        message: Text,
    },
    /// The job panicked. Its worker goes on.
    Panicked(JobPanic),
    /// Its worker died while it ran the job.
    Lost(LostJob),
    /// The job took longer than its [deadline](crate::JobOptions::deadline).
    TimedOut,
    /// The job was cancelled, or the pool was closed or dropped.
    Cancelled,
    /// The worker knows no job of this name: its program does not add it by
    /// [`Worker::job`](crate::Worker::job).
    Unknown {
        /// The name.
        name: Text,
    },
    /// The job, its progress or its output could not be carried between foreground and worker: it
    /// does not encode, does not decode as the type that is expected, or is too large.
    Undecodable {
        /// What it was, and why.
        message: Text,
    },
    /// The pool starts no more workers, so the job was not run.
    Abandoned {
        /// Why the pool has given up.
        reason: Text,
    },
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Failed { message } => message.fmt(f),
            JobError::Panicked(panic) => panic.fmt(f),
            JobError::Lost(lost) => lost.fmt(f),
            JobError::TimedOut => f.write_str("the job took longer than its deadline"),
            JobError::Cancelled => crate::Cancelled.fmt(f),
            JobError::Unknown { name } => {
                write!(f, "the worker knows no job named {name:?}; add it by Worker::job")
            }
            JobError::Undecodable { message } => message.fmt(f),
            JobError::Abandoned { reason } => write!(f, "the job was not run: {reason}"),
        }
    }
}

impl std::error::Error for JobError {}

/// A panic of a job.
///
/// The texts are empty where they cannot be had: when the panic was raised by
/// [`resume_unwind`](std::panic::resume_unwind), or the program has replaced the panic hook without
/// calling the previous one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobPanic {
    /// What the panic said.
    pub message: Text,
    /// Where it happened, as `src/main.rs:7:5`.
    pub location: Text,
    /// How it was reached, where `RUST_BACKTRACE` is set for the worker.
    pub backtrace: Option<String>,
}

impl fmt::Display for JobPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the job panicked")?;
        if !self.location.is_empty() {
            write!(f, " at {}", self.location)?;
        }
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

/// A job whose worker died while it ran it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LostJob {
    /// How many workers have died while they ran the job.
    pub tries: u32,
    /// The worker was killed because it took more memory than the pool allows, in bytes.
    pub memory_limit: Option<u64>,
    /// How the last worker's pipe ended.
    pub end: Option<End>,
}

impl LostJob {
    /// How the process of the last worker ended, where that is known.
    pub fn exit(&self) -> Option<Exit> {
        match &self.end {
            Some(End::Lost(Lost { exit, .. })) => *exit,
            _ => None,
        }
    }

    /// The last lines of the last worker's standard error.
    pub fn stderr(&self) -> Text {
        match &self.end {
            Some(End::Lost(Lost { stderr, .. })) => stderr.clone(),
            _ => Text::EMPTY,
        }
    }
}

impl fmt::Display for LostJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tries {
            0 | 1 => f.write_str("the worker of the job died")?,
            tries => write!(f, "{tries} workers died with the job")?,
        }
        if let Some(bytes) = self.memory_limit {
            return write!(f, ": it took more memory than {bytes} bytes");
        }
        match (self.exit(), &self.end) {
            (Some(exit), _) => {
                write!(f, " ({exit})")?;
                let stderr = self.stderr();
                if stderr.is_empty() { Ok(()) } else { write!(f, ": {stderr}") }
            }
            (None, Some(end)) => write!(f, ": {end}"),
            (None, None) => Ok(()),
        }
    }
}

/// A job that was not submitted, and why. Its `Debug` needs nothing of the job.
pub struct SubmitError<J> {
    job: J,
    kind: SubmitErrorKind,
}

/// Why a job was not submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmitErrorKind {
    /// As many jobs wait as the pool's [queue](crate::PoolBuilder::queue) may hold.
    QueueFull,
    /// The pool is closed, or closing.
    Closed,
    /// The pool starts no more workers.
    GaveUp {
        /// Why.
        reason: Text,
    },
    /// The job cannot be encoded.
    Unencodable {
        /// Why not.
        reason: Text,
    },
}

impl<J> SubmitError<J> {
    pub(crate) fn new(job: J, kind: SubmitErrorKind) -> Self {
        Self { job, kind }
    }

    /// Why it was not submitted.
    pub fn kind(&self) -> &SubmitErrorKind {
        &self.kind
    }

    /// Why it was not submitted, without the job: an error that is `Send` and `Sync`, whatever the
    /// job is.
    pub fn into_kind(self) -> SubmitErrorKind {
        self.kind
    }

    /// The job.
    pub fn into_job(self) -> J {
        self.job
    }
}

impl<J> fmt::Debug for SubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<J> fmt::Display for SubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<J> std::error::Error for SubmitError<J> {}

impl std::error::Error for SubmitErrorKind {}

impl fmt::Display for SubmitErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitErrorKind::QueueFull => f.write_str("the pool's queue is full"),
            SubmitErrorKind::Closed => f.write_str("the pool is closed"),
            SubmitErrorKind::GaveUp { reason } => {
                write!(f, "the pool starts no more workers: {reason}")
            }
            SubmitErrorKind::Unencodable { reason } => {
                write!(f, "the job cannot be encoded: {reason}")
            }
        }
    }
}

/// Why a pool was not started.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// The router does not run.
    WrongState(WrongState<homing_core::RouterState>),
    /// There is no link for worker threads.
    Link(LinkError<std::convert::Infallible>),
    /// The first worker could not be started.
    Worker {
        /// Why not.
        message: Text,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::WrongState(wrong) => wrong.fmt(f),
            PoolError::Link(error) => error.fmt(f),
            PoolError::Worker { message } => write!(f, "no worker can be started: {message}"),
        }
    }
}

impl std::error::Error for PoolError {}

/// The text of an error with what caused it.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> Text {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    Text::new(text)
}

/// The text of a time, for reasons.
pub(crate) fn within(time: Duration) -> String {
    format!("{time:?}")
}
