//! OS pipes on Unix: descriptors that never block.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use homing_core::Disconnected;
use homing_process::{DescriptorReader, Doorbell, byte_queue};
use rustix::io::Errno;

mod down;
mod orders;
mod signal;
mod watcher;

pub(crate) use down::{DownWriter, watch_space};
pub(crate) use orders::{OrderReader, Orders};

/// Up to this length a write is done as a whole or not at all.
pub(crate) const ATOMIC: usize = rustix::pipe::PIPE_BUF;

/// A writing end.
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
}

impl AsFd for Writer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
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

/// Makes the doorbell of the foreground's end, which reads it into `queue`.
pub(crate) fn doorbell(reader: OwnedFd, queue: byte_queue::Writer) -> io::Result<Doorbell> {
    Ok(Doorbell::readable(DescriptorReader::new(reader, queue)?))
}
