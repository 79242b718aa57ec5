//! The worker side of one ring: what goes onto it in which order.

use std::collections::VecDeque;
use std::sync::Arc;

use homing_core::frame::{Head, PrefixedHead};
use homing_core::{CloseReason, ConnectionId, Disconnected, FragmentBudget, Overflow};

use crate::backlog::{Backlog, Step};
use crate::message::most_body;
use crate::pass::Pass;
use crate::region::Region;
use crate::ring::{Memory as _, Producer};
use crate::words::{GONE, RUNG};

/// How many frames of its own backlog a sender puts on the ring in one go.
const STEPS: usize = 4;

/// The ring as all pipes of a link share it, under the link's lock.
///
/// Nothing here waits.
pub(crate) struct Stream {
    pub(crate) writer: Writer,
    pub(crate) shipping: FragmentBudget,
    /// Senders that came to wait for room in `shipping`, and how many of them had their turn.
    pub(crate) came: u64,
    pub(crate) served: u64,
    /// Frames that must not be lost and could not wait. Whoever writes next writes these
    /// first. Each piece is whole frames.
    owed: VecDeque<Vec<u8>>,
    /// In the order of their turns.
    backlogs: VecDeque<Backlog>,
    /// Whether it is a backlog's turn at the next [`settle`](Stream::settle).
    turn: bool,
    /// Whether somebody flushes what is left here.
    pub(crate) flushing: bool,
    /// Whether the foreground is gone.
    pub(crate) gone: bool,
    /// Given to the one sender of the link, if it has sent last.
    pub(crate) pass: Option<Arc<Pass>>,
    /// Whether something has changed that others wait for, and how often something has.
    pub(crate) changed: bool,
    pub(crate) changes: u64,
}

/// Puts frames on the ring, and remembers whether the bell has to be rung for them.
pub(crate) struct Writer {
    region: Arc<Region>,
    ring: Arc<Producer>,
    /// The longest body of one frame.
    pub(crate) most: usize,
    pub(crate) must_ring: bool,
}

impl Writer {
    /// Puts whole frames, in two pieces, or nothing. Says whether there was room.
    #[inline]
    pub(crate) fn put(&mut self, first: &[u8], second: &[u8]) -> Result<bool, Disconnected> {
        match self.ring.put(&*self.region, first, second) {
            Some(seen) if seen.has(GONE) => Err(Disconnected),
            Some(seen) => {
                self.must_ring |= !seen.has(RUNG);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Puts the frame of a head and a body.
    pub(crate) fn put_frame(&mut self, head: Head, body: &[u8]) -> Result<bool, Disconnected> {
        self.put(head.encode_prefixed(body.len(), &mut PrefixedHead::new()), body)
    }

    /// Whether there is room for so many bytes now.
    pub(crate) fn has_room(&mut self, len: usize) -> bool {
        self.ring.has_room(&*self.region, len)
    }

    pub(crate) fn ring_len(&self) -> usize {
        self.region.len()
    }
}

impl Stream {
    /// For a new link whose messages have at most `limit` bytes.
    pub(crate) fn new(region: Arc<Region>, ring: Arc<Producer>, limit: usize) -> Self {
        let most = most_body(region.len());
        let mut writer = Writer { region, ring, most, must_ring: false };
        // The ring is empty. That the foreground is gone is noticed soon enough, and nobody
        // needs to look before there is more.
        let _ = writer.put_frame(Head::HELLO, &[]);
        writer.must_ring = false;
        Self {
            writer,
            shipping: FragmentBudget::new(limit),
            came: 0,
            served: 0,
            owed: VecDeque::new(),
            backlogs: VecDeque::new(),
            turn: false,
            flushing: false,
            gone: false,
            pass: None,
            changed: false,
            changes: 0,
        }
    }

    /// Whether nothing comes before the next frame.
    #[inline]
    pub(crate) fn is_calm(&self) -> bool {
        self.owed.is_empty() && self.backlogs.is_empty()
    }

    /// The foreground is gone: nothing that waits is of use.
    pub(crate) fn give_up(&mut self) {
        self.gone = true;
        self.changed = true;
        self.owed.clear();
        self.backlogs.clear();
    }

    /// Puts what is owed, and says whether that was all.
    pub(crate) fn put_owed(&mut self) -> Result<bool, Disconnected> {
        while let Some(frames) = self.owed.front() {
            if !self.writer.put(frames, &[])? {
                return Ok(false);
            }
            self.owed.pop_front();
            self.changed = true;
        }
        Ok(true)
    }

    /// Puts what comes before anything else, and says whether a frame may follow.
    pub(crate) fn settle(&mut self) -> Result<bool, Disconnected> {
        if self.gone {
            return Err(Disconnected);
        }
        if !self.put_owed()? {
            return Ok(false);
        }
        // Every other time a backlog goes first: neither those who send all the time nor the
        // backlogs can keep the others from the little room that there is.
        self.turn = !self.turn && !self.backlogs.is_empty();
        if self.turn {
            self.step()?;
        }
        Ok(true)
    }

    /// Puts whole frames, in two pieces, after what comes before them. Says whether there was
    /// room.
    pub(crate) fn put(&mut self, first: &[u8], second: &[u8]) -> Result<bool, Disconnected> {
        Ok(self.settle()? && self.writer.put(first, second)?)
    }

    /// Puts one frame of one backlog. Nothing may be owed.
    pub(crate) fn step(&mut self) -> Result<Step, Disconnected> {
        let mut outcome = Step::Done;
        for _ in 0..self.backlogs.len() {
            let Some(mut backlog) = self.backlogs.pop_front() else { break };
            let step = backlog.step(&mut self.writer, &mut self.shipping);
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

    /// Takes frames that must not be lost and cannot wait.
    pub(crate) fn owe(&mut self, frames: Vec<u8>) {
        self.owed.push_back(frames);
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

    /// Puts a message of a pipe that may drop some, and says how many were dropped. What has
    /// no room waits in the pipe's backlog, as `overflow` lets it. `missed` is what the pipe
    /// dropped and has not reported.
    pub(crate) fn put_lossy(
        &mut self,
        connection: ConnectionId,
        overflow: Overflow,
        message: &[u8],
        missed: &mut u64,
    ) -> Result<u64, Disconnected> {
        let mut room = self.settle()?;
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
            let step = backlog.step(&mut self.writer, &mut self.shipping)?;
            self.changed |= step == Step::Wrote;
            room = step == Step::Wrote;
        }
        let dropped = backlog.enforce(overflow);
        if backlog.is_idle() {
            *missed += backlog.missed();
        } else {
            self.backlogs.push_back(backlog);
            self.changed = true;
        }
        Ok(dropped)
    }
}
