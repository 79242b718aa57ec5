//! Messages that wait in this process, for policies that drop older ones: what is dropped is
//! decided here, for all transports of bytes.

use std::collections::VecDeque;
use std::task::Waker;

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
    messages: VecDeque<Queued>,
    /// How many of those the policy may drop, and their lengths.
    droppable: usize,
    bytes: usize,
    closing: Option<CloseReason>,
    /// Woken when all is written.
    pub(crate) task: Option<Waker>,
}

/// A message, or an answer to a question.
struct Queued {
    question: Option<u32>,
    bytes: Vec<u8>,
}

/// A message in fragments of which at least the first is written. It is not dropped any more.
struct PartiallySent {
    message: Vec<u8>,
    at: usize,
}

/// What has become of a message that was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withdrawn {
    /// Nothing of it is written.
    Unsent,
    /// A part of it is written: the peer is to be told that the rest does not come.
    Begun,
    /// All of it is written.
    Sent,
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
        Self {
            connection,
            dropped,
            partial: None,
            messages: VecDeque::new(),
            droppable: 0,
            bytes: 0,
            closing: None,
            task: None,
        }
    }

    pub(crate) fn push(&mut self, message: Vec<u8>) {
        self.droppable += 1;
        self.bytes += message.len();
        self.messages.push_back(Queued { question: None, bytes: message });
    }

    /// Queues the answer to a question. It is not dropped.
    pub(crate) fn push_answer(&mut self, question: u32, answer: Vec<u8>) {
        self.messages.push_back(Queued { question: Some(question), bytes: answer });
    }

    /// Takes back what was pushed last, and says what became of it.
    pub(crate) fn withdraw(&mut self, budget: &mut FragmentBudget) -> Withdrawn {
        if let Some(last) = self.messages.pop_back() {
            self.note_removed(&last);
            return Withdrawn::Unsent;
        }
        match self.partial.take() {
            Some(PartiallySent { message, .. }) => {
                budget.release(message.len());
                Withdrawn::Begun
            }
            None => Withdrawn::Sent,
        }
    }

    fn note_removed(&mut self, queued: &Queued) {
        if queued.question.is_none() {
            self.droppable -= 1;
            self.bytes -= queued.bytes.len();
        }
    }

    /// How many messages are not written, or only in part.
    pub(crate) fn len(&self) -> usize {
        self.messages.len() + usize::from(self.partial.is_some())
    }

    /// Drops the messages of which nothing is written.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        (self.droppable, self.bytes) = (0, 0);
    }

    /// Drops what `overflow` does not let wait, and says how many messages that were.
    pub(crate) fn apply_policy(&mut self, overflow: Overflow) -> u64 {
        let mut dropped = 0;
        while match overflow {
            Overflow::DropOldest => {
                let len = self.droppable;
                len > MAX_QUEUED || (self.bytes > MAX_QUEUED_BYTES && len > 1)
            }
            Overflow::LatestWins => self.droppable > 1,
            // What did not find space at once is dropped.
            _ => self.droppable > 0,
        } {
            let oldest = self.messages.iter().position(|queued| queued.question.is_none());
            let Some(oldest) = oldest.and_then(|oldest| self.messages.remove(oldest)) else {
                break;
            };
            self.note_removed(&oldest);
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
        let (question, message) = (message.question, message.bytes.as_slice());
        let len = message.len();
        let whole = len <= max;
        if !whole && !budget.reserve(len) {
            return Ok(WriteOutcome::BudgetExhausted);
        }
        let (header, body) = match (whole, question) {
            (true, None) => (Header::Message { connection }, message),
            (true, Some(question)) => (Header::Answer { connection, question }, message),
            (false, _) => fragment(connection, question, message, 0, max),
        };
        let at = body.len();
        let wrote = write(header, body)?;
        if wrote == WriteOutcome::Wrote {
            let sent = self.messages.pop_front();
            sent.iter().for_each(|sent| self.note_removed(sent));
            if let (Some(sent), false) = (sent, whole) {
                self.partial = Some(PartiallySent { message: sent.bytes, at });
            }
        } else if !whole {
            budget.release(len);
        }
        Ok(wrote)
    }
}
