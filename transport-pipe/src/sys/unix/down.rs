//! The foreground's end of the way back.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use homing_core::{Disconnected, Downlink};
use homing_process::{Doorbell, ForkGuard, Interest, PumpStatus, ReadyPump};

use super::Writer;

/// The writing end, which can be closed while parts of the foreground still hold this.
pub(crate) struct DownWriter {
    /// The doorbell's pump has the other reference. What is held under the lock is one write that
    /// does not wait.
    writer: Mutex<Option<Arc<Writer>>>,
    guard: ForkGuard,
}

impl DownWriter {
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        let writer = Mutex::new(Some(Arc::new(Writer::new(fd)?)));
        Ok(Self { writer, guard: ForkGuard::new() })
    }

    /// As [`Writer::write`].
    pub(crate) fn write(&self, first: &[u8], second: &[u8]) -> Result<Option<usize>, Disconnected> {
        self.lock().as_ref().ok_or(Disconnected)?.write(first, second)
    }

    /// Closes the end, as soon as the doorbell's pump is dropped too.
    pub(crate) fn close(&self) {
        // In a forked copy of the process the lock may be held by a thread that does not exist
        // there.
        if !self.guard.is_forked_copy() {
            *self.lock() = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Writer>>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a link's doorbell that `writer` has space again, after a write that found none.
pub(crate) fn watch_space(
    doorbell: Doorbell,
    writer: &DownWriter,
    downlink: Arc<dyn Downlink>,
) -> Doorbell {
    match writer.lock().clone() {
        Some(writer) => doorbell.and(SpaceWatch { writer, downlink }),
        None => doorbell,
    }
}

struct SpaceWatch {
    writer: Arc<Writer>,
    downlink: Arc<dyn Downlink>,
}

impl ReadyPump for SpaceWatch {
    fn fd(&self) -> BorrowedFd<'_> {
        self.writer.as_fd()
    }

    fn interest(&self) -> Interest {
        Interest::Writable
    }

    fn pump(&mut self, _worker_gone: bool) -> PumpStatus {
        // A link within one process has no router that does it. When the worker is gone, the
        // inlet finds it.
        self.downlink.flush();
        PumpStatus::WouldBlock
    }
}
