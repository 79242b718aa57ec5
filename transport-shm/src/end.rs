//! The worker's end of a link.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;

use homing_core::Ticket;
use homing_process::OwnedHandle;
use serde::Serialize;

use crate::bell::Socket;
use crate::in_place::{BytesSender, RawBytes};
use crate::link::Link;
use crate::outlet::{Sender, ShmOutlet};
use crate::region::Region;
use crate::shm::MOST_LIMIT;

/// The worker's end of a link: makes the senders of its pipes. Clones are handles of the
/// same link.
///
/// The link ends when the last handle and the last sender are dropped.
#[derive(Clone)]
pub struct WorkerEnd {
    link: Arc<Link>,
}

impl WorkerEnd {
    /// Takes over, in a worker process, the handles that [`Shm`](crate::Shm) has prepared,
    /// and the limit that came with them.
    ///
    /// It starts a thread (`homing-watch`) that sleeps until the foreground is gone, also by
    /// SIGKILL, or until the link ends. So a sender learns of that with its next message,
    /// although it makes no system call to look.
    ///
    /// # Errors
    ///
    /// When the handles are not those of a link of shared memory.
    pub fn adopt(handles: Vec<OwnedHandle>, limit: usize) -> io::Result<Self> {
        let Ok([memory, socket]) = <[OwnedHandle; 2]>::try_from(handles) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let region = Arc::new(Region::adopt(&memory)?);
        let link = Link::new(region, Socket::adopt(socket)?, limit.min(MOST_LIMIT), None);
        Ok(Self { link })
    }

    /// The worker's end in the foreground's own process, made on the foreground's thread.
    pub(crate) fn beside_foreground(region: Arc<Region>, socket: Socket, limit: usize) -> Self {
        Self { link: Link::new(region, socket, limit, Some(thread::current().id())) }
    }

    /// Makes the sender of a pipe, from its ticket. It is still to be started.
    pub fn sender<M: Serialize>(&self, ticket: Ticket<M>) -> Sender<M> {
        Sender::new(ticket.connection(), self.outlet(&ticket))
    }

    /// As [`sender`](WorkerEnd::sender), for messages that can be written in their place.
    pub fn bytes_sender<M: RawBytes>(&self, ticket: Ticket<M>) -> BytesSender<M> {
        BytesSender::new(Arc::clone(&self.link), &ticket)
    }

    /// What such a sender drives, for whoever wraps it.
    pub fn outlet<M>(&self, ticket: &Ticket<M>) -> ShmOutlet {
        ShmOutlet::new(Arc::clone(&self.link), ticket)
    }
}

impl fmt::Debug for WorkerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerEnd").field("limit", &self.link.limit).finish_non_exhaustive()
    }
}
