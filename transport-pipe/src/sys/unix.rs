//! OS pipes on Unix: descriptors that never block.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use homing_core::{Disconnected, LinkEnd, ProtocolError};
use homing_process::PumpStatus;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::{Piece, READ};

/// Up to this length a write is done as a whole or not at all.
pub(crate) const ATOMIC: usize = rustix::pipe::PIPE_BUF;

/// How many reads one call of the pump makes at most.
const READS: usize = 4;

/// A read that filled less than this is copied, and its buffer used again.
const SMALL: usize = READ / 4;

/// What a piece costs beside its bytes: so many pieces of one byte are bounded too.
const OVERHEAD: usize = 64;

/// The worker's end.
pub(crate) struct Writer(OwnedFd);

impl Writer {
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        survive_sigpipe()?;
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self(fd))
    }

    /// Writes what there is room for of `first` and then `second`, and says how much it was;
    /// `None` when there is no room. Up to [`ATOMIC`] bytes are written as a whole or not at
    /// all. It does not wait.
    #[inline]
    pub(crate) fn write(&self, first: &[u8], second: &[u8]) -> Result<Option<usize>, Disconnected> {
        loop {
            let written = if second.is_empty() {
                rustix::io::write(&self.0, first)
            } else {
                rustix::io::writev(&self.0, &[IoSlice::new(first), IoSlice::new(second)])
            };
            return match written {
                Ok(len) => Ok(Some(len)),
                Err(Errno::AGAIN) => Ok(None),
                Err(Errno::INTR) => continue,
                // EPIPE; and whatever else there may be, nothing can be sent any more.
                Err(_) => Err(Disconnected),
            };
        }
    }

    /// Waits until there may be room, or the reader is gone. A pipe is writable when
    /// [`ATOMIC`] bytes fit, so an atomic write that follows does not fail again for want of
    /// room, unless another thread has taken it.
    pub(crate) fn wait(&self) {
        // The next write tells an error, if it is one that lasts.
        let _ = poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None);
    }
}

/// Makes a write to a pipe without reader an error and nothing else, in this whole process.
///
/// A Rust program ignores SIGPIPE anyway. This is for one whose `main` is not Rust's.
fn survive_sigpipe() -> io::Result<()> {
    static HANDLER: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if HANDLER.get().is_some() {
        return Ok(());
    }
    let noted = Arc::new(AtomicBool::new(false));
    // Two threads that come here at once register two handlers, which does no harm.
    signal_hook::flag::register(signal_hook::consts::SIGPIPE, Arc::clone(&noted))?;
    HANDLER.get_or_init(|| noted);
    Ok(())
}

/// How much waits between pump and inlet.
struct Gauge {
    /// In bytes of memory. The channel publishes the bytes; this only counts them.
    waiting: AtomicUsize,
    /// That the inlet is gone.
    gone: AtomicBool,
}

fn cost(bytes: &Vec<u8>) -> usize {
    bytes.capacity() + OVERHEAD
}

/// Makes the foreground's end: at most about `buffer` bytes wait between the two parts.
pub(crate) fn pump(reader: OwnedFd, buffer: usize) -> io::Result<(Pump, Incoming)> {
    rustix::io::ioctl_fionbio(&reader, true)?;
    let (sender, pieces) = unbounded();
    let gauge = Arc::new(Gauge { waiting: AtomicUsize::new(0), gone: AtomicBool::new(false) });
    let pump = Pump { reader, pieces: sender, gauge: Arc::clone(&gauge), buffer };
    Ok((pump, Incoming { pieces, gauge }))
}

/// Reads the pipe on the thread that watches it.
pub(crate) struct Pump {
    reader: OwnedFd,
    pieces: Sender<Piece>,
    gauge: Arc<Gauge>,
    buffer: usize,
}

impl Pump {
    fn end(&self) -> PumpStatus {
        // An inlet that is gone needs to know nothing.
        let _ = self.pieces.send(Piece::End);
        PumpStatus::Closed
    }

    fn hand_over(&self, bytes: Vec<u8>) {
        // Before the inlet can subtract it.
        self.gauge.waiting.fetch_add(cost(&bytes), Ordering::Relaxed);
        let _ = self.pieces.send(Piece::Bytes(bytes));
    }
}

impl homing_process::ReadyPump for Pump {
    fn fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    fn pump(&mut self, worker_gone: bool) -> PumpStatus {
        let mut buffer = Vec::new();
        for _ in 0..READS {
            // A hint that spares work: it publishes nothing.
            if self.gauge.gone.load(Ordering::Relaxed) {
                return PumpStatus::Closed;
            }
            // When it says `Full`, `Doorbells` looks once more after its fence, which pairs
            // with the one in `Waker::notify_capacity`. So either that look sees what `Incoming`
            // has subtracted, or `notify_capacity` sees that this pump waits.
            if self.gauge.waiting.load(Ordering::Relaxed) >= self.buffer {
                return PumpStatus::Backpressured;
            }
            buffer.clear();
            buffer.reserve_exact(READ);
            match rustix::io::read(&self.reader, rustix::buffer::spare_capacity(&mut buffer)) {
                Ok(0) => return self.end(),
                Ok(len) => {
                    let bytes =
                        if len < SMALL { buffer.to_vec() } else { std::mem::take(&mut buffer) };
                    self.hand_over(bytes);
                    // That was all: what comes from now on makes another edge.
                    if len < READ && !worker_gone {
                        return PumpStatus::WouldBlock;
                    }
                }
                // Whatever else holds the worker's end, it is no worker's.
                Err(Errno::AGAIN) if worker_gone => return self.end(),
                Err(Errno::AGAIN) => return PumpStatus::WouldBlock,
                Err(Errno::INTR) => {}
                // Without a word: the inlet says that the link is broken.
                Err(_) => return PumpStatus::Closed,
            }
        }
        PumpStatus::Pending
    }
}

/// Where the inlet finds what the pump has read.
pub(crate) struct Incoming {
    pieces: Receiver<Piece>,
    gauge: Arc<Gauge>,
}

impl Incoming {
    /// The bytes that follow, `None` when none are here now.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, LinkEnd> {
        match self.pieces.try_recv() {
            Ok(Piece::Bytes(bytes)) => {
                // The foreground calls `Waker::notify_capacity` after this; its fence orders this
                // before its look for pumps that wait. See `Pump::pump`.
                self.gauge.waiting.fetch_sub(cost(&bytes), Ordering::Relaxed);
                Ok(Some(bytes))
            }
            Ok(Piece::End) => Err(LinkEnd::Gone(None)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(LinkEnd::Refused(ProtocolError::Broken)),
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.gauge.gone.store(true, Ordering::Relaxed);
    }
}
