//! The writing side of a link.

use std::io;

use homing_core::Disconnected;
use homing_mux::frame::{MAX_MESSAGE_HEADER, MAX_PREFIX};
use homing_mux::{FrameSink, MuxConfig, MuxFactory, MuxHandle, MuxOutlet, MuxSender, Written};
use homing_process::{ForkGuard, OwnedHandle};

use crate::sys::{ATOMIC, Writer};

/// The writing end of an OS pipe.
///
/// A message whose frame fits an atomic write of the system (`PIPE_BUF`) costs one
/// `write(2)`. Longer ones are written in pieces of up to 64 KiB.
///
/// On Windows a write waits for space even where it should not; there no message comes back
/// as full, and none is dropped.
pub struct PipeSink(Writer, ForkGuard);

/// One side of a link of OS pipes, which makes the senders of its pipes.
pub type PipeHandle = MuxHandle<PipeSink>;
/// Makes the pipes of a link whose two ends are in one process.
pub type PipeFactory = MuxFactory<PipeSink>;
/// The sending end of one pipe.
pub type PipeOutlet = MuxOutlet<PipeSink>;
/// The sender of a pipe on a link of OS pipes.
pub type Sender<M> = MuxSender<M, PipeSink>;

/// Takes over, in a worker process, the handles that [`Pipe`](crate::Pipe) has prepared.
/// `config` has the limits that came with them.
///
/// On Unix it installs a handler for SIGPIPE that does nothing, so that a foreground that is
/// gone is an error, [`Disconnected`], and not the end of this process, whatever its `main`
/// is.
///
/// # Errors
///
/// When the handles are not those of a link of OS pipes.
pub fn adopt(handles: Vec<OwnedHandle>, config: MuxConfig) -> io::Result<PipeHandle> {
    let Ok([handle]) = <[OwnedHandle; 1]>::try_from(handles) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let handle = connect(handle, config)?;
    handle.open();
    Ok(handle)
}

pub(crate) fn connect(handle: OwnedHandle, config: MuxConfig) -> io::Result<PipeHandle> {
    Ok(MuxHandle::new(PipeSink(Writer::new(handle)?, ForkGuard::new()), config))
}

impl FrameSink for PipeSink {
    fn max_atomic_body(&self) -> usize {
        ATOMIC - MAX_PREFIX - MAX_MESSAGE_HEADER
    }

    #[inline]
    fn try_write(&self, first: &[u8], second: &[u8]) -> Result<Written, Disconnected> {
        Ok(match self.0.write(first, second)? {
            None | Some(0) => Written::WouldBlock,
            Some(len) if len == first.len() + second.len() => Written::Complete { notify: false },
            Some(len) => Written::Partial { len, notify: false },
        })
    }

    fn wait_writable(&self, _len: usize, _: &dyn Fn() -> bool) -> Result<(), Disconnected> {
        self.0.wait();
        Ok(())
    }

    #[inline]
    fn is_forked_copy(&self) -> bool {
        self.1.is_forked_copy()
    }
}

impl std::fmt::Debug for PipeSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipeSink").finish_non_exhaustive()
    }
}
