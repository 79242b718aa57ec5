//! Makes the pipes of a link whose two ends are in one process.

use std::fmt;

use homing_core::{Authorization, MakeSender, Postcard, Ticket};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::handle::MuxHandle;
use crate::outlet::MuxSender;
use crate::sink::FrameSink;

/// Makes the pipes of one link, for messages of any type that serde can write and read.
///
/// The link ends when its factory and all senders made by it are gone.
pub struct MuxFactory<S: FrameSink>(MuxHandle<S>);

impl<S: FrameSink> MuxFactory<S> {
    /// Makes the pipes of the link that `handle` is one side of.
    pub fn new(handle: MuxHandle<S>) -> Self {
        Self(handle)
    }

    /// The sending side of the link.
    pub fn handle(&self) -> &MuxHandle<S> {
        &self.0
    }
}

impl<M: Serialize + DeserializeOwned, S: FrameSink> MakeSender<M> for MuxFactory<S> {
    type Sender = MuxSender<M, S>;
    type Codec = Postcard;

    /// A link of bytes: senders in this process claim their pipes as a worker process does.
    const AUTHORIZATION: Authorization = Authorization::Nonce;

    fn make_sender(&self, ticket: Ticket<M>) -> MuxSender<M, S> {
        self.0.sender(ticket)
    }
}

impl<S: FrameSink> fmt::Debug for MuxFactory<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MuxFactory").field(&self.0).finish()
    }
}
