//! What the tests with real processes share.

use std::process::Command;

use homing_core::{ConnectionId, Nonce, Ticket};
use homing_process::{ChildProcess, OwnedHandle, StartError};

/// Starts a worker on a link of which only the handles matter.
pub(crate) fn spawn(
    command: Command,
    handles: Vec<OwnedHandle>,
) -> Result<ChildProcess, StartError> {
    ChildProcess::spawn(command, "test", handles, 77, 9, &ticket())
}

/// The worker's first ticket.
pub(crate) fn ticket() -> Ticket<u8> {
    Ticket::new(ConnectionId::from_parts(4, 2), Nonce::new(99))
}
