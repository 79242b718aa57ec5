//! The transport: how its links are made.

mod direction;
mod header_cache;
mod inlet;
mod listener;
#[allow(unsafe_code, reason = "memory that another process writes to")]
mod region;
mod sink;
mod space;
mod spin;
mod wake_socket;
mod worker;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use homing_core::{DecodeLimits, NewLink, Notifier, Pinger, Transport};
use homing_mux::{MuxConfig, MuxDownlink};
use homing_process::{Doorbell, LinkWaker, Prepared, ProcessTransport};

use direction::{Direction, WorkerEnd};
pub use inlet::ShmInlet;
pub use sink::{Receiver, Sender, ShmCommands, ShmFactory, ShmHandle, ShmOutlet, ShmSink};
use wake_socket::{SpaceDrain, SpaceRings, WakeDrain, WakeReceiver};
pub use worker::adopt;

/// The transport's name, by which a worker process finds the code for its end.
pub const NAME: &str = "shm";

/// The rings of each link unless other figures are chosen: that of the way there, and that of the
/// way back.
const DEFAULT_RING: usize = 1024 * 1024;
const DEFAULT_WAY_BACK_RING: usize = 64 * 1024;

/// The transport of shared memory: makes links to worker processes, and within one process.
///
/// Each link is two rings of bytes in anonymous memory, one in each direction, which all its pipes
/// share, and two pairs of sockets that wake. When the ring of the way there is full, the worker
/// waits. When that of the way back is, commands wait in the foreground.
///
/// So a worker costs the foreground two descriptors and, as they are used, 1 MiB and 64 KiB of
/// memory with two pages for indices, unless other sizes are chosen. The system gives the pages of
/// a ring when they are first written: a worker that is sent no commands has none for the way back,
/// but for the page of its indices.
///
/// Of a link within one process, the thread that makes it is taken for the foreground's: on
/// it no sender of the link ever waits.
#[derive(Clone, Debug)]
pub struct Shm {
    mux: MuxConfig,
    ring: usize,
    way_back_ring: usize,
    huge_pages: bool,
    coalesce: bool,
}

impl Shm {
    /// Makes links with a ring of 1 MiB, and one of 64 KiB for the way back, whose messages have at
    /// most 16 MiB.
    pub const fn new() -> Self {
        Self {
            mux: MuxConfig::new(),
            ring: DEFAULT_RING,
            way_back_ring: DEFAULT_WAY_BACK_RING,
            huge_pages: false,
            coalesce: true,
        }
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
        self.ring = ring_len(bytes);
        self
    }

    /// Sets the size of the ring of each link's way back, from the foreground to the worker, as
    /// [`ring`](Shm::ring) does. A command may be larger than the ring.
    #[must_use]
    pub const fn way_back_ring(mut self, bytes: usize) -> Self {
        self.way_back_ring = ring_len(bytes);
        self
    }

    /// Asks for huge pages. Where the system has none set aside (`vm.nr_hugepages`), it is
    /// asked for transparent ones, and where it gives neither, links have ordinary pages.
    /// The size of a region is rounded up to 2 MiB. The way back has ordinary pages.
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

    /// Makes the foreground's side of a link, and what the worker's is made of: the way there and
    /// the way back.
    fn make(&self) -> io::Result<(Foreground, [WorkerEnd; 2])> {
        let (there, worker_there) = Direction::make(self.ring, self.huge_pages)?;
        let (back, worker_back) = Direction::make(self.way_back_ring, false)?;
        let wakes = Arc::new(WakeReceiver::new(there.socket));
        let rings = Arc::new(SpaceRings::new());
        let doorbell = Doorbell::readable(WakeDrain(Arc::clone(&wakes))).and(SpaceDrain {
            rings: Arc::clone(&rings),
            socket: Arc::clone(&back.socket),
            link: Arc::clone(&wakes),
        });
        let Direction { region, socket } = back.clone();
        let sink = ShmSink::new(region, socket, sink::OtherDirection::There(rings));
        let other = inlet::OtherDirection::Back(back);
        let downlink = Arc::new(MuxDownlink::new(sink, self.mux.clone()));
        let notifier = Arc::clone(&downlink) as Arc<dyn Notifier>;
        let inlet = ShmInlet::new(there.region, wakes, &self.mux, self.coalesce, other)
            .with_notifier(notifier);
        Ok((Foreground { inlet, doorbell, downlink }, [worker_there, worker_back]))
    }
}

/// The foreground's side of a link.
struct Foreground {
    inlet: ShmInlet,
    doorbell: Doorbell,
    downlink: Arc<MuxDownlink<ShmSink>>,
}

/// The length of a ring of about so many bytes.
const fn ring_len(bytes: usize) -> usize {
    if bytes <= region::MIN_RING {
        region::MIN_RING
    } else if bytes >= region::MAX_RING {
        region::MAX_RING
    } else {
        bytes.next_power_of_two()
    }
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
        let (Foreground { inlet, doorbell, downlink }, [there, back]) = self.make()?;
        let config = self.mux.clone().never_blocks_here();
        let worker = worker::join(there.into_direction(), back.into_direction(), config)?;
        let factory = ShmFactory::new(worker).with_downlink(downlink);
        Ok(NewLink { factory, inlet, doorbell })
    }
}

impl ProcessTransport for Shm {
    fn prepare(&mut self, _waker: LinkWaker) -> io::Result<Prepared> {
        let (Foreground { inlet, doorbell, downlink }, ends) = self.make()?;
        let handles = ends.into_iter().flat_map(WorkerEnd::into_handles).collect();
        Ok(Prepared::new(NAME, inlet, doorbell, handles, self.mux.limit)
            .depth(self.mux.decode_limits.max_depth())
            .way_back(downlink))
    }
}
