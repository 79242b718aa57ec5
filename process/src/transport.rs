//! The seam between worker processes and the transports that reach them.

use std::io;

use homing_core::Inlet;

use crate::{Doorbell, OwnedHandle};

/// A transport whose worker ends can be inherited by another process.
pub trait ProcessTransport {
    /// Makes one link for a worker process.
    ///
    /// # Errors
    ///
    /// When the system gives no link.
    fn prepare(&mut self) -> io::Result<Prepared>;
}

/// A link for a process that has not been started yet.
pub struct Prepared {
    /// The transport's name, by which the worker finds the code for its end.
    pub transport: &'static str,
    /// Where the worker's messages arrive.
    pub inlet: Box<dyn Inlet>,
    /// What the foreground watches.
    pub doorbell: Doorbell,
    /// What the worker inherits, in an order that the transport's two ends agree on.
    pub handles: Vec<OwnedHandle>,
    /// The most bytes of one message.
    pub limit: usize,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("transport", &self.transport)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
