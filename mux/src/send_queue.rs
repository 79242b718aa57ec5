//! Messages that wait in this process, for policies that drop older ones: what is dropped is
//! decided here, for all transports of bytes.

use std::collections::VecDeque;

use homing_core::{CloseReason, ConnectionId, Disconnected, Overflow};

use crate::close_reason;
use crate::fragment_budget::FragmentBudget;
use crate::frame::{Header, PrefixedHeader};
use crate::message::fragment;
use crate::pending::PendingWrites;
use crate::sink::FrameSink;

/// The most messages of one pipe that wait under [`Overflow::DropOldest`], and their bytes.
const MAX_QUEUED: usize = 64;
const MAX_QUEUED_BYTES: usize = 64 * 1024;

/// What one pipe still has to write, in order: a report of what it dropped, the rest of a
/// large message, further messages, its end.
pub(crate) struct SendQueue {
    pub(crate) connection: ConnectionId,
    dropped: u64,
    partial: Option<PartiallySent>,
    messages: VecDeque<Vec<u8>>,
    /// The lengths of those.
    bytes: usize,
    closing: Option<CloseReason>,
}

/// A message in fragments of which at least the first is written. It is not dropped any more.
struct PartiallySent {
    message: Vec<u8>,
    at: usize,
}

/// How far one write of a queue came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// One frame was written.
    Wrote,
    /// The sink has no space.
    WouldBlock,
    /// Other large messages are on their way, and one more would be too much for the peer.
    BudgetExhausted,
    /// Nothing is left.
    Idle,
}

impl SendQueue {
    /// For a pipe that has dropped so many messages and not said so.
    pub(crate) fn new(connection: ConnectionId, dropped: u64) -> Self {
        let messages = VecDeque::new();
        Self { connection, dropped, partial: None, messages, bytes: 0, closing: None }
    }

    pub(crate) fn push(&mut self, message: Vec<u8>) {
        self.bytes += message.len();
        self.messages.push_back(message);
    }

    /// How many messages are not written, or only in part.
    pub(crate) fn len(&self) -> usize {
        self.messages.len() + usize::from(self.partial.is_some())
    }

    /// Drops the messages of which nothing is written.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.bytes = 0;
    }

    /// Drops what `overflow` does not let wait, and says how many messages that were.
    pub(crate) fn apply_policy(&mut self, overflow: Overflow) -> u64 {
        let mut dropped = 0;
        while match overflow {
            Overflow::DropOldest => {
                let len = self.messages.len();
                len > MAX_QUEUED || (self.bytes > MAX_QUEUED_BYTES && len > 1)
            }
            Overflow::LatestWins => self.messages.len() > 1,
            // What did not find space at once is dropped.
            _ => !self.messages.is_empty(),
        } {
            let message = self.messages.pop_front().unwrap_or_default();
            self.bytes -= message.len();
            dropped += 1;
        }
        self.dropped += dropped;
        dropped
    }

    /// Whether nothing is left but what may as well be reported with the next message.
    pub(crate) fn is_idle(&self) -> bool {
        self.partial.is_none() && self.messages.is_empty() && self.closing.is_none()
    }

    /// What was dropped and not reported.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The pipe's end follows all that is queued.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.closing = Some(reason);
    }

    /// Writes one frame. Nothing may be pending.
    pub(crate) fn write_next<S: FrameSink>(
        &mut self,
        sink: &S,
        pending: &mut PendingWrites,
        budget: &mut FragmentBudget,
    ) -> Result<WriteOutcome, Disconnected> {
        if self.is_idle() {
            return Ok(WriteOutcome::Idle);
        }
        let (connection, max) = (self.connection, sink.max_body());
        let mut write = |header: Header, body: &[u8]| {
            let mut buffer = PrefixedHeader::new();
            let header = header.encode_prefixed(body.len(), &mut buffer);
            pending.write(sink, header, body).map(|accepted| match accepted.is_accepted() {
                true => WriteOutcome::Wrote,
                false => WriteOutcome::WouldBlock,
            })
        };
        if self.dropped > 0 {
            let wrote = write(Header::Dropped { connection, count: self.dropped }, &[])?;
            if wrote == WriteOutcome::Wrote {
                self.dropped = 0;
            }
            return Ok(wrote);
        }
        if let Some(PartiallySent { message, at }) = &mut self.partial {
            let (header, body) = fragment(connection, None, message, *at, max);
            let wrote = write(header, body)?;
            if wrote == WriteOutcome::Wrote {
                *at += body.len();
                if *at == message.len() {
                    budget.release(message.len());
                    self.partial = None;
                }
            }
            return Ok(wrote);
        }
        let Some(message) = self.messages.front() else {
            let Some(reason) = &self.closing else { return Ok(WriteOutcome::Idle) };
            let (reason, text) = close_reason::encode(reason, max);
            let wrote = write(Header::Stop { connection, reason }, &text)?;
            if wrote == WriteOutcome::Wrote {
                self.closing = None;
            }
            return Ok(wrote);
        };
        let len = message.len();
        let whole = len <= max;
        if !whole && !budget.reserve(len) {
            return Ok(WriteOutcome::BudgetExhausted);
        }
        let (header, body) = match whole {
            true => (Header::Message { connection }, message.as_slice()),
            false => fragment(connection, None, message, 0, max),
        };
        let at = body.len();
        let wrote = write(header, body)?;
        if wrote == WriteOutcome::Wrote {
            self.bytes -= len;
            let message = self.messages.pop_front().unwrap_or_default();
            if !whole {
                self.partial = Some(PartiallySent { message, at });
            }
        } else if !whole {
            budget.release(len);
        }
        Ok(wrote)
    }
}
