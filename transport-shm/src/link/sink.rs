//! The writing side of a link.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;

use homing_core::Disconnected;
use homing_mux::frame::{MAX_BODY, MAX_HEADER, MAX_PREFIX};
use homing_mux::{FrameSink, MuxConfig, MuxFactory, MuxHandle, MuxOutlet, MuxSender, Written};
use homing_process::OwnedHandle;

use super::region::Region;
use super::space::WriterWait;
use super::wake_socket::WakeSocket;
use crate::ring::control::{ALIGN, CLOSED, ControlWords as _, NOTIFIED};
use crate::ring::{Memory as _, Producer, padded};

/// A ring in shared memory, as its writer has it, and the socket that wakes either side.
///
/// While the foreground is awake, writing costs no system call.
pub struct ShmSink {
    region: Arc<Region>,
    socket: Arc<WakeSocket>,
    ring: Producer,
    waiting: WriterWait,
}

/// One side of a link of shared memory, which makes the senders of its pipes.
pub type ShmHandle = MuxHandle<ShmSink>;
/// Makes the pipes of a link whose two ends are in one process.
pub type ShmFactory = MuxFactory<ShmSink>;
/// The sending end of one pipe.
pub type ShmOutlet = MuxOutlet<ShmSink>;
/// The sender of a pipe on a link of shared memory.
pub type Sender<M> = MuxSender<M, ShmSink>;

/// Takes over, in a worker process, the handles that [`Shm`](crate::Shm) has prepared.
/// `config` has the limits that came with them.
///
/// Starts a thread (`homing-watch`) that sleeps until the foreground is gone, also by
/// SIGKILL, or until the link ends. So a sender learns of that with its next message, although
/// it makes no system call to look.
///
/// # Errors
///
/// When the handles are not those of a link of shared memory.
pub fn adopt(handles: Vec<OwnedHandle>, config: MuxConfig) -> io::Result<ShmHandle> {
    let Ok([memory, socket]) = <[OwnedHandle; 2]>::try_from(handles) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let sink = ShmSink::new(Arc::new(Region::adopt(&memory)?), WakeSocket::adopt(socket)?);
    let socket = Arc::clone(&sink.socket);
    let handle = MuxHandle::new(sink, config);
    handle.open();
    let link = handle.downgrade();
    // Without such a thread it is still found whenever a sender rings or waits.
    let _ = thread::Builder::new().name("homing-watch".into()).spawn(move || {
        socket.wait_gone();
        if let Some(link) = link.upgrade() {
            link.disconnect();
        }
    });
    Ok(handle)
}

/// The most that one frame takes beside its body.
const OVERHEAD: usize = MAX_PREFIX + MAX_HEADER + ALIGN;

impl ShmSink {
    pub(super) fn new(region: Arc<Region>, socket: WakeSocket) -> Self {
        let (ring, waiting) = (Producer::new(), WriterWait::new());
        Self { region, socket: Arc::new(socket), ring, waiting }
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

    fn wait_writable(&self, len: usize, _: &dyn Fn() -> bool) -> Result<(), Disconnected> {
        self.waiting.wait(&*self.region, &self.socket, padded(len))
    }

    #[cold]
    fn notify_peer(&self) -> Result<(), Disconnected> {
        self.region.notify(|| self.socket.ring())
    }

    fn disconnect(&self) {
        self.region.close();
    }

    #[inline]
    fn is_forked_copy(&self) -> bool {
        self.socket.is_forked_copy()
    }
}

impl Drop for ShmSink {
    fn drop(&mut self) {
        // Ends the thread that watches, too.
        self.socket.close();
    }
}

impl fmt::Debug for ShmSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShmSink").field("region", &self.region).finish_non_exhaustive()
    }
}
