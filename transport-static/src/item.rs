//! What lies in one place of a queue.

use homing_core::{CloseReason, ConnectionId};

pub(crate) enum Item<C> {
    Message(ConnectionId, C),
    /// A sender has closed, after its overflow policy had dropped so many messages.
    Closed(ConnectionId, CloseReason, u32),
}
