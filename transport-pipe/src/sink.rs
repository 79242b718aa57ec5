//! The writing side of a link.

use std::io;
use std::sync::Arc;

use homing_core::Disconnected;
use homing_mux::frame::{MAX_MESSAGE_HEADER, MAX_PREFIX};
use homing_mux::{
    FrameSink, MuxCommands, MuxConfig, MuxFactory, MuxHandle, MuxOutlet, MuxReceiver, MuxSender,
    Written,
};
use homing_process::{ForkGuard, OwnedHandle};

use crate::orders;
use crate::sys::{ATOMIC, Orders, Writer};

/// The longest body of a frame that is written as a whole or not at all.
pub(crate) const MAX_ATOMIC_BODY: usize = ATOMIC - MAX_PREFIX - MAX_MESSAGE_HEADER;

/// The writing end of an OS pipe.
///
/// A message whose frame fits an atomic write of the system (`PIPE_BUF`) costs one
/// `write(2)`. Longer ones are written in pieces of up to 64 KiB.
///
/// On Windows a write waits for space even where it should not; there no message comes back
/// as full, and none is dropped.
pub struct PipeSink {
    writer: Writer,
    /// The way back. While a sender waits for space, what comes there wakes it.
    orders: Arc<Orders>,
    guard: ForkGuard,
}

/// One side of a link of OS pipes, which makes the senders of its pipes.
pub type PipeHandle = MuxHandle<PipeSink>;
/// Makes the pipes of a link whose two ends are in one process.
pub type PipeFactory = MuxFactory<PipeSink>;
/// The sending end of one pipe.
pub type PipeOutlet = MuxOutlet<PipeSink>;
/// The receiving end of one pipe's way back.
pub type PipeCommands<D> = MuxCommands<D, PipeSink>;
/// The receiver of a duplex pipe on a link of OS pipes.
pub type Receiver<D> = MuxReceiver<D, PipeSink>;
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
    let Ok([messages, orders]) = <[OwnedHandle; 2]>::try_from(handles) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let handle = connect(messages, orders, config)?;
    handle.open();
    Ok(handle)
}

/// Makes the worker's side of a link of its ends of the two OS pipes.
pub(crate) fn connect(
    messages: OwnedHandle,
    orders: OwnedHandle,
    config: MuxConfig,
) -> io::Result<PipeHandle> {
    let writer = Writer::new(messages)?;
    let (way_back, orders) = orders::open(orders, &config)?;
    let sink = PipeSink { writer, orders, guard: ForkGuard::new() };
    Ok(MuxHandle::new(sink, config).with_way_back(way_back))
}

/// What a write of `len` bytes came to, of which so many were written.
pub(crate) fn written(outcome: Option<usize>, len: usize) -> Written {
    match outcome {
        None | Some(0) => Written::WouldBlock,
        Some(all) if all == len => Written::Complete { notify: false },
        Some(len) => Written::Partial { len, notify: false },
    }
}

impl FrameSink for PipeSink {
    fn max_atomic_body(&self) -> usize {
        MAX_ATOMIC_BODY
    }

    #[inline]
    fn try_write(&self, first: &[u8], second: &[u8]) -> Result<Written, Disconnected> {
        Ok(written(self.writer.write(first, second)?, first.len() + second.len()))
    }

    fn wait_writable(&self, _: usize, keep_waiting: &dyn Fn() -> bool) -> Result<(), Disconnected> {
        self.orders.wait_writable(&self.writer, keep_waiting)
    }

    fn interrupt(&self) {
        self.orders.interrupt_senders();
    }

    #[inline]
    fn is_forked_copy(&self) -> bool {
        self.guard.is_forked_copy()
    }
}

impl Drop for PipeSink {
    fn drop(&mut self) {
        // A forked copy of the process shares the descriptors by which the original's threads are
        // woken.
        if !self.guard.is_forked_copy() {
            self.orders.detach();
        }
    }
}

impl std::fmt::Debug for PipeSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipeSink").finish_non_exhaustive()
    }
}
