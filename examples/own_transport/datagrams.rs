//! A transport over a pair of connected sockets that keep the boundaries of datagrams
//! (SOCK_SEQPACKET), one for each link. A datagram is a frame of Homing's wire format.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use homing::transport::byte_queue::{self, Capacity};
use homing::transport::frame::{Header, MAX_BODY, MAX_FRAME, MAX_HEADER};
use homing::transport::{
    AdoptedLink, Arrival, Blocking, CloseReason, Disconnected, Doorbell, EncodedOutlet, Inlet,
    LinkEnd, LinkWaker, Overflow, OwnedHandle, Prepared, ProcessTransport, PumpStatus, ReadyPump,
    Reassembler, SendErrorKind, Ticket,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// The transport's name, on both sides.
pub const NAME: &str = "datagrams";

/// The most bytes of one message.
const LIMIT: usize = 16 * 1024 * 1024;

/// How much of a link waits in the foreground's memory before its worker has to.
const BUFFER: usize = 1024 * 1024;

// ---- The foreground's side ------------------------------------------------------------------

/// What the foreground gives to `Router::spawn`.
pub struct Datagrams;

impl ProcessTransport for Datagrams {
    fn prepare(&mut self, _waker: LinkWaker) -> io::Result<Prepared> {
        let (here, there) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let (queue, datagrams) = byte_queue::bounded(BUFFER);
        let inlet =
            DatagramInlet { datagrams, current: Vec::new(), reassembler: Reassembler::new(LIMIT) };
        let doorbell = Doorbell::readable(DatagramPump { socket: here, queue });
        Ok(Prepared::new(NAME, inlet, doorbell, vec![there], LIMIT))
    }
}

/// Moves datagrams from the socket to the queue, on the thread that watches the socket.
struct DatagramPump {
    socket: OwnedFd,
    queue: byte_queue::Writer,
}

impl ReadyPump for DatagramPump {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn pump(&mut self, worker_gone: bool) -> PumpStatus {
        // One byte more than a frame may have: a longer one is then too long, and not cut.
        let mut buffer = vec![0; MAX_FRAME + 1];
        // A few at a time: other links have their turn in between.
        for _ in 0..16 {
            match self.queue.capacity() {
                Capacity::Available => {}
                Capacity::Full => return PumpStatus::Backpressured,
                _ => return PumpStatus::Closed,
            }
            match rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                // The worker has closed its end, and everything before that was read.
                Ok((_, 0)) => {
                    self.queue.end();
                    return PumpStatus::Closed;
                }
                // A read of the queue gives what one write has put there.
                Ok((len, _)) => self.queue.write(buffer.get(..len).unwrap_or(&buffer)),
                // Another process may hold the worker's end, but the worker is gone.
                Err(Errno::AGAIN) if worker_gone => {
                    self.queue.end();
                    return PumpStatus::Closed;
                }
                Err(Errno::AGAIN) => return PumpStatus::WouldBlock,
                Err(Errno::INTR) => {}
                // Without an end: the inlet says that the link is broken.
                Err(_) => return PumpStatus::Closed,
            }
        }
        PumpStatus::Pending
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
        // The reassembler knows whether the worker had opened its link.
        let datagram = self.datagrams.read().map_err(|end| self.reassembler.link_end(end))?;
        let Some(datagram) = datagram else { return Ok(None) };
        self.current = datagram;
        Ok(Some(self.reassembler.push_frame(&self.current)?))
    }
}

// ---- The worker's side ----------------------------------------------------------------------

/// What the worker registers.
pub struct DatagramLink {
    socket: Arc<OwnedFd>,
    fragments: Arc<Mutex<()>>,
}

impl DatagramLink {
    /// Takes over what `Datagrams` has prepared.
    pub fn adopt(handles: Vec<OwnedHandle>, _limit: usize) -> io::Result<Self> {
        let [socket] = <[OwnedHandle; 1]>::try_from(handles)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a link has one handle"))?;
        // The preface, before anything else. The socket is empty, so this does not wait.
        let mut buffer = [0; MAX_HEADER];
        let preface = Header::PREFACE.encode(&mut buffer);
        rustix::net::send(&socket, preface, SendFlags::NOSIGNAL)?;
        Ok(Self { socket: Arc::new(socket), fragments: Arc::default() })
    }
}

impl AdoptedLink for DatagramLink {
    fn outlet(&self, ticket: Ticket<()>) -> Box<dyn EncodedOutlet> {
        let (socket, fragments) = (Arc::clone(&self.socket), Arc::clone(&self.fragments));
        Box::new(DatagramOutlet { socket, fragments, ticket, claimed: false })
    }
}

/// The worker's end of one pipe. The system keeps each datagram whole, so frames need no lock.
struct DatagramOutlet {
    socket: Arc<OwnedFd>,
    /// Held while a message is sent in fragments: those that are on their way on one link must
    /// not be longer together than one message may be.
    fragments: Arc<Mutex<()>>,
    ticket: Ticket<()>,
    claimed: bool,
}

impl DatagramOutlet {
    /// Sends one frame as a whole, or nothing: `false` when there is no room.
    fn try_send(&self, header: Header, body: &[u8]) -> Result<bool, Disconnected> {
        let mut frame = Vec::with_capacity(MAX_HEADER + body.len());
        frame.extend_from_slice(header.encode(&mut [0; MAX_HEADER]));
        frame.extend_from_slice(body);
        loop {
            // Without `NOSIGNAL` a foreground that is gone would kill this process.
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match rustix::net::send(&self.socket, &frame, flags) {
                Ok(_) => return Ok(true),
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(_) => return Err(Disconnected),
            }
        }
    }

    /// Sends one frame, and waits for room.
    fn send(&self, header: Header, body: &[u8]) -> Result<(), Disconnected> {
        while !self.try_send(header, body)? {
            // An error that lasts is found by the next attempt.
            let _ = poll(&mut [PollFd::new(&*self.socket, PollFlags::OUT)], None);
        }
        Ok(())
    }

    /// Sends a message that one frame cannot hold, in fragments.
    fn send_fragments(&self, message: &[u8]) -> Result<(), SendErrorKind> {
        let connection = self.ticket.connection();
        let max = u32::MAX as usize;
        let total = u32::try_from(message.len())
            .map_err(|_| SendErrorKind::TooLarge { len: message.len(), max })?;
        let _one_at_a_time = self.fragments.lock().unwrap_or_else(PoisonError::into_inner);
        let mut header = Header::FirstFragment { connection, total };
        for fragment in message.chunks(MAX_BODY) {
            self.send(header, fragment).map_err(|_| SendErrorKind::Disconnected)?;
            header = Header::Fragment { connection };
        }
        Ok(())
    }
}

impl EncodedOutlet for DatagramOutlet {
    fn open(&mut self) -> Result<(), Disconnected> {
        let Self { ticket, .. } = &*self;
        let (header, name) =
            Header::start(ticket.connection(), ticket.nonce(), ticket.message_type());
        self.claimed = true;
        self.send(header, name)
    }

    /// Policies that drop messages cannot be kept here, where nothing is queued: under them,
    /// too, it waits.
    fn put(&mut self, encoded: &[u8], blocking: Blocking) -> Result<u64, SendErrorKind> {
        let header = Header::Message { connection: self.ticket.connection() };
        let fits = encoded.len() <= MAX_BODY;
        if fits && self.try_send(header, encoded).map_err(|_| SendErrorKind::Disconnected)? {
            return Ok(0);
        }
        if blocking == Blocking::Never || self.ticket.overflow() == Overflow::GiveBack {
            // Fragments could not be taken back once the first of them is on its way.
            return Err(SendErrorKind::Full);
        }
        if fits {
            self.send(header, encoded).map_err(|_| SendErrorKind::Disconnected)?;
        } else {
            self.send_fragments(encoded)?;
        }
        Ok(0)
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        // Only a claimed pipe can be ended: a sender that was never started claims it now.
        if !self.claimed {
            self.open()?;
        }
        let (header, text) = Header::stop(self.ticket.connection(), &reason);
        self.send(header, &text)
    }
}
