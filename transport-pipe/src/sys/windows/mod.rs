//! OS pipes on Windows. Anonymous pipes block there, and cannot be watched.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::windows::io::OwnedHandle;

use homing_core::Disconnected;
use homing_process::{BlockingReader, Doorbell, byte_queue};

mod down;
mod orders;

pub(crate) use down::{DownWriter, watch_space};
pub(crate) use orders::{OrderReader, Orders};

/// No write is refused for want of room, so none has to be kept short.
pub(crate) const ATOMIC: usize = homing_mux::frame::MAX_PREFIX + homing_mux::frame::MAX_FRAME;

/// The worker's end.
pub(crate) struct Writer(File);

impl Writer {
    pub(crate) fn new(handle: OwnedHandle) -> io::Result<Self> {
        Ok(Self(handle.into()))
    }

    /// Writes `first` and `second`. It waits for room.
    pub(crate) fn write(&self, first: &[u8], second: &[u8]) -> Result<Option<usize>, Disconnected> {
        let mut file = &self.0;
        file.write_all(first).and_then(|()| file.write_all(second)).map_err(|_| Disconnected)?;
        Ok(Some(first.len() + second.len()))
    }
}

/// Makes the doorbell of the foreground's end, which reads it into `queue`.
#[allow(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
pub(crate) fn doorbell(reader: OwnedHandle, queue: byte_queue::Writer) -> io::Result<Doorbell> {
    Ok(Doorbell::blocking(BlockingReader::new(File::from(reader), queue)))
}
