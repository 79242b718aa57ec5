//! The foreground's end of the way back: a buffer that a thread writes.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::windows::io::OwnedHandle;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use homing_core::{Disconnected, Downlink};
use homing_process::{BlockingPump, Doorbell, PumpStatus};

/// What the buffer takes before there is no space.
const CAPACITY: usize = 64 * 1024;

/// The writing end.
pub(crate) struct DownWriter {
    buffer: Mutex<Buffer>,
    /// Notified when there is something to write, or the end is closed.
    changed: Condvar,
}

struct Buffer {
    bytes: Vec<u8>,
    is_closed: bool,
    /// Until the thread takes it.
    file: Option<File>,
}

impl DownWriter {
    #[allow(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
    pub(crate) fn new(handle: OwnedHandle) -> io::Result<Self> {
        let file = Some(File::from(handle));
        let buffer = Mutex::new(Buffer { bytes: Vec::new(), is_closed: false, file });
        Ok(Self { buffer, changed: Condvar::new() })
    }

    /// Takes `first` and `second` for the thread to write; `None` when there is no space. It does
    /// not wait.
    pub(crate) fn write(&self, first: &[u8], second: &[u8]) -> Result<Option<usize>, Disconnected> {
        let mut buffer = self.lock();
        if buffer.is_closed {
            return Err(Disconnected);
        }
        if buffer.bytes.len() >= CAPACITY {
            return Ok(None);
        }
        buffer.bytes.extend_from_slice(first);
        buffer.bytes.extend_from_slice(second);
        drop(buffer);
        self.changed.notify_one();
        Ok(Some(first.len() + second.len()))
    }

    /// Has the thread end, once what it writes is written.
    pub(crate) fn close(&self) {
        let mut buffer = self.lock();
        buffer.is_closed = true;
        buffer.file = None;
        drop(buffer);
        self.changed.notify_one();
    }

    /// Waits for what is to be written. `None` when the end is closed.
    fn next(&self) -> Option<Vec<u8>> {
        let mut buffer = self.lock();
        while buffer.bytes.is_empty() && !buffer.is_closed {
            buffer = self.changed.wait(buffer).unwrap_or_else(PoisonError::into_inner);
        }
        (!buffer.is_closed).then(|| std::mem::take(&mut buffer.bytes))
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a link's doorbell the thread that writes what `writer` has taken.
pub(crate) fn watch_space(
    doorbell: Doorbell,
    writer: &Arc<DownWriter>,
    downlink: Arc<dyn Downlink>,
) -> Doorbell {
    let file = writer.lock().file.take();
    match file {
        Some(file) => doorbell.and(Writing { file, writer: Arc::clone(writer), downlink }),
        None => doorbell,
    }
}

struct Writing {
    file: File,
    writer: Arc<DownWriter>,
    downlink: Arc<dyn Downlink>,
}

impl BlockingPump for Writing {
    fn pump(&mut self) -> PumpStatus {
        let Some(bytes) = self.writer.next() else { return PumpStatus::Closed };
        if self.file.write_all(&bytes).is_err() {
            // The worker is gone, which the inlet finds.
            self.writer.close();
            return PumpStatus::Closed;
        }
        self.downlink.flush();
        PumpStatus::Pending
    }
}
