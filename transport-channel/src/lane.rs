//! One queue of a link, as the inlet keeps it.

use std::sync::Arc;

use crossbeam_utils::CachePadded;
use homing_core::wake::WakeFlag;
use homing_core::{Arrival, CloseReason, ConnectionId, End, Payload};

use crate::ends::Ends;
use crate::source::Source;

/// Raised while the inlet knows that the lane may have messages.
///
/// Its senders swap it with every message. The padding keeps that off the cache lines of
/// everybody else.
pub(crate) type SharedFlag = Arc<CachePadded<WakeFlag>>;

/// The foreground's end of a lane.
pub(crate) struct Lane {
    source: Box<dyn Source>,
    ends: Ends,
    flag: SharedFlag,
    taken: Option<Taken>,
    /// Whether it is in the inlet's turn.
    pub(crate) awake: bool,
    own: bool,
}

/// What was taken from a lane. A message itself stays in the source's front.
#[derive(Clone, Copy)]
pub(crate) enum Taken {
    Message { connection: ConnectionId },
    Missed { connection: ConnectionId, count: u64 },
    Stopped { connection: ConnectionId, end: End },
}

impl Lane {
    pub(crate) fn new(source: Box<dyn Source>, flag: SharedFlag, own: bool) -> Self {
        Self { source, ends: Ends::new(), flag, taken: None, awake: false, own }
    }

    /// Pulls a message to the front, and says whose it is. `None` when anything else comes
    /// first, or nothing. [`front`](Lane::front) is the message.
    #[inline]
    pub(crate) fn pull(&mut self) -> Option<ConnectionId> {
        if self.ends.is_due() {
            return None;
        }
        let connection = self.source.pull()?;
        self.ends.count();
        Some(connection)
    }

    /// The message that was [pulled](Lane::pull) last.
    #[inline]
    pub(crate) fn front(&mut self) -> Payload<'_> {
        Payload::Value(self.source.front())
    }

    /// Takes what comes next, and returns false when there is nothing: then the lane is
    /// asleep, and its next message will make it [ready](crate::event::Event::Ready).
    #[inline]
    pub(crate) fn advance(&mut self) -> bool {
        if self.look() {
            return true;
        }
        self.try_sleep()
    }

    /// What [`advance`](Lane::advance) has taken.
    #[inline]
    pub(crate) fn arrival(&mut self) -> Option<Arrival<'_>> {
        Some(match self.taken? {
            Taken::Message { connection } => Arrival::Message { connection, payload: self.front() },
            Taken::Missed { connection, count } => Arrival::Missed { connection, count },
            Taken::Stopped { connection, end } => Arrival::Stopped { connection, end },
        })
    }

    /// A sender has left.
    pub(crate) fn leave(&mut self, connection: ConnectionId, missed: u64, reason: CloseReason) {
        self.ends.push(self.source.waiting(), connection, missed, reason);
    }

    /// Whether nothing can come any more: it served one pipe, whose end was taken.
    pub(crate) fn is_over(&self) -> bool {
        self.own && matches!(self.taken, Some(Taken::Stopped { .. }))
    }

    #[inline]
    fn look(&mut self) -> bool {
        self.taken = match self.pull() {
            Some(connection) => Some(Taken::Message { connection }),
            None => self.ends.take(),
        };
        self.taken.is_some()
    }

    /// Lowers the flag, and looks once more.
    #[cold]
    fn try_sleep(&mut self) -> bool {
        self.flag.clear();
        if self.look() {
            // It stays awake. Should a sender have raised the flag in between, the lane
            // becomes ready while it is awake, which changes nothing.
            let _ = self.flag.set();
            return true;
        }
        self.awake = false;
        false
    }
}
