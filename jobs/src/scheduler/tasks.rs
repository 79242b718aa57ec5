//! The tasks that have not ended, and the queue of those that wait for a worker.

use std::collections::{BTreeSet, HashMap};

use super::message::WorkerId;
use super::task::{TaskId, TaskOptions, TaskState};

#[derive(Debug)]
pub(super) struct Task {
    pub(super) options: TaskOptions,
    pub(super) state: TaskState,
    /// The worker to which it has been sent.
    pub(super) worker: Option<WorkerId>,
    /// How many workers died while they ran it.
    pub(super) deaths: u32,
}

#[derive(Debug, Default)]
pub(super) struct Tasks {
    tasks: HashMap<TaskId, Task>,
    /// Those without a worker. Ordered by id, which is by submission: a task that comes back
    /// from a dead worker has its old place again.
    queue: BTreeSet<TaskId>,
}

impl Tasks {
    pub(super) fn submit(&mut self, id: TaskId, options: TaskOptions) {
        let task = Task { options, state: TaskState::Waiting, worker: None, deaths: 0 };
        self.tasks.insert(id, task);
        self.queue.insert(id);
    }

    pub(super) fn get(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: TaskId) -> Option<&mut Task> {
        self.tasks.get_mut(&id)
    }

    /// It has ended. None if it had before.
    pub(super) fn remove(&mut self, id: TaskId) -> Option<Task> {
        self.queue.remove(&id);
        self.tasks.remove(&id)
    }

    /// The longest waiting task leaves the queue, for this worker.
    pub(super) fn assign(&mut self, worker: WorkerId) -> Option<(TaskId, TaskOptions)> {
        while let Some(id) = self.queue.pop_first() {
            if let Some(task) = self.tasks.get_mut(&id) {
                task.worker = Some(worker);
                return Some((id, task.options));
            }
        }
        None
    }

    /// It waits again.
    pub(super) fn requeue(&mut self, id: TaskId) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.worker = None;
            task.state = TaskState::Waiting;
            self.queue.insert(id);
        }
    }

    /// How many wait for a worker.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn first_queued(&self) -> Option<TaskId> {
        self.queue.first().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// All that have not ended, in the order of submission.
    pub(super) fn ids(&self) -> Vec<TaskId> {
        let mut ids: Vec<_> = self.tasks.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}
