//! The seam between worker processes and the transports that reach them.

use std::io;
use std::sync::Arc;

use homing_core::{DecodeLimits, Downlink, Inlet};

use crate::{Doorbell, LinkWaker, OwnedHandle};

/// A transport whose worker ends can be inherited by another process.
pub trait ProcessTransport {
    /// Makes one link for a worker process.
    ///
    /// Something has to wake the foreground when there is something to poll: the link's
    /// [doorbell](Prepared::doorbell), which the foreground watches, or the transport itself,
    /// which then pings `waker`, from any thread, and needs no doorbell.
    ///
    /// # Errors
    ///
    /// When the system gives no link.
    fn prepare(&mut self, waker: LinkWaker) -> io::Result<Prepared>;
}

/// For programs that choose the transport when they run.
impl<T: ProcessTransport + ?Sized> ProcessTransport for Box<T> {
    fn prepare(&mut self, waker: LinkWaker) -> io::Result<Prepared> {
        (**self).prepare(waker)
    }
}

/// A link for a process that has not been started yet.
#[non_exhaustive]
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
    /// How many levels deep a message may nest.
    pub depth: u32,
    /// The foreground's sending side. Without one, the link's pipes have no way back.
    pub downlink: Option<Arc<dyn Downlink>>,
}

impl Prepared {
    /// Puts the parts of a link together.
    pub fn new(
        transport: &'static str,
        inlet: impl Inlet + 'static,
        doorbell: Doorbell,
        handles: Vec<OwnedHandle>,
        limit: usize,
    ) -> Self {
        Self {
            transport,
            inlet: Box::new(inlet),
            doorbell,
            handles,
            limit,
            depth: DecodeLimits::DEFAULT_DEPTH,
            downlink: None,
        }
    }

    /// Sets how many levels deep a message may nest, so that senders refuse what the
    /// foreground would. 128 unless it is set.
    #[must_use]
    pub fn depth(mut self, levels: u32) -> Self {
        self.depth = levels;
        self
    }

    /// Gives the link a way back, so that it can have duplex pipes.
    ///
    /// The transport wakes the link when `downlink`, which had found no space, may find some: by
    /// a [second doorbell](Doorbell::and), or by the waker that it was given. Where the way back
    /// needs handles of its own, the worker inherits them behind those of the first direction.
    ///
    /// Dropping the [inlet](Prepared::inlet) closes both directions, also while parts of the
    /// foreground still hold `downlink`.
    #[must_use]
    pub fn way_back(mut self, downlink: Arc<dyn Downlink>) -> Self {
        self.downlink = Some(downlink);
        self
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("transport", &self.transport)
            .field("limit", &self.limit)
            .field("way_back", &self.downlink.is_some())
            .finish_non_exhaustive()
    }
}
