//! The transport: how its links are made.

use std::io;
use std::sync::Arc;

use homing_core::{DecodeLimits, Downlink, NewLink, Pinger, Transport};
use homing_mux::MuxConfig;
use homing_process::{Doorbell, LinkWaker, OwnedHandle, Prepared, ProcessTransport, byte_queue};

use crate::downlink::DownEnd;
use crate::inlet::PipeInlet;
use crate::sink::{self, PipeFactory};
use crate::sys;

/// What the foreground buffers of each link unless another figure is chosen.
const DEFAULT_BUFFER: usize = 1024 * 1024;

/// The transport of OS pipes: makes links to worker processes, and within one process.
///
/// Each link is two OS pipes, one for each direction, which all its pipes share. What the worker
/// writes is moved, as the link's doorbell rings, to a buffer of the foreground's; when that is full
/// too, the worker waits. What the foreground sends waits in the foreground while there is no
/// space.
///
/// On Unix, making a link installs a handler for SIGPIPE that does nothing, so that a worker that
/// is gone is not the end of this process, whatever its `main` is.
///
/// Of a link within one process, the thread that makes it is taken for the foreground's: on
/// it no sender of the link ever waits. (On Windows it does, when the buffers are full: a
/// write to an OS pipe blocks there.)
#[derive(Clone, Debug)]
pub struct Pipe {
    mux: MuxConfig,
    buffer: usize,
}

impl Pipe {
    /// Makes links whose messages have at most 16 MiB, and of which the foreground buffers
    /// 1 MiB.
    pub const fn new() -> Self {
        Self { mux: MuxConfig::new(), buffer: DEFAULT_BUFFER }
    }

    /// Sets how many bytes a message may have at most when encoded. More than 4 GiB - 1 byte
    /// is not possible.
    #[must_use]
    pub fn limit(self, bytes: usize) -> Self {
        Self { mux: self.mux.limit(bytes), ..self }
    }

    /// Sets what a message may decode to. Without a limit on memory it is 8 times the
    /// [`limit`](Pipe::limit).
    #[must_use]
    pub fn decode_limits(self, limits: DecodeLimits) -> Self {
        Self { mux: self.mux.decode_limits(limits), ..self }
    }

    /// Sets how much the foreground buffers of each link before its worker has to wait, in
    /// bytes of memory. The last read may exceed it, by 64 KiB at most.
    #[must_use]
    pub const fn buffer(mut self, bytes: usize) -> Self {
        // Without any, nothing would ever be read.
        self.buffer = if bytes > 0 { bytes } else { 1 };
        self
    }

    fn make(&self) -> io::Result<Ends> {
        let (reader, messages) = os_pipe::pipe()?;
        let (orders, writer) = os_pipe::pipe()?;
        let down = DownEnd::new(writer.into(), self.mux.clone())?;
        let (queue, bytes) = byte_queue::bounded(self.buffer);
        let (writer, notifier) = (Arc::clone(&down.writer), Arc::clone(&down.downlink));
        Ok(Ends {
            inlet: PipeInlet::new(bytes, self.mux.reassembler(), writer, notifier),
            doorbell: down.watched_by(sys::doorbell(reader.into(), queue)?),
            downlink: down.downlink,
            messages: messages.into(),
            orders: orders.into(),
        })
    }
}

/// The ends of a new link.
struct Ends {
    inlet: PipeInlet,
    doorbell: Doorbell,
    downlink: Arc<dyn Downlink>,
    /// The worker's end of the messages.
    messages: OwnedHandle,
    /// The worker's end of the way back.
    orders: OwnedHandle,
}

impl Default for Pipe {
    fn default() -> Self {
        Self::new()
    }
}

/// The transport's name, by which a worker process finds the code for its end.
pub const NAME: &str = "pipe";

impl ProcessTransport for Pipe {
    fn prepare(&mut self, _waker: LinkWaker) -> io::Result<Prepared> {
        let Ends { inlet, doorbell, downlink, messages, orders } = self.make()?;
        Ok(Prepared::new(NAME, inlet, doorbell, vec![messages, orders], self.mux.limit)
            .depth(self.mux.decode_limits.max_depth())
            .way_back(downlink))
    }
}

/// Links within this process. They do not ping: the doorbell is what wakes.
impl<P: Pinger> Transport<P> for Pipe {
    type Factory = PipeFactory;
    type Inlet = PipeInlet;
    type Doorbell = Doorbell;
    type Error = io::Error;

    fn link(&mut self, _bell: P) -> io::Result<NewLink<PipeFactory, PipeInlet, Doorbell>> {
        let Ends { inlet, doorbell, downlink, messages, orders } = self.make()?;
        let here = self.mux.clone().never_blocks_here();
        let handle = sink::connect(messages, orders, here)?;
        let factory = PipeFactory::new(handle).with_downlink(downlink);
        Ok(NewLink { factory, inlet, doorbell })
    }
}
