//! The socket between the two sides: rings, room, and the end of either.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use homing_core::{Disconnected, LinkEnd, ProtocolError};
use homing_process::{ForkGuard, PumpStatus};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, recv, send, shutdown,
    socketpair,
};

/// How many bytes one look at the socket takes, and how many looks there are before others
/// have their turn. An honest peer has a few bytes on the way at most.
const BYTES: usize = 64;
const LOOKS: usize = 4;

/// How often a worker may ring between two frames. An honest one rings once or twice: the
/// foreground may find a frame before it hears the ring.
const MAX_EMPTY_RINGS: u32 = 1000;

/// One end of the socket. A byte says: look again. Which byte does not matter.
#[derive(Debug)]
pub(crate) struct WakeSocket(OwnedFd, ForkGuard);

/// What is on the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cleared {
    Empty,
    More,
    Gone,
}

impl WakeSocket {
    /// Both ends: they do not block, and are closed when another program is started.
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (one, two) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let guard = ForkGuard::new();
        Ok((Self(one, guard), Self(two, guard)))
    }

    /// An end that was inherited.
    pub(crate) fn adopt(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        if rustix::net::sockopt::socket_type(&fd)? != SocketType::STREAM {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Self(fd, ForkGuard::new()))
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.0
    }

    /// Makes the other side look. It neither waits nor raises a signal.
    pub(crate) fn ring(&self) -> Result<(), Disconnected> {
        loop {
            return match send(&self.0, &[0], SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                // No room: there are so many bytes already that it will look.
                Ok(_) | Err(Errno::AGAIN) => Ok(()),
                Err(Errno::INTR) => continue,
                Err(_) => Err(Disconnected),
            };
        }
    }

    /// Takes the bytes that are there, so that the socket can ring again. Says how many.
    fn clear(&self) -> (Cleared, u32) {
        let mut rings = 0;
        for _ in 0..LOOKS {
            match recv(&self.0, &mut [0; BYTES], RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return (Cleared::Gone, rings),
                Ok((_, BYTES)) => rings += BYTES as u32,
                Err(Errno::INTR) => {}
                // That was all. An end that has come as well is found by the next look.
                Ok((_, len)) => return (Cleared::Empty, rings + len as u32),
                Err(Errno::AGAIN) => return (Cleared::Empty, rings),
                // A peer that closed with bytes unread resets the connection.
                Err(_) => return (Cleared::Gone, rings),
            }
        }
        (Cleared::More, rings)
    }

    /// The socket among others that are polled: for what the other side says, and for its end.
    pub(crate) fn watched(&self) -> PollFd<'_> {
        PollFd::new(&self.0, PollFlags::IN)
    }

    /// The same, for its end alone.
    pub(crate) fn watched_for_end(&self) -> PollFd<'_> {
        PollFd::new(&self.0, PollFlags::empty())
    }

    /// Takes what the other side has said.
    pub(crate) fn take(&self) -> Result<(), Disconnected> {
        match self.clear().0 {
            Cleared::Empty | Cleared::More => Ok(()),
            Cleared::Gone => Err(Disconnected),
        }
    }

    /// Waits until the other side is gone, or this one has [let go](WakeSocket::close). It takes
    /// nothing that was said.
    pub(crate) fn wait_gone(&self) {
        loop {
            match poll(&mut [self.watched_for_end()], None) {
                Err(Errno::INTR) => {}
                Err(Errno::NOMEM | Errno::AGAIN) => std::thread::yield_now(),
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Whether this process is a forked copy of the one that has the link.
    #[inline]
    pub(crate) fn is_forked_copy(&self) -> bool {
        self.1.is_forked_copy()
    }

    /// Says that this side is gone, whatever process may still hold the descriptor.
    pub(crate) fn close(&self) {
        if self.is_forked_copy() {
            return;
        }
        // It fails only when the other side is gone.
        let _ = shutdown(&self.0, Shutdown::Both);
    }
}

/// The reader's end, as the inlet and what takes the rings share it: the foreground's pump, or the
/// worker's threads.
#[derive(Debug)]
pub(crate) struct WakeReceiver {
    socket: Arc<WakeSocket>,
    end: AtomicU8,
    /// Rings since the inlet last found something. Only counts: it publishes nothing.
    rings: AtomicU32,
}

/// The values of `WakeReceiver::end`.
const OPEN: u8 = 0;
const ENDED: u8 = 1;
const BROKEN: u8 = 2;
const EMPTY_RINGS: u8 = 3;

impl WakeReceiver {
    pub(crate) fn new(socket: Arc<WakeSocket>) -> Self {
        Self { socket, end: AtomicU8::new(OPEN), rings: AtomicU32::new(0) }
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> &WakeSocket {
        &self.socket
    }

    /// How the writer's end has come to its end, if it has. What was put before is in the
    /// ring for a reader that looks after this.
    #[inline]
    pub(crate) fn end(&self) -> Option<LinkEnd> {
        // Acquire pairs with the Release of `finish`: what the worker has published before
        // its end was seen there is seen here.
        match self.end.load(Ordering::Acquire) {
            OPEN => None,
            ENDED => Some(LinkEnd::gone()),
            EMPTY_RINGS => Some(LinkEnd::Refused(ProtocolError::EmptyRings)),
            _ => Some(LinkEnd::Refused(ProtocolError::Broken)),
        }
    }

    /// The inlet has found something: rings before it were not empty.
    #[inline]
    pub(crate) fn note_data(&self) {
        if self.rings.load(Ordering::Relaxed) != 0 {
            self.rings.store(0, Ordering::Relaxed);
        }
    }

    /// Counts rings, and says whether there are too many without data.
    fn note_rings(&self, rings: u32) -> bool {
        self.rings.fetch_add(rings, Ordering::Relaxed).saturating_add(rings) > MAX_EMPTY_RINGS
    }

    fn finish(&self, end: u8) {
        // The first to say so is right. On failure nothing is read.
        let _ = self.end.compare_exchange(OPEN, end, Ordering::Release, Ordering::Relaxed);
    }

    /// The writer is gone.
    pub(crate) fn note_gone(&self) {
        self.finish(ENDED);
    }

    /// Wakes the writer, which waits for room.
    pub(crate) fn notify_writer(&self) {
        // One that is gone needs no room.
        let _ = self.socket.ring();
    }

    /// Whether this process is a forked copy of the foreground.
    pub(crate) fn is_forked_copy(&self) -> bool {
        self.socket.is_forked_copy()
    }

    /// The inlet goes: the worker is told, and the pump ends.
    pub(crate) fn close(&self) {
        self.socket.close();
    }
}

/// The rings that tell the foreground of room on the way back.
#[derive(Debug)]
pub(crate) struct SpaceRings {
    /// Rings since the worker last made room. Only counts, as `head` only compares.
    rings: AtomicU32,
    /// How far the worker was when the foreground last waited for room.
    head: AtomicU64,
}

impl SpaceRings {
    pub(crate) fn new() -> Self {
        Self { rings: AtomicU32::new(0), head: AtomicU64::new(0) }
    }

    /// The foreground waits for room, and this is how far the worker is. The calls are serialized.
    pub(crate) fn note_wait(&self, head: u64) {
        if self.head.swap(head, Ordering::Relaxed) != head {
            self.rings.store(0, Ordering::Relaxed);
        }
    }
}

/// Takes the rings of the way back off its socket, on the thread that watches it.
#[derive(Debug)]
pub(crate) struct SpaceDrain {
    pub(crate) rings: Arc<SpaceRings>,
    pub(crate) socket: Arc<WakeSocket>,
    /// The way there, whose inlet ends the link.
    pub(crate) link: Arc<WakeReceiver>,
}

impl homing_process::ReadyPump for SpaceDrain {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.0.as_fd()
    }

    fn pump(&mut self, worker_gone: bool) -> PumpStatus {
        let (cleared, rings) = self.socket.clear();
        let rings = self.rings.rings.fetch_add(rings, Ordering::Relaxed).saturating_add(rings);
        match cleared {
            Cleared::Gone => PumpStatus::Closed,
            _ if worker_gone => PumpStatus::Closed,
            _ if rings > MAX_EMPTY_RINGS => {
                self.link.finish(EMPTY_RINGS);
                PumpStatus::Closed
            }
            Cleared::More => PumpStatus::Pending,
            Cleared::Empty => PumpStatus::WouldBlock,
        }
    }
}

/// Takes the rings off the socket, on the thread that watches it.
#[derive(Debug)]
pub(crate) struct WakeDrain(pub(crate) Arc<WakeReceiver>);

impl homing_process::ReadyPump for WakeDrain {
    fn fd(&self) -> BorrowedFd<'_> {
        self.0.socket.0.as_fd()
    }

    fn pump(&mut self, worker_gone: bool) -> PumpStatus {
        let (cleared, rings) = self.0.socket.clear();
        if self.0.note_rings(rings) && cleared != Cleared::Gone && !worker_gone {
            // The inlet takes what is on the ring, and then ends the link.
            self.0.finish(EMPTY_RINGS);
            return PumpStatus::Closed;
        }
        match cleared {
            Cleared::More if !worker_gone => PumpStatus::Pending,
            Cleared::Empty if !worker_gone => PumpStatus::WouldBlock,
            // Another process may have inherited the socket. Once the worker has exited, treat the
            // link as closed.
            _ => {
                self.0.finish(ENDED);
                PumpStatus::Closed
            }
        }
    }
}

impl Drop for WakeDrain {
    fn drop(&mut self) {
        // Unless the end was seen, no pump takes the rings any more.
        self.0.finish(BROKEN);
    }
}
