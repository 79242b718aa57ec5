//! What the receiver of a serial pipe is told.

use serde::{Deserialize, Serialize};

/// What the receiver of a serial pipe is told: messages, and where some are missing. On the way back
/// these are commands, and the chip is told.
///
/// A serial line is not reliable. Each message that was sent in a run of the chip is heard
/// once, in order, or is part of a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Received<M> {
    /// A message.
    Message(M),
    /// So many messages, that were sent after what was heard last and before what is heard
    /// next, are lost. It is told when the next frame of this pipe arrives, just before what
    /// that holds.
    ///
    /// Where the foreground came later than the chip, the first is all that was sent before.
    Gap(u64),
    /// The chip was reset, and what comes next is of a new run. Messages of the run before
    /// that were not received by now are lost; their number cannot be known.
    ///
    /// On the way back: the foreground's program was restarted. Commands of before that were not
    /// received by now are dropped, and the pipe is not cancelled any more.
    Reset,
}

/// The schema of the messages alone: gaps and restarts are told by the foreground's end, and do
/// not travel.
#[cfg(feature = "schema")]
impl<M: homing_core::Schema> homing_core::Schema for Received<M> {
    const SCHEMA: &'static homing_core::postcard_schema::schema::NamedType = M::SCHEMA;
}

impl<M> Received<M> {
    /// The message, if it is one.
    pub fn message(self) -> Option<M> {
        match self {
            Received::Message(message) => Some(message),
            Received::Gap(_) | Received::Reset => None,
        }
    }
}
