//! The transport: how a serial line becomes a link.

use std::fmt;
use std::io::{self, Read, Write};
use std::rc::Rc;
#[cfg(unix)]
use std::sync::Arc;

use homing_core::{DecodeLimits, NewLink, Pinger, Transport};
#[cfg(unix)]
use homing_process::DescriptorReader;
use homing_process::{BlockingReader, Doorbell, byte_queue, spawn_pump};

use crate::downlink::SerialDownlink;
use crate::factory::SerialFactory;
use crate::inlet::SerialInlet;
use crate::line_stats::LineStats;
use crate::writer::{self, Target};

/// The longest message, in bytes, unless another figure is chosen.
const DEFAULT_LIMIT: usize = 4096;

/// What is buffered, in bytes, unless another figure is chosen.
const DEFAULT_BUFFER: usize = 64 * 1024;

/// The most that one read takes.
const READ_SIZE: usize = 4096;

/// What has a descriptor and may be read on another thread.
#[cfg(unix)]
trait DescriptorPort: std::os::fd::AsFd + Send {}

#[cfg(unix)]
impl<T: std::os::fd::AsFd + Send> DescriptorPort for T {}

/// The foreground's end of one serial line, as a transport: it makes one link, of which the
/// chip at the other end is the worker.
///
/// The port is opened and set up by the application or a crate of its choice: speed, parity,
/// and that the terminal is raw (`cfmakeraw`, with a `VMIN` of 1).
pub struct Serial {
    source: Option<Source>,
    target: Option<Target>,
    limit: usize,
    decode_limits: DecodeLimits,
    buffer: usize,
    stats: LineStats,
}

enum Source {
    #[cfg(unix)]
    Watched(Box<dyn DescriptorPort>),
    Threaded(Box<dyn Read + Send>),
}

impl Serial {
    /// Takes a line over whose descriptor can be watched: a terminal, a socket, the standard
    /// output of a child process. Its descriptor is made non-blocking, and so is every other
    /// one of the same open file.
    #[cfg(unix)]
    pub fn new(port: impl std::os::fd::AsFd + Send + 'static) -> Self {
        Self::of(Source::Watched(Box::new(port)))
    }

    /// Takes over whatever can be read, on any system. A thread of its own reads it, and waits
    /// in `read`, which should block. Errors of the kinds `TimedOut`, `WouldBlock` and
    /// `Interrupted` are no errors of the line: it is read again.
    ///
    /// The thread ends with the line. When the link ends before, or the router stops, it ends
    /// when `read` returns: a reader that may wait for ever should have a timeout.
    pub fn threaded(reader: impl Read + Send + 'static) -> Self {
        Self::of(Source::Threaded(Box::new(reader)))
    }

    fn of(source: Source) -> Self {
        let stats = LineStats::default();
        let decode_limits = DecodeLimits::new();
        let (source, limit, buffer) = (Some(source), DEFAULT_LIMIT, DEFAULT_BUFFER);
        Self { source, target: None, limit, decode_limits, buffer, stats }
    }

    /// Takes a line over that has a way back, by one descriptor that is both read and written: a
    /// terminal, a socket. See [`new`](Serial::new) and [`writer`](Serial::writer).
    #[cfg(unix)]
    pub fn duplex(port: impl std::os::fd::AsFd + Send + Sync + 'static) -> Self {
        let port: Arc<dyn writer::descriptor::Port> = Arc::new(port);
        let reads = Self::of(Source::Watched(Box::new(Arc::clone(&port))));
        Self { target: Some(Target::Descriptor(port)), ..reads }
    }

    /// Gives the line a way back: commands are written to `writer`, by a thread of its own
    /// (`homing-serial`), which waits in `write` as long as the line takes nothing.
    ///
    /// What a chip does not take waits in the queue of its pipe, whose commands come back as
    /// [`Full`](homing_core::SendErrorKind::Full) in the end. When writing fails, commands come
    /// back as [`Disconnected`](homing_core::SendErrorKind::Disconnected); whether the line has
    /// ended is for the reader to say. The thread ends with the link, or when `write` returns.
    #[must_use]
    pub fn writer(self, writer: impl Write + Send + 'static) -> Self {
        Self { target: Some(Target::Blocking(Box::new(writer))), ..self }
    }

    /// Sets how many bytes a message may have at most, 4096 unless it is set. A longer one is
    /// taken for noise.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Sets what a message may decode to. Without a limit on memory it is 8 times the
    /// [`limit`](Serial::limit), and 64 KiB at least. The chip's senders refuse what nests
    /// deeper than 128 levels, whatever is set here.
    #[must_use]
    pub fn decode_limits(mut self, limits: DecodeLimits) -> Self {
        self.decode_limits = limits;
        self
    }

    /// Sets how many bytes may wait for the foreground, 64 KiB unless it is set. The last read
    /// may exceed it, by 4 KiB at most. When it is full nothing is read, and what the system
    /// cannot keep is lost, unless the line has flow control.
    #[must_use]
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes;
        self
    }

    /// Shows what is counted on this line, also once it is a link.
    pub fn stats(&self) -> LineStats {
        self.stats.clone()
    }
}

impl<P: Pinger + Send + Sync + 'static> Transport<P> for Serial {
    type Factory = SerialFactory;
    type Inlet = SerialInlet;
    type Doorbell = Doorbell;
    type Error = io::Error;

    /// Makes the link. There is one only: asked again, it returns an error.
    fn link(&mut self, waker: P) -> io::Result<NewLink<SerialFactory, SerialInlet, Doorbell>> {
        let Some(source) = self.source.take() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the line is a link already"));
        };
        let downlink = SerialDownlink::new(self.limit);
        let writer = match self.target.take() {
            None => None,
            Some(target) => Some(writer::spawn(target, downlink)?),
        };
        let (queue, bytes) = byte_queue::bounded(self.buffer);
        let doorbell = match source {
            #[cfg(unix)]
            Source::Watched(port) => {
                let reader = DescriptorReader::new(port, queue)?;
                Doorbell::readable(reader.with_read_size(READ_SIZE))
            }
            Source::Threaded(reader) => {
                let reader = BlockingReader::new(reader, queue);
                spawn_pump(reader.with_read_size(READ_SIZE), waker)?;
                Doorbell::none()
            }
        };
        let ports = Rc::default();
        let downlink = writer.as_ref().map(|writer| writer.downlink().clone());
        let factory = SerialFactory { ports: Rc::clone(&ports), downlink };
        let stats = self.stats.clone();
        let inlet = SerialInlet::new(bytes, self.limit, self.decode_limits, ports, writer, stats);
        Ok(NewLink { factory, inlet, doorbell })
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serial")
            .field("limit", &self.limit)
            .field("buffer", &self.buffer)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
