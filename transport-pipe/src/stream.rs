//! The worker side of one OS pipe: what goes onto it in which order.

use std::collections::VecDeque;

use homing_core::frame::{Head, PrefixedHead};
use homing_core::{CloseReason, ConnectionId, Disconnected, FragmentBudget, Overflow};

use crate::backlog::{Backlog, Step};
use crate::sys::Writer;
use crate::tail::{Put, Tail};

/// How many frames of its own backlog a sender puts on the stream in one go.
const STEPS: usize = 4;

/// The stream as all pipes of a link share it, under the link's lock.
///
/// Nothing here waits.
pub(crate) struct Stream {
    pub(crate) tail: Tail,
    pub(crate) shipping: FragmentBudget,
    /// Senders that came to wait for room in `shipping`, and how many of them had their turn.
    pub(crate) came: u64,
    pub(crate) served: u64,
    /// In the order of their turns.
    backlogs: VecDeque<Backlog>,
    /// Whether it is a backlog's turn at the next [`settle`](Stream::settle).
    turn: bool,
    /// Whether somebody flushes what is left here.
    pub(crate) flushing: bool,
    /// Whether the reader is gone.
    pub(crate) gone: bool,
    /// Whether something has changed that others wait for, and how often something has.
    pub(crate) changed: bool,
    pub(crate) changes: u64,
}

impl Stream {
    /// For a new link whose messages have at most `limit` bytes. It owes the greeting.
    pub(crate) fn new(limit: usize) -> Self {
        let mut tail = Tail::default();
        tail.owe(Head::HELLO.encode_prefixed(0, &mut PrefixedHead::new()));
        Self {
            tail,
            shipping: FragmentBudget::new(limit),
            came: 0,
            served: 0,
            backlogs: VecDeque::new(),
            turn: false,
            flushing: false,
            gone: false,
            changed: false,
            changes: 0,
        }
    }

    /// Whether a pipe has left something for others to bring onto the stream.
    pub(crate) fn has_backlogs(&self) -> bool {
        !self.backlogs.is_empty()
    }

    /// Whether nothing comes before the next frame.
    #[inline]
    pub(crate) fn is_calm(&self) -> bool {
        self.tail.is_empty() && self.backlogs.is_empty()
    }

    /// The reader is gone: nothing that waits is of use.
    pub(crate) fn give_up(&mut self) {
        self.gone = true;
        self.changed = true;
        self.backlogs.clear();
    }

    /// Writes what comes before anything else, and says whether a frame may follow.
    pub(crate) fn settle(&mut self, writer: &Writer) -> Result<bool, Disconnected> {
        if self.gone {
            return Err(Disconnected);
        }
        if !self.tail.flush(writer)? {
            return Ok(false);
        }
        // Every other time a backlog goes first: neither those who send all the time nor the
        // backlogs can keep the others from the little room that there is.
        self.turn = !self.turn && !self.backlogs.is_empty();
        if self.turn {
            self.step(writer)?;
        }
        Ok(self.tail.is_empty())
    }

    /// Puts a frame, in two pieces, after what comes before it.
    pub(crate) fn put(
        &mut self,
        writer: &Writer,
        first: &[u8],
        second: &[u8],
    ) -> Result<Put, Disconnected> {
        if self.settle(writer)? { self.tail.put(writer, first, second) } else { Ok(Put::Full) }
    }

    /// Puts one frame of one backlog. The tail must be empty.
    pub(crate) fn step(&mut self, writer: &Writer) -> Result<Step, Disconnected> {
        let mut outcome = Step::Done;
        for _ in 0..self.backlogs.len() {
            let Some(mut backlog) = self.backlogs.pop_front() else { break };
            let step = backlog.step(writer, &mut self.tail, &mut self.shipping);
            self.changed |= step == Ok(Step::Wrote);
            if !backlog.is_idle() {
                match step {
                    // It keeps its turn.
                    Ok(Step::Full) => self.backlogs.push_front(backlog),
                    _ => self.backlogs.push_back(backlog),
                }
            }
            match step? {
                Step::Later => outcome = Step::Later,
                Step::Done => {}
                step => return Ok(step),
            }
        }
        Ok(outcome)
    }

    /// Takes frames that must not be lost and cannot wait. Whoever writes next writes them
    /// first.
    pub(crate) fn owe(&mut self, frames: &[u8]) {
        self.tail.owe(frames);
        self.changed = true;
    }

    /// Whether something of a pipe waits here.
    pub(crate) fn has_backlog(&self, connection: ConnectionId) -> bool {
        self.backlogs.iter().any(|backlog| backlog.connection == connection)
    }

    /// Takes a pipe's end behind its backlog, and returns false when it has none.
    pub(crate) fn close_behind(&mut self, connection: ConnectionId, reason: CloseReason) -> bool {
        let backlog = self.backlogs.iter_mut().find(|backlog| backlog.connection == connection);
        let closed = backlog.map(|backlog| backlog.close(reason)).is_some();
        self.changed |= closed;
        closed
    }

    /// Puts a message of a pipe that may drop some. What has no room waits in the pipe's
    /// backlog, as `overflow` lets it. `missed` is what the pipe dropped and has not reported.
    pub(crate) fn put_lossy(
        &mut self,
        writer: &Writer,
        connection: ConnectionId,
        overflow: Overflow,
        message: &[u8],
        missed: &mut u64,
    ) -> Result<PutLossy, Disconnected> {
        let settled = self.settle(writer)?;
        let mut room = settled;
        let at = self.backlogs.iter().position(|backlog| backlog.connection == connection);
        let mut backlog = match at.and_then(|at| self.backlogs.remove(at)) {
            Some(backlog) => backlog,
            None => Backlog::new(connection, std::mem::take(missed)),
        };
        backlog.push(message.to_vec());
        for _ in 0..STEPS {
            if !room {
                break;
            }
            let step = backlog.step(writer, &mut self.tail, &mut self.shipping)?;
            self.changed |= step == Step::Wrote;
            room = step == Step::Wrote && self.tail.is_empty();
        }
        let dropped = backlog.enforce(overflow);
        // A tail that was there before is somebody's already.
        let left = !backlog.is_idle() || (settled && !self.tail.is_empty());
        if backlog.is_idle() {
            *missed += backlog.missed();
        } else {
            self.backlogs.push_back(backlog);
            self.changed = true;
        }
        Ok(PutLossy { dropped, left })
    }
}

/// What became of a message of a pipe that may drop some.
pub(crate) struct PutLossy {
    /// How many messages were dropped for it.
    pub(crate) dropped: u64,
    /// Whether something is left that somebody has to flush.
    pub(crate) left: bool,
}
