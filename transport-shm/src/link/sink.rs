//! The writing side of a link.

use std::fmt;
use std::sync::Arc;

use homing_core::Disconnected;
use homing_mux::frame::{MAX_BODY, MAX_HEADER, MAX_PREFIX};
use homing_mux::{
    FrameSink, MuxCommands, MuxFactory, MuxHandle, MuxOutlet, MuxReceiver, MuxSender, Written,
};

use super::listener::Listener;
use super::region::Region;
use super::space::{Space, WriterWait};
use super::wake_socket::{SpaceRings, WakeSocket};
use crate::ring::control::{ALIGN, CLOSED, ControlWords as _, NOTIFIED};
use crate::ring::{Memory as _, Producer, padded};

/// A ring in shared memory, as its writer has it, and the socket that wakes either side.
///
/// While the reader is awake, writing costs no system call.
pub struct ShmSink {
    region: Arc<Region>,
    socket: Arc<WakeSocket>,
    ring: Producer,
    waiting: WriterWait,
    other: OtherDirection,
}

/// What a sink has to do with the link's other direction.
pub(super) enum OtherDirection {
    /// It is the foreground's, whose event loop is told of room by rings.
    There(Arc<SpaceRings>),
    /// It is the worker's, whose threads listen here, also while they wait for room.
    Back(Arc<Listener>),
}

/// One side of a link of shared memory, which makes the senders of its pipes.
pub type ShmHandle = MuxHandle<ShmSink>;
/// Makes the pipes of a link whose two ends are in one process.
pub type ShmFactory = MuxFactory<ShmSink>;
/// The sending end of one pipe.
pub type ShmOutlet = MuxOutlet<ShmSink>;
/// The sender of a pipe on a link of shared memory.
pub type Sender<M> = MuxSender<M, ShmSink>;
/// The receiving end of one duplex pipe's way back.
pub type ShmCommands<D> = MuxCommands<D, ShmSink>;
/// The receiver of a duplex pipe on a link of shared memory.
pub type Receiver<D> = MuxReceiver<D, ShmSink>;

/// The most that one frame takes beside its body.
const OVERHEAD: usize = MAX_PREFIX + MAX_HEADER + ALIGN;

impl ShmSink {
    pub(super) fn new(region: Arc<Region>, socket: Arc<WakeSocket>, other: OtherDirection) -> Self {
        Self { region, socket, ring: Producer::new(), waiting: WriterWait::new(), other }
    }

    fn listener(&self) -> Option<&Listener> {
        match &self.other {
            OtherDirection::There(_) => None,
            OtherDirection::Back(listener) => Some(listener),
        }
    }
}

impl FrameSink for ShmSink {
    const ALIGN: usize = ALIGN;
    const BIASED: bool = true;

    /// A frame takes a quarter of the ring at most, so that others find space between two
    /// fragments of a large message.
    fn max_body(&self) -> usize {
        (self.region.len() / 4 - OVERHEAD).min(MAX_BODY)
    }

    /// With one more frame, a batch takes less than half of the ring.
    fn batch_len(&self) -> usize {
        (16 * 1024).min(self.max_body() / 2)
    }

    #[inline]
    fn try_write(&self, first: &[u8], second: &[u8]) -> Result<Written, Disconnected> {
        match self.ring.put(&*self.region, first, second) {
            Some(seen) if seen.has(CLOSED) => Err(Disconnected),
            Some(seen) => Ok(Written::Complete { notify: !seen.has(NOTIFIED) }),
            None => Ok(Written::WouldBlock),
        }
    }

    fn may_fit(&self, len: usize) -> bool {
        let frames = len.div_ceil(self.max_body());
        let wanted = len.saturating_add(frames * OVERHEAD);
        // One that is longer than the ring may still get through while the foreground takes
        // the beginning off.
        wanted > self.region.len() || self.ring.has_space(&*self.region, wanted)
    }

    fn wait_writable(
        &self,
        len: usize,
        keep_waiting: &dyn Fn() -> bool,
    ) -> Result<(), Disconnected> {
        let (region, socket, wanted) = (&*self.region, &*self.socket, padded(len));
        let space = Space { region, socket, wanted, listener: self.listener() };
        self.waiting.wait(space, keep_waiting)
    }

    fn interrupt(&self) {
        self.waiting.interrupt(self.listener());
    }

    /// There is room for any frame when there is some for the longest.
    fn notify_when_writable(&self) -> Result<bool, Disconnected> {
        let room = self.ring.announce_wait(&*self.region);
        if self.region.load_tail().has(CLOSED) {
            return Err(Disconnected);
        }
        if let OtherDirection::There(rings) = &self.other {
            rings.note_wait(self.ring.head());
        }
        Ok(room >= self.region.len() / 4)
    }

    #[cold]
    fn notify_peer(&self) -> Result<(), Disconnected> {
        self.region.notify(|| self.socket.ring())
    }

    fn disconnect(&self) {
        self.region.close();
        if let Some(listener) = self.listener() {
            listener.close();
        }
    }

    #[inline]
    fn is_forked_copy(&self) -> bool {
        self.socket.is_forked_copy()
    }
}

impl Drop for ShmSink {
    fn drop(&mut self) {
        if self.socket.is_forked_copy() {
            return;
        }
        // A worker finds the first by a look, and waits at the second. In a worker, this ends the
        // thread that watches, too.
        self.region.close();
        self.socket.close();
    }
}

impl fmt::Debug for ShmSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShmSink").field("region", &self.region).finish_non_exhaustive()
    }
}
