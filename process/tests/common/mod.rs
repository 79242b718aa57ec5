//! What the tests with real processes share.

use homing_core::{Arrival, ConnectionId, Inlet, LinkEnd, Nonce, Ticket};
use homing_process::{Doorbell, OwnedHandle, Prepared};

struct Nothing;

impl Inlet for Nothing {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        Ok(None)
    }
}

/// A link of which only the handles matter.
pub(crate) fn prepared(handles: Vec<OwnedHandle>) -> Prepared {
    let (inlet, doorbell) = (Box::new(Nothing), Doorbell::default());
    Prepared { transport: "test", inlet, doorbell, handles, limit: 77 }
}

pub(crate) fn ticket() -> Ticket<u8> {
    Ticket::new(ConnectionId::from_parts(4, 2), Nonce::new(99))
}
