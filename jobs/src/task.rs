//! The handle of a submitted job.

use std::fmt;
use std::rc::{Rc, Weak};

use crate::scheduler::{TaskId, TaskState};

/// A submitted job. It belongs to the foreground's thread. Dropping it leaves the job to its pool.
#[derive(Clone)]
pub struct Task {
    id: TaskId,
    pool: Weak<dyn Control>,
}

/// What a task asks of its pool.
pub(crate) trait Control {
    fn cancel(self: Rc<Self>, task: TaskId) -> bool;
    fn state(&self, task: TaskId) -> Option<TaskState>;
}

impl Task {
    pub(crate) fn new(id: TaskId, pool: Weak<dyn Control>) -> Self {
        Self { id, pool }
    }

    /// The job's number, which no other job of its pool has.
    pub fn id(&self) -> u64 {
        self.id.0
    }

    /// Cancels the job. One that waits does not run. One that runs is asked to end, and finds it by
    /// [`Context::check`](crate::Context::check); when its [grace](crate::JobOptions::grace) is
    /// over, its worker process is killed. The handler is told the end later, in a dispatch.
    ///
    /// False when the job has ended, or was cancelled before. A job may complete although it was
    /// cancelled.
    pub fn cancel(&self) -> bool {
        self.pool.upgrade().is_some_and(|pool| pool.cancel(self.id))
    }

    /// Where the job stands. `None` when it has ended; its handler may still have to be told.
    pub fn state(&self) -> Option<TaskState> {
        self.pool.upgrade()?.state(self.id)
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("id", &self.id.0).field("state", &self.state()).finish()
    }
}
