//! The worker's side: the link that it adopts, and the ends of its pipes.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use homing::transport::frame::{Header, MAX_BODY, MAX_HEADER};
use homing::transport::{
    AdoptedLink, Blocking, CloseReason, Disconnected, EncodedOutlet, Overflow, OwnedHandle,
    SendErrorKind, Ticket,
};
use homing::worker::{self, AlreadyRegistered};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::NAME;

/// Makes the transport known to this worker's program.
///
/// # Errors
///
/// When it is known already.
pub fn register() -> Result<(), AlreadyRegistered> {
    worker::register(NAME, DatagramLink::adopt)
}

/// The worker's end of a link.
pub struct DatagramLink(Arc<Shared>);

struct Shared {
    socket: OwnedFd,
    /// Held while a message is sent in fragments: the messages that are on their way in
    /// fragments must not be longer together than one may be, so one is on its way at a time.
    fragments: Mutex<()>,
}

impl DatagramLink {
    /// Takes over the handle that [`Datagrams`](super::Datagrams) has prepared.
    ///
    /// # Errors
    ///
    /// When there is not one handle, or the foreground is gone.
    pub fn adopt(handles: Vec<OwnedHandle>, _limit: usize) -> io::Result<Self> {
        let [socket] = <[OwnedHandle; 1]>::try_from(handles)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a link has one handle"))?;
        let link = Shared { socket, fragments: Mutex::new(()) };
        // The preface, before anything else on the link. An empty socket has room for it.
        link.try_send(Header::PREFACE, &[]).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(Self(Arc::new(link)))
    }
}

impl AdoptedLink for DatagramLink {
    fn outlet(&self, ticket: Ticket<()>) -> Box<dyn EncodedOutlet> {
        let link = Arc::clone(&self.0);
        Box::new(DatagramOutlet { link, ticket, is_claimed: false, dropped: 0 })
    }
}

impl Shared {
    /// Sends one frame, or nothing: `false` when there is no room. The system keeps a datagram
    /// whole, so the pipes of a link need no lock. Never waits.
    fn try_send(&self, header: Header, body: &[u8]) -> Result<bool, Disconnected> {
        let frame = [header.encode(&mut [0; MAX_HEADER]), body].concat();
        // Without NOSIGNAL a foreground that is gone would kill this process.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        loop {
            match send(&self.socket, &frame, flags) {
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
            // An error that lasts is found by the next attempt; so is a foreground that is gone.
            let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], None);
        }
        Ok(())
    }
}

/// The worker's end of one pipe.
struct DatagramOutlet {
    link: Arc<Shared>,
    ticket: Ticket<()>,
    is_claimed: bool,
    /// Messages that were dropped and not reported.
    dropped: u64,
}

impl DatagramOutlet {
    /// Sends the first frame of a message, or nothing, and does not wait. What was dropped
    /// before is reported first.
    fn try_begin(&mut self, header: Header, body: &[u8]) -> Result<bool, Disconnected> {
        let connection = self.ticket.connection();
        if self.dropped > 0 {
            let count = self.dropped;
            if !self.link.try_send(Header::Dropped { connection, count }, &[])? {
                return Ok(false);
            }
            self.dropped = 0;
        }
        self.link.try_send(header, body)
    }

    /// As [`try_begin`](Self::try_begin), and waits for room where the policy says so. What the
    /// policy does with a message that was not sent is the result.
    fn begin(
        &mut self,
        header: Header,
        body: &[u8],
        blocking: Blocking,
    ) -> Result<bool, SendErrorKind> {
        while !self.try_begin(header, body).map_err(|Disconnected| SendErrorKind::Disconnected)? {
            match self.ticket.overflow() {
                Overflow::DropNewest => {
                    self.dropped += 1;
                    return Ok(false);
                }
                Overflow::GiveBack => return Err(SendErrorKind::Full),
                _ if blocking == Blocking::Never => return Err(SendErrorKind::Full),
                // The others cannot be kept here. They lose nothing instead.
                _ => {
                    let _ = poll(&mut [PollFd::new(&self.link.socket, PollFlags::OUT)], None);
                }
            }
        }
        Ok(true)
    }

    /// Sends a message that one frame cannot hold. Once the first is sent it waits for the
    /// others, as nothing can be taken back without room for the frame that says so.
    fn put_fragments(&mut self, message: &[u8], blocking: Blocking) -> Result<bool, SendErrorKind> {
        if blocking == Blocking::Never {
            return Err(SendErrorKind::Full);
        }
        let link = Arc::clone(&self.link);
        let _one_at_a_time = link.fragments.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = self.ticket.connection();
        let len = message.len();
        let total = u32::try_from(len)
            .map_err(|_| SendErrorKind::TooLarge { len, max: u32::MAX as usize })?;
        let (first, rest) = message.split_at(MAX_BODY);
        if !self.begin(Header::FirstFragment { connection, total }, first, blocking)? {
            return Ok(false);
        }
        for fragment in rest.chunks(MAX_BODY) {
            link.send(Header::Fragment { connection }, fragment)
                .map_err(|Disconnected| SendErrorKind::Disconnected)?;
        }
        Ok(true)
    }
}

impl EncodedOutlet for DatagramOutlet {
    fn open(&mut self) -> Result<(), Disconnected> {
        let (connection, nonce) = (self.ticket.connection(), self.ticket.nonce());
        let (header, name) = Header::start(connection, nonce, self.ticket.message_type());
        self.is_claimed = true;
        self.link.send(header, name)
    }

    fn put(&mut self, encoded: &[u8], blocking: Blocking) -> Result<u64, SendErrorKind> {
        let connection = self.ticket.connection();
        let is_sent = match encoded.len() <= MAX_BODY {
            true => self.begin(Header::Message { connection }, encoded, blocking)?,
            false => self.put_fragments(encoded, blocking)?,
        };
        Ok(u64::from(!is_sent))
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        // Only a pipe that was claimed can be ended: one that was never started is claimed now.
        if !self.is_claimed {
            self.open()?;
        }
        let connection = self.ticket.connection();
        if self.dropped > 0 {
            self.link.send(Header::Dropped { connection, count: self.dropped }, &[])?;
        }
        let (header, text) = Header::stop(connection, &reason);
        self.link.send(header, &text)
    }
}
