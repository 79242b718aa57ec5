//! What a worker is given to learn of the end of its foreground.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use crate::handles;

/// A pair of sockets that is never written to. The foreground holds one end; the kernel closes
/// it when the foreground dies, however that happens.
pub(super) struct Lifeline {
    pub(super) ours: OwnedFd,
    pub(super) theirs: OwnedFd,
}

impl Lifeline {
    /// Makes one, unless the worker is to run on after the foreground.
    pub(super) fn unless(keep_running: bool) -> io::Result<Option<Self>> {
        if keep_running {
            return Ok(None);
        }
        let (ours, theirs) = UnixStream::pair()?;
        let theirs = handles::above_standard(theirs.into())?;
        Ok(Some(Self { ours: ours.into(), theirs }))
    }
}

/// The descriptor that becomes readable when this process ends.
#[cfg(target_os = "linux")]
pub(super) fn own_pidfd() -> io::Result<OwnedFd> {
    use rustix::process::{PidfdFlags, getpid, pidfd_open};
    handles::above_standard(pidfd_open(getpid(), PidfdFlags::empty())?)
}
