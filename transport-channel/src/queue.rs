//! One queue of a link, as the inlet keeps it.

use std::sync::Arc;

use crossbeam_utils::CachePadded;
use homing_core::wake::WakeFlag;
use homing_core::{Arrival, CloseReason, ConnectionId, End, Payload};

use crate::deferred_closes::DeferredCloses;
use crate::reader::QueueReader;
use crate::up::Answer;

/// Set while the inlet knows that the queue may have messages.
///
/// Its senders swap it with every message. The padding keeps that off the cache lines of
/// other data.
pub(crate) type SharedFlag = Arc<CachePadded<WakeFlag>>;

/// The foreground's end of a queue.
pub(crate) struct Queue {
    reader: Box<dyn QueueReader>,
    closes: DeferredCloses,
    flag: SharedFlag,
    pulled: Option<Pulled>,
    /// Whether it is in the inlet's run queue.
    pub(crate) awake: bool,
    private: bool,
}

/// What was pulled from a queue. A message itself stays in the reader's front.
pub(crate) enum Pulled {
    Message { connection: ConnectionId },
    Answer { connection: ConnectionId, answer: Answer },
    Missed { connection: ConnectionId, count: u64 },
    Stopped { connection: ConnectionId, end: End },
}

impl Queue {
    pub(crate) fn new(reader: Box<dyn QueueReader>, flag: SharedFlag, private: bool) -> Self {
        let closes = DeferredCloses::new();
        Self { reader, closes, flag, pulled: None, awake: false, private }
    }

    /// Pulls a message to the front, and returns its pipe. `None` when anything else comes
    /// first, or nothing. [`front`](Queue::front) is the message.
    #[inline]
    pub(crate) fn pull(&mut self) -> Option<ConnectionId> {
        if self.closes.is_due() {
            return None;
        }
        let connection = self.reader.pull()?;
        self.closes.count();
        Some(connection)
    }

    /// The message that was [pulled](Queue::pull) last.
    #[inline]
    pub(crate) fn front(&mut self) -> Payload<'_> {
        Payload::Value(self.reader.front())
    }

    /// Takes what comes next, and returns false when there is nothing: then the queue is
    /// asleep, and its next message will make it [ready](crate::control::Control::Ready).
    #[inline]
    pub(crate) fn advance(&mut self) -> bool {
        if self.look() {
            return true;
        }
        self.try_sleep()
    }

    /// What [`advance`](Queue::advance) has taken.
    #[inline]
    pub(crate) fn arrival(&mut self) -> Option<Arrival<'_>> {
        Some(match self.pulled.as_mut()? {
            Pulled::Message { connection } => {
                let payload = Payload::Value(self.reader.front());
                Arrival::Message { connection: *connection, payload }
            }
            Pulled::Answer { connection, answer } => Arrival::Answer {
                connection: *connection,
                question: answer.question,
                payload: Payload::Value(&mut *answer.value),
            },
            Pulled::Missed { connection, count } => {
                Arrival::Missed { connection: *connection, count: *count }
            }
            Pulled::Stopped { connection, end } => {
                Arrival::Stopped { connection: *connection, end: end.clone() }
            }
        })
    }

    /// A sender has closed.
    pub(crate) fn close(&mut self, connection: ConnectionId, missed: u64, reason: CloseReason) {
        self.closes.push(self.reader.waiting(), connection, missed, reason);
    }

    /// Whether nothing can come any more: the queue served one pipe, whose end was taken.
    pub(crate) fn is_over(&self) -> bool {
        self.private && matches!(self.pulled, Some(Pulled::Stopped { .. }))
    }

    #[inline]
    fn look(&mut self) -> bool {
        self.pulled = match self.pull() {
            Some(connection) => Some(Pulled::Message { connection }),
            None => self.look_further(),
        };
        self.pulled.is_some()
    }

    /// No message comes next: it is an answer, an end that is due, or nothing.
    fn look_further(&mut self) -> Option<Pulled> {
        let Some((connection, answer)) = self.reader.take_answer() else {
            return self.closes.take();
        };
        self.closes.count();
        Some(Pulled::Answer { connection, answer })
    }

    /// Clears the flag, and looks once more.
    #[cold]
    fn try_sleep(&mut self) -> bool {
        self.flag.clear();
        if self.look() {
            // The queue stays awake. Should a sender have set the flag in between, the queue
            // becomes ready while it is awake, which changes nothing.
            let _ = self.flag.set();
            return true;
        }
        self.awake = false;
        false
    }
}
