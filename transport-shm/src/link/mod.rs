//! The transport: how its links are made.

mod header_cache;
mod inlet;
#[allow(unsafe_code, reason = "memory that another process writes to")]
mod region;
mod sink;
mod space;
mod spin;
mod wake_socket;

#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use homing_core::{DecodeLimits, NewLink, Pinger, Transport};
use homing_mux::{MuxConfig, MuxHandle};
use homing_process::{Doorbell, LinkWaker, Prepared, ProcessTransport};

pub use inlet::ShmInlet;
use region::Region;
pub use sink::{Sender, ShmFactory, ShmHandle, ShmOutlet, ShmSink, adopt};
use wake_socket::{WakeDrain, WakeReceiver, WakeSocket};

/// The transport's name, by which a worker process finds the code for its end.
pub const NAME: &str = "shm";

/// The ring of each link unless another figure is chosen.
const DEFAULT_RING: usize = 1024 * 1024;

/// The transport of shared memory: makes links to worker processes, and within one process.
///
/// Each link is one ring of bytes in anonymous memory, which all its pipes share, and a
/// socket that wakes. When the ring is full, the worker waits.
///
/// Of a link within one process, the thread that makes it is taken for the foreground's: on
/// it no sender of the link ever waits.
#[derive(Clone, Debug)]
pub struct Shm {
    mux: MuxConfig,
    ring: usize,
    huge_pages: bool,
    coalesce: bool,
}

impl Shm {
    /// Makes links with a ring of 1 MiB, whose messages have at most 16 MiB.
    pub const fn new() -> Self {
        Self { mux: MuxConfig::new(), ring: DEFAULT_RING, huge_pages: false, coalesce: true }
    }

    /// Sets how many bytes a message may have at most when encoded. It may be more than the
    /// ring holds. More than 4 GiB - 1 byte is not possible.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.mux = self.mux.limit(bytes);
        self
    }

    /// Sets what a message may decode to. Without a limit on memory it is 8 times the
    /// [`limit`](Shm::limit).
    #[must_use]
    pub fn decode_limits(mut self, limits: DecodeLimits) -> Self {
        self.mux = self.mux.decode_limits(limits);
        self
    }

    /// Sets the size of each link's ring in bytes: the next power of two, from 4 KiB to
    /// 1 GiB. The system gives the memory as it is first used.
    #[must_use]
    pub const fn ring(mut self, bytes: usize) -> Self {
        self.ring = if bytes <= region::MIN_RING {
            region::MIN_RING
        } else if bytes >= region::MAX_RING {
            region::MAX_RING
        } else {
            bytes.next_power_of_two()
        };
        self
    }

    /// Asks for huge pages. Where the system has none set aside (`vm.nr_hugepages`), it is
    /// asked for transparent ones, and where it gives neither, links have ordinary pages.
    /// The size of a region is rounded up to 2 MiB.
    ///
    /// For workers that are trusted: a worker that gives such a page back to the system, and
    /// lets others take it, can make the foreground's next access to it end the process. With
    /// ordinary pages it cannot.
    #[must_use]
    pub const fn huge_pages(mut self, yes: bool) -> Self {
        self.huge_pages = yes;
        self
    }

    /// Sets whether the foreground, in dense traffic, waits some microseconds on the processor
    /// for more before it lets a link sleep. It does unless it is told not to: for small
    /// messages that is several times as fast. A link whose worker writes now and then is never
    /// waited for.
    #[must_use]
    pub const fn coalesce(mut self, yes: bool) -> Self {
        self.coalesce = yes;
        self
    }

    fn make(&self) -> io::Result<Made> {
        let (region, memory) = Region::create(self.ring, self.huge_pages)?;
        let region = Arc::new(region);
        let (here, there) = WakeSocket::pair()?;
        let wakes = Arc::new(WakeReceiver::new(here));
        let inlet = ShmInlet::new(Arc::clone(&region), Arc::clone(&wakes), self);
        Ok(Made {
            inlet,
            doorbell: Doorbell::readable(WakeDrain(wakes)),
            region,
            memory,
            socket: there,
        })
    }
}

/// The parts of a link.
struct Made {
    inlet: ShmInlet,
    doorbell: Doorbell,
    region: Arc<Region>,
    memory: OwnedFd,
    socket: WakeSocket,
}

impl Default for Shm {
    fn default() -> Self {
        Self::new()
    }
}

/// Links within this process. They do not ping: the doorbell is what wakes.
impl<P: Pinger> Transport<P> for Shm {
    type Error = io::Error;
    type Doorbell = Doorbell;
    type Inlet = ShmInlet;
    type Factory = ShmFactory;

    fn link(&mut self, _bell: P) -> io::Result<NewLink<ShmFactory, ShmInlet, Doorbell>> {
        let Made { inlet, doorbell, region, socket, .. } = self.make()?;
        let here = self.mux.clone().never_blocks_here();
        let factory = ShmFactory::new(MuxHandle::new(ShmSink::new(region, socket), here));
        Ok(NewLink { factory, inlet, doorbell })
    }
}

impl ProcessTransport for Shm {
    fn prepare(&mut self, _waker: LinkWaker) -> io::Result<Prepared> {
        let Made { inlet, doorbell, memory, socket, .. } = self.make()?;
        let handles = vec![memory, socket.into_fd()];
        Ok(Prepared::new(NAME, inlet, doorbell, handles, self.mux.limit)
            .depth(self.mux.decode_limits.max_depth()))
    }
}
