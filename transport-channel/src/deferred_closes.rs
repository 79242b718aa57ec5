//! When the end of a pipe is due: after its last message, and not long after.

use std::collections::VecDeque;

use homing_core::{CloseReason, ConnectionId};

use crate::queue::Pulled;

/// Ends that wait for messages before them in the queue.
///
/// An end comes on another way than the messages, but after them: once it is known, all
/// messages of its pipe have been pulled or wait in the queue. The end is due when as many
/// have been pulled as were there then. Other pipes may go on filling the queue; what they
/// add is behind, so that they cannot delay the end.
pub(crate) struct DeferredCloses {
    /// In the order in which they are due.
    waiting: VecDeque<Waiting>,
    /// How many messages were pulled so far.
    pulled: u64,
    /// The first one's `due`, or [`NEVER`]; beside `pulled`, as both are read with every
    /// message.
    next: u64,
}

struct Waiting {
    due: u64,
    connection: ConnectionId,
    missed: u64,
    reason: CloseReason,
}

/// More messages than any queue will see.
const NEVER: u64 = u64::MAX;

impl DeferredCloses {
    pub(crate) fn new() -> Self {
        Self { waiting: VecDeque::new(), pulled: 0, next: NEVER }
    }

    /// Notes that a message was pulled.
    #[inline]
    pub(crate) fn count(&mut self) {
        self.pulled += 1;
    }

    /// Notes an end that is due after `ahead` more messages.
    pub(crate) fn push(
        &mut self,
        ahead: usize,
        connection: ConnectionId,
        missed: u64,
        reason: CloseReason,
    ) {
        // Never before an earlier one: the queue's last message is at the same place or
        // further back.
        let due = self.pulled + ahead as u64;
        self.waiting.push_back(Waiting { due, connection, missed, reason });
        self.next = self.next.min(due);
    }

    /// Whether the first end is due.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.pulled >= self.next
    }

    /// Takes the first end: before it what its pipe missed, then the end itself.
    ///
    /// For when it [is due](DeferredCloses::is_due), or the queue was found empty, so that nothing can
    /// be ahead of any end.
    pub(crate) fn take(&mut self) -> Option<Pulled> {
        let first = self.waiting.front_mut()?;
        let connection = first.connection;
        match std::mem::take(&mut first.missed) {
            0 => {
                let reason = self.waiting.pop_front()?.reason;
                self.next = self.waiting.front().map_or(NEVER, |next| next.due);
                Some(Pulled::Stopped { connection, end: reason.end() })
            }
            count => Some(Pulled::Missed { connection, count }),
        }
    }
}
