//! Tasks that wait for a link.

use std::collections::VecDeque;
use std::task::Waker;

use homing_core::ConnectionId;

use crate::pending::PendingWrites;

/// Tasks that wait for a link, but for those whose messages are queued: a
/// [`SendQueue`](crate::send_queue::SendQueue) holds its task.
///
/// A waker is code of an executor. Those to be woken are collected here, and woken once the mux's
/// lock is released.
#[derive(Default)]
pub(crate) struct Waiters {
    finishing: Vec<Finishing>,
    /// In the order in which they came.
    for_space: VecDeque<ForSpace>,
    woken: Vec<Waker>,
}

/// A pipe whose last frame is pending.
struct Finishing {
    connection: ConnectionId,
    /// The frame is on the link once what is pending is written up to this mark.
    until: u64,
    task: Option<Waker>,
}

/// A task that waits for space for a frame.
struct ForSpace {
    connection: ConnectionId,
    len: usize,
    task: Option<Waker>,
}

impl Waiters {
    /// The pipe's last frame is the last that is pending. `task` is woken when it is written.
    pub(crate) fn finish(
        &mut self,
        connection: ConnectionId,
        pending: &PendingWrites,
        task: Option<Waker>,
    ) {
        match pending.is_empty() {
            true => self.woken.extend(task),
            false => self.finishing.push(Finishing { connection, until: pending.mark(), task }),
        }
    }

    /// Sets the task that is woken when the pipe's last frame is written. Whether there is one.
    pub(crate) fn set_finishing_task(&mut self, connection: ConnectionId, task: &Waker) -> bool {
        let mut is_finishing = false;
        for finishing in self.finishing.iter_mut().filter(|other| other.connection == connection) {
            replace(&mut finishing.task, task, &mut self.woken);
            is_finishing = true;
        }
        is_finishing
    }

    /// After something may have been written.
    pub(crate) fn note_written(&mut self, pending: &PendingWrites) {
        if self.finishing.is_empty() {
            return;
        }
        let woken = &mut self.woken;
        self.finishing.retain_mut(|finishing| {
            let is_pending = pending.unwritten_before(finishing.until) > 0;
            if !is_pending {
                woken.extend(finishing.task.take());
            }
            is_pending
        });
    }

    /// Adds a task that waits for space for a frame of `len` bytes.
    pub(crate) fn wait_for_space(&mut self, connection: ConnectionId, len: usize, task: &Waker) {
        match self.for_space.iter_mut().find(|other| other.connection == connection) {
            Some(waiter) => {
                waiter.len = len;
                replace(&mut waiter.task, task, &mut self.woken);
            }
            None => {
                let task = Some(task.clone());
                self.for_space.push_back(ForSpace { connection, len, task });
            }
        }
    }

    /// Whether the pipe's task was not woken since it came.
    pub(crate) fn waits_for_space(&self, connection: ConnectionId) -> bool {
        self.for_space.iter().any(|waiter| waiter.connection == connection)
    }

    /// How much space the first task waits for, if any does.
    pub(crate) fn wanted_space(&self) -> Option<usize> {
        self.for_space.front().map(|waiter| waiter.len)
    }

    /// There may be space: wakes the first task that waits for some.
    pub(crate) fn wake_for_space(&mut self) {
        self.woken.extend(self.for_space.pop_front().and_then(|waiter| waiter.task));
    }

    /// Wakes a task, once the lock is released.
    pub(crate) fn wake(&mut self, task: Option<Waker>) {
        self.woken.extend(task);
    }

    /// Sets the task of a queue.
    pub(crate) fn set_task(&mut self, place: &mut Option<Waker>, task: &Waker) {
        replace(place, task, &mut self.woken);
    }

    /// Wakes all tasks: they are to look.
    pub(crate) fn wake_all(&mut self) {
        self.woken.extend(self.for_space.drain(..).filter_map(|waiter| waiter.task));
        self.woken.extend(self.finishing.iter().filter_map(|finishing| finishing.task.clone()));
    }

    /// The peer is gone: nothing that is pending is of use.
    pub(crate) fn disconnect(&mut self) {
        self.wake_all();
        self.finishing.clear();
    }

    /// The tasks that are to be woken now.
    pub(crate) fn take_woken(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.woken)
    }
}

/// Sets a task. One that was set before is woken for nothing, rather than dropped under a lock: to
/// drop a waker may drop its task.
pub(crate) fn replace(place: &mut Option<Waker>, task: &Waker, woken: &mut Vec<Waker>) {
    if !place.as_ref().is_some_and(|before| before.will_wake(task)) {
        woken.extend(place.replace(task.clone()));
    }
}
