//! Makes the pipes of a link whose two ends are in one process.

use std::fmt;
use std::sync::Arc;

use homing_core::{
    Authorization, Downlink, Duplex, EncodingRemote, MakeDuplex, MakeSender, OpenTicket, Postcard,
    Ticket,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::commands::MuxReceiver;
use crate::handle::MuxHandle;
use crate::outlet::MuxSender;
use crate::sink::FrameSink;

/// Makes the pipes of one link, for messages of any type that serde can write and read.
///
/// The link ends when its factory and all senders made by it are gone.
pub struct MuxFactory<S: FrameSink> {
    handle: MuxHandle<S>,
    downlink: Option<Arc<dyn Downlink>>,
}

impl<S: FrameSink> MuxFactory<S> {
    /// Makes the pipes of the link that `handle` is one side of.
    pub fn new(handle: MuxHandle<S>) -> Self {
        Self { handle, downlink: None }
    }

    /// Gives the link a way back, of which `downlink` is the foreground's side. The handle is to
    /// have [the other](MuxHandle::with_way_back).
    #[must_use]
    pub fn with_downlink(self, downlink: Arc<dyn Downlink>) -> Self {
        Self { downlink: Some(downlink), ..self }
    }

    /// The sending side of the link.
    pub fn handle(&self) -> &MuxHandle<S> {
        &self.handle
    }
}

impl<M: Serialize + DeserializeOwned, S: FrameSink> MakeSender<M> for MuxFactory<S> {
    type Sender = MuxSender<M, S>;
    type Codec = Postcard;

    /// A link of bytes: senders in this process claim their pipes as a worker process does.
    const AUTHORIZATION: Authorization = Authorization::Nonce;

    fn make_sender(&self, ticket: Ticket<M>) -> MuxSender<M, S> {
        self.handle.sender(ticket)
    }
}

impl<D, U, S> MakeDuplex<D, U> for MuxFactory<S>
where
    D: Serialize + DeserializeOwned,
    U: Serialize + DeserializeOwned,
    S: FrameSink,
{
    type Ends = (MuxReceiver<D, S>, MuxSender<U, S>);

    fn make_duplex(&self, ticket: Ticket<U, D>, capacity: usize) -> Option<Duplex<Self::Ends, D>> {
        let downlink = self.downlink.as_deref()?;
        let remote = EncodingRemote::new(downlink, ticket.connection(), capacity);
        Some(Duplex::new(self.handle.duplex(ticket), Arc::new(remote)))
    }
}

impl<D, U, S> OpenTicket<D, U> for MuxFactory<S>
where
    D: Serialize + DeserializeOwned,
    U: Serialize + DeserializeOwned,
    S: FrameSink,
{
    fn open_ticket(&self, ticket: Ticket<U, D>) -> Self::Ends {
        self.handle.duplex(ticket)
    }
}

impl<S: FrameSink> fmt::Debug for MuxFactory<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MuxFactory").field(&self.handle).finish()
    }
}
