//! What goes between a pool and its workers.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteBuf;

/// What a pool tells a worker: commands of the worker's duplex pipe.
///
/// Opaque. `P` is a job as it travels.
#[derive(Serialize, Deserialize)]
pub struct Order<P>(pub(crate) OrderKind<P>);

/// What a worker tells its pool: messages of the worker's duplex pipe.
///
/// Opaque. `V` is a value as it travels.
#[derive(Serialize, Deserialize)]
pub struct Report<V>(pub(crate) ReportKind<V>);

#[derive(Serialize, Deserialize)]
pub(crate) enum OrderKind<P> {
    /// Run this job when those before it have ended.
    Run { task: u64, job: P },
    /// The job is not wanted any more.
    Cancel { task: u64 },
    /// Give the job back, unless it has started.
    Recall { task: u64 },
    /// So many values of the job were handled.
    Credit { task: u64, values: u32 },
    /// End, once the jobs that were ordered before have ended.
    Retire,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum ReportKind<V> {
    /// The worker is initialised, and waits for jobs.
    Ready,
    /// The job is about to run.
    Started { task: u64 },
    /// The job has made progress. When the foreground has handled it, it is to credit so many
    /// values, none if 0.
    Progress { task: u64, credit: u32, value: V },
    /// The job has ended.
    Ended { task: u64, outcome: Outcome<V> },
    /// The job was given back, and has not started.
    Returned { task: u64 },
}

/// How a job ended, as its worker saw it.
#[derive(Serialize, Deserialize)]
pub(crate) enum Outcome<V> {
    Completed(V),
    Failed(String),
    Panicked {
        message: String,
        location: String,
        backtrace: Option<String>,
    },
    Cancelled,
    /// The worker knows no job of this name.
    Unknown(String),
    /// The job, its progress or its output cannot be carried, for this reason.
    Undecodable(String),
}

/// A job on its way to a worker process.
#[derive(Clone, Serialize, Deserialize)]
pub struct EncodedJob {
    pub(crate) name: Cow<'static, str>,
    pub(crate) bytes: SharedBytes,
}

/// Encoded values, which the foreground keeps while their job may have to be sent again.
#[derive(Clone)]
pub(crate) struct SharedBytes(pub(crate) Arc<Vec<u8>>);

impl Serialize for SharedBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for SharedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Arc::new(ByteBuf::deserialize(deserializer)?.into_vec())))
    }
}

impl<P> fmt::Debug for Order<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            OrderKind::Run { task, .. } => write!(f, "Run({task})"),
            OrderKind::Cancel { task } => write!(f, "Cancel({task})"),
            OrderKind::Recall { task } => write!(f, "Recall({task})"),
            OrderKind::Credit { task, values } => write!(f, "Credit({task}, {values})"),
            OrderKind::Retire => f.write_str("Retire"),
        }
    }
}

impl<V> fmt::Debug for Report<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ReportKind::Ready => f.write_str("Ready"),
            ReportKind::Started { task } => write!(f, "Started({task})"),
            ReportKind::Progress { task, .. } => write!(f, "Progress({task})"),
            ReportKind::Ended { task, .. } => write!(f, "Ended({task})"),
            ReportKind::Returned { task } => write!(f, "Returned({task})"),
        }
    }
}

impl fmt::Debug for EncodedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.0.len())
    }
}
