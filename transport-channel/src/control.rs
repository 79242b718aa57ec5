//! What travels beside the messages.

use homing_core::{CloseReason, ConnectionId};

use crate::queue::SharedFlag;
use crate::reader::QueueReader;

/// Something rare that the worker side tells the inlet.
///
/// Controls are taken in the order in which they were sent, so a queue is known before it has
/// messages, and a sender has closed after all that it sent.
pub(crate) enum Control {
    /// A queue was made.
    NewQueue {
        /// Where the inlet is to keep it.
        slot: usize,
        /// Where its messages come from.
        reader: Box<dyn QueueReader>,
        /// Set while the inlet knows that there may be messages.
        flag: SharedFlag,
        /// Whether the queue serves one pipe only, and ends with it.
        private: bool,
    },
    /// A queue that slept has messages.
    Ready {
        /// Where the inlet keeps it.
        slot: usize,
    },
    /// A sender has closed. All its messages are in its queue.
    Closed {
        /// Where the inlet keeps its queue.
        slot: usize,
        /// Its pipe.
        connection: ConnectionId,
        /// How many messages its overflow policy dropped.
        missed: u64,
        /// How it ended its pipe.
        reason: CloseReason,
    },
}
