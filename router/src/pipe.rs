//! Names a pipe together with its router.

use homing_core::ConnectionId;

/// Names one pipe of one router, to close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PipeId {
    connection: ConnectionId,
    router: u64,
}

impl PipeId {
    pub(crate) fn new(connection: ConnectionId, router: u64) -> Self {
        Self { connection, router }
    }

    /// The connection id that the pipe's messages carry.
    pub fn connection(self) -> ConnectionId {
        self.connection
    }

    pub(crate) fn router(self) -> u64 {
        self.router
    }
}
