//! What goes onto a link in which order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use homing_core::{CloseReason, ConnectionId, Disconnected, Overflow};

use crate::biased_lock::BiasedLock;
use crate::fragment_budget::FragmentBudget;
use crate::frame::Header;
use crate::message::pad;
use crate::pending::{Accepted, PendingWrites};
use crate::send_queue::{SendQueue, Withdrawn, WriteOutcome};
use crate::sink::FrameSink;
use crate::waiters::Waiters;

/// How many frames of its own queue a sender writes in one go.
const MAX_OWN_FRAMES: usize = 4;

/// The link as all its pipes share it, under the mux's lock.
///
/// Nothing here waits.
pub(crate) struct Scheduler {
    pub(crate) pending: PendingWrites,
    pub(crate) budget: FragmentBudget,
    /// Senders that came to wait for the budget, and how many of them had their turn.
    pub(crate) next_ticket: u64,
    pub(crate) now_serving: u64,
    /// In the order of their turns.
    queues: VecDeque<SendQueue>,
    /// Whether it is a queue's turn at the next [`flush_pending`](Scheduler::flush_pending).
    queue_first: bool,
    /// Whether a thread flushes what is left here.
    pub(crate) flushing: bool,
    /// Whether the peer is gone.
    pub(crate) disconnected: bool,
    /// The bias of the one sender of the link, if it was granted.
    pub(crate) bias: Option<Arc<BiasedLock>>,
    /// Whether something has changed that others wait for, and how often something has.
    pub(crate) changed: bool,
    pub(crate) changes: u64,
    /// How many threads wait for one.
    pub(crate) waiting: usize,
    /// Tasks that wait.
    pub(crate) waiters: Waiters,
}

/// What became of a message of a pipe that may drop some.
pub(crate) struct LossyWrite {
    /// How many messages were dropped for it.
    pub(crate) dropped: u64,
    /// Whether something is left that has to be flushed.
    pub(crate) left: bool,
}

impl Scheduler {
    /// For a new link whose messages have at most `limit` bytes. Its preface is pending, with
    /// frames that begin at multiples of `align`.
    pub(crate) fn new(limit: usize, align: usize) -> Self {
        let mut pending = PendingWrites::new();
        let mut preface = Header::PREFACE.frame(&[]);
        pad(&mut preface, align);
        pending.queue(preface);
        Self {
            pending,
            budget: FragmentBudget::new(limit),
            next_ticket: 0,
            now_serving: 0,
            queues: VecDeque::new(),
            queue_first: false,
            flushing: false,
            disconnected: false,
            bias: None,
            changed: false,
            changes: 0,
            waiting: 0,
            waiters: Waiters::default(),
        }
    }

    /// Whether nothing comes before the next frame.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.queues.is_empty()
    }

    /// Whether a pipe has left messages for others to write.
    pub(crate) fn has_queues(&self) -> bool {
        !self.queues.is_empty()
    }

    /// The peer is gone: nothing that waits is of use.
    pub(crate) fn disconnect(&mut self) {
        self.disconnected = true;
        self.wake_tasks();
        self.waiters.disconnect();
        self.pending.clear();
        self.queues.clear();
    }

    /// Wakes all tasks that wait: a pipe was told something, or the peer is gone.
    pub(crate) fn wake_tasks(&mut self) {
        for queue in &self.queues {
            self.waiters.wake(queue.task.clone());
        }
        self.waiters.wake_all();
    }

    /// Whether there is anything to do for a thread that flushes.
    pub(crate) fn needs_flush(&self) -> bool {
        !self.is_idle() || self.waiters.wanted_space().is_some()
    }

    /// Writes what comes before anything else, and says whether a frame may follow.
    pub(crate) fn flush_pending<S: FrameSink>(&mut self, sink: &S) -> Result<bool, Disconnected> {
        if self.disconnected {
            return Err(Disconnected);
        }
        if !self.pending.flush(sink)? {
            return Ok(false);
        }
        // Every other time a queue goes first: neither those who send all the time nor the
        // queues can keep the others from the little space that there is.
        self.queue_first = !self.queue_first && !self.queues.is_empty();
        if self.queue_first {
            self.write_queued(sink)?;
        }
        Ok(self.pending.is_empty())
    }

    /// Writes frames, in two slices, after what comes before them.
    pub(crate) fn write<S: FrameSink>(
        &mut self,
        sink: &S,
        first: &[u8],
        second: &[u8],
    ) -> Result<Accepted, Disconnected> {
        match self.flush_pending(sink)? {
            true => self.pending.write(sink, first, second),
            false => Ok(Accepted::WouldBlock),
        }
    }

    /// Writes what is left of earlier calls: what is pending, and then one frame of one queue.
    pub(crate) fn write_left<S: FrameSink>(
        &mut self,
        sink: &S,
    ) -> Result<WriteOutcome, Disconnected> {
        if self.disconnected {
            return Err(Disconnected);
        }
        match self.pending.flush(sink)? {
            true => self.write_queued(sink),
            false => Ok(WriteOutcome::WouldBlock),
        }
    }

    /// Writes one frame of one queue. Nothing may be pending.
    fn write_queued<S: FrameSink>(&mut self, sink: &S) -> Result<WriteOutcome, Disconnected> {
        let mut outcome = WriteOutcome::Idle;
        for _ in 0..self.queues.len() {
            let Some(mut queue) = self.queues.pop_front() else { break };
            let wrote = queue.write_next(sink, &mut self.pending, &mut self.budget);
            self.changed |= wrote == Ok(WriteOutcome::Wrote);
            match wrote {
                _ if queue.is_idle() => self.retire(queue),
                // It keeps its turn.
                Ok(WriteOutcome::WouldBlock) => self.queues.push_front(queue),
                _ => self.queues.push_back(queue),
            }
            match wrote? {
                WriteOutcome::BudgetExhausted => outcome = WriteOutcome::BudgetExhausted,
                WriteOutcome::Idle => {}
                wrote => return Ok(wrote),
            }
        }
        Ok(outcome)
    }

    /// All of a queue is written, or pending.
    fn retire(&mut self, queue: SendQueue) {
        if let Some(task) = queue.task {
            self.waiters.finish(queue.connection, &self.pending, Some(task));
        }
    }

    /// Queues frames that must not be lost and cannot wait. The next sender writes them first.
    pub(crate) fn queue_control(&mut self, frames: Vec<u8>) {
        self.pending.queue(frames);
        self.changed = true;
    }

    /// Queues a message, however much is queued already: its pipe sees to the bound.
    pub(crate) fn queue_message(&mut self, connection: ConnectionId, message: Vec<u8>) {
        self.queue_with(connection, |queue| queue.push(message));
    }

    /// Queues the answer to a question, in order with the messages.
    pub(crate) fn queue_answer(
        &mut self,
        connection: ConnectionId,
        question: u32,
        answer: Vec<u8>,
    ) {
        self.queue_with(connection, |queue| queue.push_answer(question, answer));
    }

    fn queue_with(&mut self, connection: ConnectionId, push: impl FnOnce(&mut SendQueue)) {
        match self.queues.iter_mut().find(|queue| queue.connection == connection) {
            Some(queue) => push(queue),
            None => {
                let mut queue = SendQueue::new(connection, 0);
                push(&mut queue);
                self.queues.push_back(queue);
            }
        }
    }

    /// Sets the task that is woken when all of a pipe that is queued or pending is written. Whether
    /// anything is.
    pub(crate) fn set_task(&mut self, connection: ConnectionId, task: &Waker) -> bool {
        match self.queues.iter_mut().find(|queue| queue.connection == connection) {
            Some(queue) => {
                self.waiters.set_task(&mut queue.task, task);
                true
            }
            None => self.waiters.set_finishing_task(connection, task),
        }
    }

    /// Takes back the message of a pipe that was queued last. Its policy drops none.
    pub(crate) fn withdraw(&mut self, connection: ConnectionId) -> Withdrawn {
        let at = self.queues.iter().position(|queue| queue.connection == connection);
        let Some(mut queue) = at.and_then(|at| self.queues.remove(at)) else {
            return Withdrawn::Sent;
        };
        let withdrawn = queue.withdraw(&mut self.budget);
        // For nothing: to drop a waker may drop its task.
        self.waiters.wake(queue.task.take());
        if !queue.is_idle() {
            self.queues.push_back(queue);
        }
        self.changed = true;
        withdrawn
    }

    /// How many messages of a pipe wait here, one of which a part is written included.
    pub(crate) fn queued_messages(&self, connection: ConnectionId) -> usize {
        let queue = self.queues.iter().find(|queue| queue.connection == connection);
        queue.map_or(0, SendQueue::len)
    }

    /// Drops the messages of a pipe that wait here, but for one of which a part is written.
    pub(crate) fn drop_messages(&mut self, connection: ConnectionId) {
        let queue = self.queues.iter().position(|queue| queue.connection == connection);
        if let Some(mut queue) = queue.and_then(|at| self.queues.remove(at)) {
            queue.clear();
            if !queue.is_idle() {
                self.queues.push_back(queue);
            }
        }
    }

    /// Whether messages of a pipe wait here.
    pub(crate) fn is_queued(&self, connection: ConnectionId) -> bool {
        self.queues.iter().any(|queue| queue.connection == connection)
    }

    /// Queues a pipe's end behind its messages, or gives it back when none wait.
    pub(crate) fn close_after_queue(
        &mut self,
        connection: ConnectionId,
        reason: CloseReason,
    ) -> Result<(), CloseReason> {
        match self.queues.iter_mut().find(|queue| queue.connection == connection) {
            Some(queue) => {
                queue.close(reason);
                self.changed = true;
                Ok(())
            }
            None => Err(reason),
        }
    }

    /// Writes a message of a pipe that may drop some. What has no space waits in the pipe's
    /// queue, as `overflow` lets it. `dropped` is what the pipe dropped and has not reported.
    pub(crate) fn write_lossy<S: FrameSink>(
        &mut self,
        sink: &S,
        connection: ConnectionId,
        overflow: Overflow,
        message: &[u8],
        dropped: &mut u64,
    ) -> Result<LossyWrite, Disconnected> {
        let nothing_pending = self.flush_pending(sink)?;
        let mut space = nothing_pending;
        let at = self.queues.iter().position(|queue| queue.connection == connection);
        let mut queue = match at.and_then(|at| self.queues.remove(at)) {
            Some(queue) => queue,
            None => SendQueue::new(connection, std::mem::take(dropped)),
        };
        queue.push(message.to_vec());
        for _ in 0..MAX_OWN_FRAMES {
            if !space {
                break;
            }
            let wrote = queue.write_next(sink, &mut self.pending, &mut self.budget)?;
            self.changed |= wrote == WriteOutcome::Wrote;
            space = wrote == WriteOutcome::Wrote && self.pending.is_empty();
        }
        let now = queue.apply_policy(overflow);
        // What was pending before has a sender that sees to it already.
        let left = !queue.is_idle() || (nothing_pending && !self.pending.is_empty());
        if queue.is_idle() {
            *dropped += queue.dropped();
            self.retire(queue);
        } else {
            self.queues.push_back(queue);
            self.changed = true;
        }
        Ok(LossyWrite { dropped: now, left })
    }
}
