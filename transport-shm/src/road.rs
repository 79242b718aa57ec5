//! Makes the pipes of a link whose two ends are in one process.

use std::fmt;

use homing_core::{Carries, Claim, Parcel, Ticket, Undecodable};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::end::WorkerEnd;
use crate::outlet::Sender;

/// Makes the pipes of one link, for messages of any type that serde can write and read.
///
/// The link ends when its road and all senders made by it are gone.
pub struct ShmRoad(pub(crate) WorkerEnd);

impl ShmRoad {
    /// The worker's end of the link, in this process.
    pub fn worker_end(&self) -> &WorkerEnd {
        &self.0
    }
}

impl<M: Serialize + DeserializeOwned> Carries<M> for ShmRoad {
    type Far = Sender<M>;

    /// A link of bytes: senders in this process claim their pipes as a worker process does.
    const CLAIM: Claim = Claim::ByNonce;

    fn far(&self, ticket: Ticket<M>) -> Sender<M> {
        self.0.sender(ticket)
    }

    #[inline]
    fn open(parcel: Parcel<'_>) -> Result<M, Undecodable> {
        parcel.decode()
    }
}

impl fmt::Debug for ShmRoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShmRoad").field(&self.0).finish()
    }
}
