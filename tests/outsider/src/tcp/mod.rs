//! Links over TCP, within this machine: a stream of bytes that the multiplexer's frames travel
//! on. The multiplexer brings encoding, fragments, policies, batches and flushing; this brings
//! a sink that writes bytes, and an inlet that finds the frames in them again.

mod inlet;
mod sink;

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use homing::transport::byte_queue;
use homing::transport::{
    DescriptorReader, Doorbell, LinkWaker, MuxConfig, MuxFactory, MuxHandle, MuxLink, NewLink,
    OwnedHandle, Pinger, Prepared, ProcessTransport, Transport,
};
use homing::worker::{self, AlreadyRegistered};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};

pub use inlet::StreamInlet;
pub use sink::TcpSink;

/// The transport's name, on both sides.
pub const NAME: &str = "tcp";

/// How many bytes the system buffers on each side of a connection. (Linux doubles it.)
const SYSTEM_BUFFER: usize = 64 * 1024;

/// Makes links, each of which is a TCP connection of this machine to itself.
#[derive(Clone, Debug)]
pub struct Tcp {
    limit: usize,
    buffer: usize,
}

impl Tcp {
    /// Makes links whose messages have at most `limit` bytes, and of which the foreground
    /// buffers `buffer` bytes.
    pub const fn new(limit: usize, buffer: usize) -> Self {
        Self { limit, buffer }
    }

    /// Makes the two sides of a link: the writing one, and the reading one with its doorbell.
    ///
    /// # Errors
    ///
    /// When the system gives no connection.
    pub fn connect(&self) -> io::Result<(TcpStream, StreamInlet, Doorbell)> {
        let (reader, writer) = connection()?;
        let (queue, pieces) = byte_queue::bounded(self.buffer);
        let doorbell = Doorbell::readable(DescriptorReader::new(reader, queue)?);
        Ok((writer, StreamInlet::new(pieces, self.limit), doorbell))
    }
}

impl<P: Pinger> Transport<P> for Tcp {
    type Factory = MuxFactory<TcpSink>;
    type Inlet = StreamInlet;
    type Doorbell = Doorbell;
    type Error = io::Error;

    /// The waker stays unused: the doorbell is watched.
    fn link(
        &mut self,
        _waker: P,
    ) -> io::Result<NewLink<MuxFactory<TcpSink>, StreamInlet, Doorbell>> {
        let (writer, inlet, doorbell) = self.connect()?;
        // The inlet is polled on this thread, so its senders must not wait here.
        let config = MuxConfig::new().limit(self.limit).never_blocks_here();
        let factory = MuxFactory::new(MuxHandle::new(TcpSink::new(writer), config));
        Ok(NewLink { factory, inlet, doorbell })
    }
}

/// A worker process inherits its end of the connection.
impl ProcessTransport for Tcp {
    fn prepare(&mut self, _waker: LinkWaker) -> io::Result<Prepared> {
        let (writer, inlet, doorbell) = self.connect()?;
        Ok(Prepared::new(NAME, inlet, doorbell, vec![OwnedFd::from(writer)], self.limit))
    }
}

/// Makes the transport known to this worker's program.
///
/// # Errors
///
/// When it is known already.
pub fn register() -> Result<(), AlreadyRegistered> {
    worker::register(NAME, adopt)
}

/// Takes over, in a worker process, the handle that [`Tcp`] has prepared.
fn adopt(handles: Vec<OwnedHandle>, limit: usize) -> io::Result<MuxLink<TcpSink>> {
    let [socket] = <[OwnedHandle; 1]>::try_from(handles)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a link has one handle"))?;
    let sink = TcpSink::new(TcpStream::from(socket));
    let handle = MuxHandle::new(sink, MuxConfig::new().limit(limit));
    handle.open(); // the foreground learns that the worker has taken its link
    Ok(MuxLink(handle))
}

/// Makes the two ends of a connection.
fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // Accepted connections inherit it. Without, the system would buffer some megabytes.
    set_socket_recv_buffer_size(&listener, SYSTEM_BUFFER)?;
    let writer = TcpStream::connect(listener.local_addr()?)?;
    set_socket_send_buffer_size(&writer, SYSTEM_BUFFER)?;
    writer.set_nodelay(true)?; // a short message is not held back for more
    loop {
        let (reader, peer) = listener.accept()?;
        // Any process of this machine can connect to the port.
        if peer == writer.local_addr()? {
            return Ok((reader, writer));
        }
    }
}
