//! A task: one submitted job on its way to its end.

use std::num::NonZeroU32;
use std::time::Duration;

/// Names a task. Ids rise in the order of submission and are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskId(pub(crate) u64);

/// What a task was submitted with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskOptions {
    /// How long one run may take, from when it is its worker's turn.
    pub(crate) deadline: Option<Duration>,
    /// The pool is told when a run makes no progress for this long.
    pub(crate) stall: Option<Duration>,
    /// How long a cancelled run has to end by itself. None: as long as it takes.
    pub(crate) grace: Option<Duration>,
    /// How many workers may die of it before it counts as lost.
    pub(crate) tries: NonZeroU32,
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self {
            deadline: None,
            stall: None,
            grace: Some(Duration::from_secs(5)),
            tries: NonZeroU32::MIN,
        }
    }
}

/// The state of a task that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// No worker has started it. Cancelled now, it does not run; unless it has been sent to a
    /// worker that is about to start it, which is then asked as if it ran.
    Waiting,
    /// A worker runs it.
    Executing,
    /// It was cancelled; its worker has been asked, and has not answered.
    Cancelling,
}
