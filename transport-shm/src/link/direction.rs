//! One direction of a link: a ring, and the sockets that wake its two sides.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::region::Region;
use super::wake_socket::WakeSocket;

/// One direction, as one side of the link has it.
#[derive(Clone)]
pub(crate) struct Direction {
    pub(crate) region: Arc<Region>,
    pub(crate) socket: Arc<WakeSocket>,
}

impl Direction {
    /// Makes a direction: the foreground's end of it, and the worker's.
    pub(crate) fn make(ring: usize, huge_pages: bool) -> io::Result<(Self, WorkerEnd)> {
        let (region, memory) = Region::create(ring, huge_pages)?;
        let region = Arc::new(region);
        let (here, there) = WakeSocket::pair()?;
        let here = Self { region: Arc::clone(&region), socket: Arc::new(here) };
        Ok((here, WorkerEnd { region, memory, socket: there }))
    }

    /// Takes over, in a worker process, what it has inherited.
    pub(crate) fn adopt(memory: &OwnedFd, socket: OwnedFd) -> io::Result<Self> {
        let (region, socket) = (Region::adopt(memory)?, WakeSocket::adopt(socket)?);
        Ok(Self { region: Arc::new(region), socket: Arc::new(socket) })
    }
}

/// The worker's end of a direction that was just made.
pub(crate) struct WorkerEnd {
    region: Arc<Region>,
    memory: OwnedFd,
    socket: WakeSocket,
}

impl WorkerEnd {
    /// For a worker in this process.
    pub(crate) fn into_direction(self) -> Direction {
        Direction { region: self.region, socket: Arc::new(self.socket) }
    }

    /// For a worker process.
    pub(crate) fn into_handles(self) -> [OwnedFd; 2] {
        [self.memory, self.socket.into_fd()]
    }
}
