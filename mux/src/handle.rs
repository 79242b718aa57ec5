//! A handle of one side of a link.

use std::fmt;
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};

use homing_core::{DecodeLimits, Ticket};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::commands::{MuxCommands, MuxReceiver};
use crate::frame::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::message::MessageBounds;
use crate::mux::Mux;
use crate::outlet::{MuxOutlet, MuxSender};
use crate::reassembler::Reassembler;
use crate::reserve::{RawBytes, ReservingSender};
use crate::sink::FrameSink;
use crate::way_back::WayBack;

/// What the two sides of a link agree on, and what is particular to this one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MuxConfig {
    /// The most bytes of one message, at most [`MAX_LIMIT`].
    pub limit: usize,
    /// What the receiver lets a message decode to. Senders refuse what nests deeper.
    pub decode_limits: DecodeLimits,
    /// The thread on which no sender of the link ever waits, if it is one of this process.
    pub never_blocks_on: Option<ThreadId>,
}

impl MuxConfig {
    /// A limit of 16 MiB, the usual limits on what a message decodes to, and no thread that must not wait.
    pub const fn new() -> Self {
        Self { limit: DEFAULT_LIMIT, decode_limits: DecodeLimits::new(), never_blocks_on: None }
    }

    /// Sets how many bytes a message may have at most when encoded. More than 4 GiB - 1 byte
    /// is not possible.
    #[must_use]
    pub const fn limit(mut self, bytes: usize) -> Self {
        self.limit = if bytes < MAX_LIMIT { bytes } else { MAX_LIMIT };
        self
    }

    /// Sets what the receiver lets a message decode to.
    #[must_use]
    pub const fn decode_limits(mut self, limits: DecodeLimits) -> Self {
        self.decode_limits = limits;
        self
    }

    /// The other side's part of the configuration: what puts frames together to messages.
    pub const fn reassembler(&self) -> Reassembler {
        Reassembler::new(self.limit).decode_limits(self.decode_limits)
    }

    /// No sender of the link ever waits on the calling thread: for a link whose reader runs on
    /// it, which would wait for itself.
    #[must_use]
    pub fn never_blocks_here(mut self) -> Self {
        self.never_blocks_on = Some(thread::current().id());
        self
    }
}

impl Default for MuxConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// One side of a link: makes the senders of its pipes. Clones are handles of the same link.
///
/// The link ends when the last handle and the last sender are dropped, and what they have
/// left behind is written.
pub struct MuxHandle<S: FrameSink> {
    mux: Arc<Mux<S>>,
}

impl<S: FrameSink> MuxHandle<S> {
    /// Takes a sink over, to which nothing was written yet.
    pub fn new(sink: S, config: MuxConfig) -> Self {
        let MuxConfig { limit, decode_limits, never_blocks_on } = config;
        let bounds = MessageBounds { len: limit.min(MAX_LIMIT), depth: decode_limits.max_depth() };
        Self { mux: Mux::new(sink, bounds, never_blocks_on) }
    }

    pub(crate) fn into_mux(self) -> Arc<Mux<S>> {
        self.mux
    }

    /// Gives the link a way back, which is read on this side.
    #[must_use]
    pub fn with_way_back(self, way_back: WayBack) -> Self {
        self.mux.set_way_back(way_back);
        self
    }

    /// Makes the ends of a duplex pipe, from its ticket. The receiver gets nothing on a link
    /// without a [way back](MuxHandle::with_way_back).
    pub fn duplex<D: DeserializeOwned, U: Serialize>(
        &self,
        ticket: Ticket<U, D>,
    ) -> (MuxReceiver<D, S>, MuxSender<U, S>) {
        let commands = self.commands(&ticket);
        let outlet = self.outlet(&ticket);
        let connection = ticket.connection();
        (MuxReceiver::new(connection, commands), MuxSender::new(connection, outlet))
    }

    /// What the receiver of a duplex pipe drives, for code that wraps it.
    pub fn commands<D, U>(&self, ticket: &Ticket<U, D>) -> MuxCommands<D, S> {
        MuxCommands::new(Arc::clone(&self.mux), ticket)
    }

    /// Makes the sender of a pipe, from its ticket. It is still to be started.
    pub fn sender<M: Serialize>(&self, ticket: Ticket<M>) -> MuxSender<M, S> {
        MuxSender::new(ticket.connection(), self.outlet(&ticket))
    }

    /// As [`sender`](MuxHandle::sender), for messages that can be written piece by piece.
    pub fn reserving_sender<M: RawBytes>(
        &self,
        ticket: Ticket<M>,
    ) -> ReservingSender<M, MuxOutlet<S>> {
        let outlet = self.outlet(&ticket);
        let target = outlet.reserve_target();
        ReservingSender::new(MuxSender::new(ticket.connection(), outlet), target)
    }

    /// What such a sender drives, for code that wraps it.
    pub fn outlet<M, D>(&self, ticket: &Ticket<M, D>) -> MuxOutlet<S> {
        MuxOutlet::new(Arc::clone(&self.mux), ticket)
    }

    /// Writes the preface now, if there is space, rather than with the first frame: the peer
    /// learns that this side is there. For a transport, when a worker process takes its link.
    pub fn open(&self) {
        // A peer that is gone is found by the first sender.
        let _ = self.mux.with(|scheduler, sink| scheduler.flush_pending(sink));
    }

    /// A handle that does not keep the link open.
    pub fn downgrade(&self) -> WeakMuxHandle<S> {
        WeakMuxHandle { mux: Arc::downgrade(&self.mux) }
    }

    /// Tells all senders of the link that the peer is gone, those that wait too. For a
    /// transport that finds it out by itself.
    pub fn disconnect(&self) {
        self.mux.disconnect();
    }
}

impl<S: FrameSink> Clone for MuxHandle<S> {
    fn clone(&self) -> Self {
        Self { mux: Arc::clone(&self.mux) }
    }
}

impl<S: FrameSink> fmt::Debug for MuxHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MuxHandle").field("limit", &self.mux.bounds.len).finish_non_exhaustive()
    }
}

/// A handle of one side of a link that does not keep it open.
pub struct WeakMuxHandle<S: FrameSink> {
    mux: Weak<Mux<S>>,
}

impl<S: FrameSink> WeakMuxHandle<S> {
    /// A handle that does, while the link is open.
    pub fn upgrade(&self) -> Option<MuxHandle<S>> {
        self.mux.upgrade().map(|mux| MuxHandle { mux })
    }
}

impl<S: FrameSink> fmt::Debug for WeakMuxHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakMuxHandle").finish_non_exhaustive()
    }
}
