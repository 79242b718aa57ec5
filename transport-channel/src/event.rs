//! What travels beside the messages.

use homing_core::{CloseReason, ConnectionId};

use crate::lane::SharedFlag;
use crate::source::Source;

/// Something rare that the worker side tells the inlet.
///
/// Events are taken in the order in which they were sent, so a lane is known before it has
/// messages, and a sender has left after all that it said.
pub(crate) enum Event {
    /// A lane was made.
    Lane {
        /// Where the inlet is to keep it.
        slot: usize,
        /// Where its messages come from.
        source: Box<dyn Source>,
        /// Raised while the inlet knows that there may be messages.
        flag: SharedFlag,
        /// Whether it serves one pipe only, and ends with it.
        own: bool,
    },
    /// A lane that slept has messages.
    Ready {
        /// Where the inlet keeps it.
        slot: usize,
    },
    /// A sender left. All its messages are in its lane.
    Left {
        /// Where the inlet keeps its lane.
        slot: usize,
        /// Its pipe.
        connection: ConnectionId,
        /// How many messages its overflow policy dropped.
        missed: u64,
        /// In which way it left.
        reason: CloseReason,
    },
}
