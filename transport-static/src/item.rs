//! What lies in one place of a queue.

use homing_core::{ConnectionId, Leaving};

pub(crate) enum Item<C> {
    Message(ConnectionId, C),
    /// A sender left, after its overflow policy had dropped so many messages.
    Left(ConnectionId, Leaving, u32),
}
