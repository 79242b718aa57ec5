//! Makes the pipes of a link whose two ends are in one process.

use std::fmt;

use homing_core::{Authorization, MakeSender, Postcard, Ticket};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::end::WorkerEnd;
use crate::outlet::Sender;

/// Makes the pipes of one link, for messages of any type that serde can write and read.
///
/// The link ends when its factory and all senders made by it are gone.
pub struct ShmFactory(pub(crate) WorkerEnd);

impl ShmFactory {
    /// The worker's end of the link, in this process.
    pub fn worker_end(&self) -> &WorkerEnd {
        &self.0
    }
}

impl<M: Serialize + DeserializeOwned> MakeSender<M> for ShmFactory {
    type Sender = Sender<M>;
    type Codec = Postcard;

    /// A link of bytes: senders in this process claim their pipes as a worker process does.
    const AUTHORIZATION: Authorization = Authorization::Nonce;

    fn make_sender(&self, ticket: Ticket<M>) -> Sender<M> {
        self.0.sender(ticket)
    }
}

impl fmt::Debug for ShmFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShmFactory").field(&self.0).finish()
    }
}
