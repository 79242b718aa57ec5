//! Senders on a link whose transport was registered.

use std::fmt;
use std::sync::Arc;

use homing_core::{
    Blocking, CloseReason, Disconnected, Outlet, Panic, SendError, SendErrorKind, Ticket, codec,
};
use homing_process::{AdoptedLink, EncodedOutlet, ForkGuard};
use serde::Serialize;

/// Memory that a sender keeps for its next message.
const SCRATCH_KEEP: usize = 64 * 1024;

/// A link that was adopted by a registered transport.
#[derive(Clone)]
pub(super) struct Adopted {
    pub(super) link: Arc<dyn AdoptedLink>,
    /// The most bytes of one message.
    pub(super) limit: usize,
    /// How many levels deep a message may nest.
    pub(super) depth: u32,
    pub(super) guard: ForkGuard,
}

impl Adopted {
    pub(super) fn outlet<M, D>(&self, ticket: Ticket<M, D>) -> AdoptedOutlet {
        let message_type = ticket.message_type();
        let outlet = self.link.outlet(ticket.cast().with_message_type(message_type));
        let Self { limit, depth, guard, .. } = *self;
        AdoptedOutlet { outlet, limit, depth, guard, encoded: Vec::new() }
    }
}

impl fmt::Debug for Adopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adopted").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Encodes messages, and hands them to the transport's own end of a pipe.
pub(super) struct AdoptedOutlet {
    outlet: Box<dyn EncodedOutlet>,
    limit: usize,
    depth: u32,
    /// Senders do not reach the transport in a forked copy of this process.
    guard: ForkGuard,
    encoded: Vec<u8>,
}

impl<M: Serialize> Outlet<M> for AdoptedOutlet {
    fn open(&mut self) -> Result<(), Disconnected> {
        if self.guard.is_forked_copy() {
            return Err(Disconnected);
        }
        homing_panic::install();
        self.outlet.open()
    }

    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        if self.guard.is_forked_copy() {
            return Err(SendError::new(message, SendErrorKind::Forked));
        }
        self.encoded.clear();
        // One large message is no reason to keep as much memory for good.
        self.encoded.shrink_to(SCRATCH_KEEP);
        codec::append(&message, self.limit, self.depth, &mut self.encoded)
            .map_err(SendErrorKind::from)
            .and_then(|_| self.outlet.put(&self.encoded, blocking))
            .map_err(|kind| SendError::new(message, kind))
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        if self.guard.is_forked_copy() {
            return Err(Disconnected);
        }
        self.outlet.close(reason)
    }

    fn try_close(&mut self, reason: CloseReason) -> Result<bool, Disconnected> {
        if self.guard.is_forked_copy() {
            return Err(Disconnected);
        }
        self.outlet.try_close(reason)
    }

    fn panicking(&self) -> Option<Panic> {
        homing_panic::current()
    }
}

impl fmt::Debug for AdoptedOutlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdoptedOutlet").field("limit", &self.limit).finish_non_exhaustive()
    }
}
