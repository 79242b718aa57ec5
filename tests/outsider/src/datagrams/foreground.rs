//! The foreground's side: a pump that moves datagrams to a queue, and the inlet that takes them
//! from there.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use homing::transport::byte_queue::{self, Capacity};
use homing::transport::frame::MAX_FRAME;
use homing::transport::{
    Arrival, Doorbell, Inlet, LinkEnd, LinkWaker, Prepared, ProcessTransport, PumpStatus,
    ReadyPump, Reassembler,
};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};

use super::{LIMIT, NAME};

/// How many bytes of a link wait in the foreground before its worker has to wait.
const BUFFER: usize = 1024 * 1024;

/// How many datagrams one call of the pump moves at most: others have their turn then.
const MAX_READS: usize = 16;

/// Makes links to worker processes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Datagrams;

impl ProcessTransport for Datagrams {
    fn prepare(&mut self, _waker: LinkWaker) -> io::Result<Prepared> {
        let (here, there) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let (queue, datagrams) = byte_queue::bounded(BUFFER);
        let reassembler = Reassembler::new(LIMIT);
        let inlet = DatagramInlet { datagrams, current: Vec::new(), reassembler };
        let pump = DatagramPump { socket: here, queue, buffer: vec![0; MAX_FRAME + 1] };
        Ok(Prepared::new(NAME, inlet, Doorbell::readable(pump), vec![there], LIMIT))
    }
}

/// Moves datagrams from the socket to the queue, on the thread that watches the socket.
struct DatagramPump {
    socket: OwnedFd,
    queue: byte_queue::Writer,
    /// One byte longer than a frame may be: what is longer is found to be, and not cut.
    buffer: Vec<u8>,
}

impl ReadyPump for DatagramPump {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn pump(&mut self, worker_gone: bool) -> PumpStatus {
        for _ in 0..MAX_READS {
            match self.queue.capacity() {
                Capacity::Available => {}
                Capacity::Full => return PumpStatus::Backpressured,
                _ => return PumpStatus::Closed, // the inlet is gone
            }
            // The flag, and not the socket's mode: that is the worker's, too.
            match recv(&self.socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) | Err(Errno::CONNRESET) => return self.end(),
                // The queue keeps the boundaries: one write is one read.
                Ok((len, _)) => self.queue.write(self.buffer.get(..len).unwrap_or_default()),
                // The worker is gone: whatever process still holds its end is no worker.
                Err(Errno::AGAIN) if worker_gone => return self.end(),
                Err(Errno::AGAIN) => return PumpStatus::WouldBlock,
                Err(Errno::INTR) => {}
                // Without an end, by which the inlet learns that the link is broken.
                Err(_) => return PumpStatus::Closed,
            }
        }
        PumpStatus::Pending
    }
}

impl DatagramPump {
    fn end(&self) -> PumpStatus {
        self.queue.end();
        PumpStatus::Closed
    }
}

/// Takes one datagram after another, on the foreground's thread.
struct DatagramInlet {
    datagrams: byte_queue::Reader,
    /// The datagram that the last arrival was read from.
    current: Vec<u8>,
    reassembler: Reassembler,
}

impl Inlet for DatagramInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        // The end of the queue is the end of the link, after the last datagram. The reassembler
        // knows whether the worker had opened it.
        let datagram = self.datagrams.read().map_err(|end| self.reassembler.link_end(end))?;
        let Some(datagram) = datagram else { return Ok(None) };
        self.current = datagram;
        Ok(Some(self.reassembler.push_frame(&self.current)?))
    }
}
