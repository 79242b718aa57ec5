//! The worker's end of a link.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use homing_core::Ticket;
use homing_process::OwnedHandle;
use serde::Serialize;

use crate::link::Link;
use crate::outlet::{PipeOutlet, Sender};
use crate::pipe::MOST_LIMIT;
use crate::sys::Writer;

/// The worker's end of a link: makes the senders of its pipes. Clones are handles of the
/// same link.
///
/// The link ends when the last handle and the last sender are dropped.
#[derive(Clone)]
pub struct WorkerEnd {
    link: Arc<Link>,
}

impl WorkerEnd {
    /// Takes over, in a worker process, the handles that [`Pipe`](crate::Pipe) has prepared,
    /// and the limit that came with them.
    ///
    /// On Unix it installs a handler for SIGPIPE that does nothing, so that a foreground that
    /// is gone is an error, [`Disconnected`](homing_core::Disconnected), and not the end of
    /// this process, whatever its `main` is.
    ///
    /// # Errors
    ///
    /// When the handles are not those of a link of OS pipes.
    pub fn adopt(handles: Vec<OwnedHandle>, limit: usize) -> io::Result<Self> {
        let Ok([handle]) = <[OwnedHandle; 1]>::try_from(handles) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        Self::new(handle, limit, None)
    }

    /// The worker's end in the foreground's own process.
    pub(crate) fn beside_foreground(handle: OwnedHandle, limit: usize) -> io::Result<Self> {
        Self::new(handle, limit, Some(thread::current().id()))
    }

    fn new(handle: OwnedHandle, limit: usize, foreground: Option<ThreadId>) -> io::Result<Self> {
        let writer = Writer::new(handle)?;
        Ok(Self { link: Link::new(writer, limit.min(MOST_LIMIT), foreground) })
    }

    /// Makes the sender of a pipe, from its ticket. It is still to be started.
    pub fn sender<M: Serialize>(&self, ticket: Ticket<M>) -> Sender<M> {
        Sender::new(ticket.connection(), self.outlet(&ticket))
    }

    /// What such a sender drives, for whoever wraps it.
    pub fn outlet<M>(&self, ticket: &Ticket<M>) -> PipeOutlet {
        PipeOutlet::new(Arc::clone(&self.link), ticket)
    }
}

impl fmt::Debug for WorkerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerEnd").field("limit", &self.link.limit).finish_non_exhaustive()
    }
}
