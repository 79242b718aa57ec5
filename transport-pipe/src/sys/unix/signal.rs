//! Waking a thread that waits in `poll(2)`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A descriptor that is readable once it was [raised](Signal::raise), until it is
/// [cleared](Signal::clear).
#[derive(Debug)]
pub(super) struct Signal {
    reader: OwnedFd,
    /// None where one descriptor does for both.
    writer: Option<OwnedFd>,
}

impl Signal {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let reader = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { reader, writer: None })
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn new() -> io::Result<Self> {
        let (reader, writer) = os_pipe::pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        Ok(Self { reader: reader.into(), writer: Some(writer.into()) })
    }

    pub(super) fn raise(&self) {
        // It fails only when it is raised already, more often than anything can count.
        let _ =
            rustix::io::write(self.writer.as_ref().unwrap_or(&self.reader), &1u64.to_ne_bytes());
    }

    pub(super) fn clear(&self) {
        // A pipe has as many as it was raised, and what is left of them makes one wait return
        // early.
        let _ = rustix::io::read(&self.reader, &mut [0; 512]);
    }
}

impl AsFd for Signal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
