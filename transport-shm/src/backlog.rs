//! Messages that wait in worker memory, for policies that drop older ones.

use std::collections::VecDeque;

use homing_core::frame::Head;
use homing_core::{CloseReason, ConnectionId, Disconnected, FragmentBudget, Overflow};

use crate::message::part;
use crate::stream::Writer;

/// The most messages of one pipe that wait under [`Overflow::DropOldest`], and their bytes.
const MOST: usize = 64;
const MOST_BYTES: usize = 64 * 1024;

/// What one pipe still has to put on the ring, in order: a report of what it dropped, the
/// rest of a large message, further messages, its end.
pub(crate) struct Backlog {
    pub(crate) connection: ConnectionId,
    missed: u64,
    begun: Option<Begun>,
    waiting: VecDeque<Vec<u8>>,
    /// The lengths of those that wait.
    bytes: usize,
    closing: Option<CloseReason>,
}

/// A message in parts of which at least the first is on the ring. It is not dropped any
/// more.
struct Begun {
    message: Vec<u8>,
    at: usize,
}

/// How far one step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// One frame was put.
    Wrote,
    /// The ring has no room.
    Full,
    /// Other large messages are on their way, and one more would be too much for the reader.
    Later,
    /// Nothing is left.
    Done,
}

impl Backlog {
    /// For a pipe that has dropped `missed` messages and not said so.
    pub(crate) fn new(connection: ConnectionId, missed: u64) -> Self {
        let waiting = VecDeque::new();
        Self { connection, missed, begun: None, waiting, bytes: 0, closing: None }
    }

    pub(crate) fn push(&mut self, message: Vec<u8>) {
        self.bytes += message.len();
        self.waiting.push_back(message);
    }

    /// Drops what `overflow` does not let wait, and says how many messages that were.
    pub(crate) fn enforce(&mut self, overflow: Overflow) -> u64 {
        let mut dropped = 0;
        while match overflow {
            Overflow::DropOldest => {
                self.waiting.len() > MOST || (self.bytes > MOST_BYTES && self.waiting.len() > 1)
            }
            Overflow::LatestWins => self.waiting.len() > 1,
            // What did not find room at once is dropped.
            _ => !self.waiting.is_empty(),
        } {
            let message = self.waiting.pop_front().unwrap_or_default();
            self.bytes -= message.len();
            dropped += 1;
        }
        self.missed += dropped;
        dropped
    }

    /// Whether nothing is left but what may as well be reported with the next message.
    pub(crate) fn is_idle(&self) -> bool {
        self.begun.is_none() && self.waiting.is_empty() && self.closing.is_none()
    }

    /// What was dropped and not reported.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }

    /// The pipe's end follows all that waits.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.closing = Some(reason);
    }

    /// Puts one frame on the ring.
    pub(crate) fn step(
        &mut self,
        writer: &mut Writer,
        shipping: &mut FragmentBudget,
    ) -> Result<Step, Disconnected> {
        let (connection, most) = (self.connection, writer.most);
        if self.is_idle() {
            return Ok(Step::Done);
        }
        if self.missed > 0 {
            if !writer.put_frame(Head::Missed { connection, count: self.missed }, &[])? {
                return Ok(Step::Full);
            }
            self.missed = 0;
            return Ok(Step::Wrote);
        }
        if let Some(Begun { message, at }) = &mut self.begun {
            let (head, body) = part(connection, message, *at, most);
            if !writer.put_frame(head, body)? {
                return Ok(Step::Full);
            }
            *at += body.len();
            if *at == message.len() {
                shipping.end(message.len());
                self.begun = None;
            }
            return Ok(Step::Wrote);
        }
        let Some(message) = self.waiting.front() else {
            let Some(reason) = self.closing else { return Ok(Step::Done) };
            if !writer.put_frame(Head::Stop { connection, reason }, &[])? {
                return Ok(Step::Full);
            }
            self.closing = None;
            return Ok(Step::Wrote);
        };
        let len = message.len();
        let whole = len <= most;
        if !whole && !shipping.begin(len) {
            return Ok(Step::Later);
        }
        let (head, body) = match whole {
            true => (Head::Message { connection }, message.as_slice()),
            false => part(connection, message, 0, most),
        };
        let at = body.len();
        if !writer.put_frame(head, body)? {
            if !whole {
                shipping.end(len);
            }
            return Ok(Step::Full);
        }
        self.bytes -= len;
        let message = self.waiting.pop_front().unwrap_or_default();
        if !whole {
            self.begun = Some(Begun { message, at });
        }
        Ok(Step::Wrote)
    }
}
