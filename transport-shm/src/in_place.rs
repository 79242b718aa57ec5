//! Large payloads that are written where they travel.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use homing_core::frame::{Head, PrefixedHead};
use homing_core::{
    ConnectionId, Disconnected, Overflow, SendErrorKind, SenderCounters, SenderState, Ticket,
};
use serde::Serialize;

use crate::link::Link;
use crate::outlet::{Sender, ShmOutlet};

/// A message that is encoded as its length and then its bytes, as they are.
///
/// It is for types of one's own that wrap such a one. A type of which it is not true gets the
/// link cut off.
pub trait RawBytes: Serialize {}

impl RawBytes for Vec<u8> {}
impl RawBytes for Box<[u8]> {}

/// A sender whose messages can also be written piece by piece, straight into the shared
/// memory: an image by its rows, a file by its blocks. What arrives is an ordinary message.
///
/// It is a [`Sender`] in every other respect. It comes from
/// [`WorkerEnd::bytes_sender`](crate::WorkerEnd::bytes_sender).
///
/// ```
/// # #[cfg(target_os = "linux")]
/// fn send(sender: &mut homing_transport_shm::BytesSender<Vec<u8>>) -> Result<(), homing_core::SendErrorKind> {
///     let mut image = sender.reserve(3 * 640 * 480)?;
///     for row in 0..480u32 {
///         image.write(&[row as u8; 3 * 640])?;
///     }
///     image.commit()
/// }
/// ```
#[derive(Debug)]
pub struct BytesSender<M: RawBytes> {
    sender: Sender<M>,
    place: Place,
}

/// Where its messages go.
struct Place {
    link: Arc<Link>,
    connection: ConnectionId,
    overflow: Overflow,
}

impl<M: RawBytes> BytesSender<M> {
    pub(crate) fn new(link: Arc<Link>, ticket: &Ticket<M>) -> Self {
        let (connection, overflow) = (ticket.connection(), ticket.overflow());
        let sender = Sender::new(connection, ShmOutlet::new(Arc::clone(&link), ticket));
        Self { sender, place: Place { link, connection, overflow } }
    }

    /// Begins a message of `len` bytes. Until it is committed or dropped, it counts against
    /// the link's limit, as any large message on its way does: a thread that waits with a
    /// large message for another pipe of the link meanwhile may wait for itself.
    ///
    /// Where the pipe's policy is to wait, this and what follows wait for room. Under any
    /// other policy, and on the foreground's own thread, nothing waits, and nothing is
    /// dropped for it.
    ///
    /// # Errors
    ///
    /// As [`send`](homing_core::Sender::send).
    pub fn reserve(&mut self, len: usize) -> Result<Reservation<'_>, SendErrorKind> {
        let Place { link, connection, overflow } = &self.place;
        let state = self.sender.state();
        if state != SenderState::Open {
            return Err(SendErrorKind::NotOpen(state));
        }
        let mut buffer = Vec::with_capacity(BUFFER);
        put_len(len, &mut buffer);
        let total = len.saturating_add(buffer.len());
        if total > link.limit {
            return Err(SendErrorKind::TooLarge { len: total, max: link.limit });
        }
        let waits = *overflow == Overflow::Wait && !link.is_foreground();
        if waits {
            link.begin(total).map_err(|Disconnected| SendErrorKind::Disconnected)?;
        } else {
            let begun = link.with(|stream| Ok(!stream.has_backlog(*connection)));
            match begun.and_then(|may| Ok(may && link.try_begin(total)?)) {
                Ok(true) => {}
                Ok(false) => return Err(SendErrorKind::Full),
                Err(Disconnected) => return Err(SendErrorKind::Disconnected),
            }
        }
        Ok(Reservation {
            place: &self.place,
            counters: self.sender.counters_mut(),
            waits,
            total,
            missing: len,
            begun: false,
            buffer,
            over: false,
        })
    }
}

impl<M: RawBytes> Deref for BytesSender<M> {
    type Target = Sender<M>;

    fn deref(&self) -> &Sender<M> {
        &self.sender
    }
}

impl<M: RawBytes> DerefMut for BytesSender<M> {
    fn deref_mut(&mut self) -> &mut Sender<M> {
        &mut self.sender
    }
}

/// Pieces are gathered up to this length.
const BUFFER: usize = 4096;

/// Writes a length as postcard does: 7 bits a byte, the least significant first.
fn put_len(mut len: usize, buffer: &mut Vec<u8>) {
    while len >= 0x80 {
        buffer.push(len as u8 | 0x80);
        len >>= 7;
    }
    buffer.push(len as u8);
}

/// A message that is being written. Dropped before its [`commit`](Reservation::commit), it was
/// never sent.
///
/// What is written goes into the ring at once, but for a few bytes, copied once. Between two
/// writes nobody is kept from sending.
#[must_use = "a reservation that is dropped sends nothing"]
pub struct Reservation<'a> {
    place: &'a Place,
    counters: &'a mut SenderCounters,
    waits: bool,
    /// The length of the encoded message.
    total: usize,
    /// How much is still to be written.
    missing: usize,
    /// Whether a part is on the ring.
    begun: bool,
    /// What is not on the ring yet. The last byte stays here until the commit.
    buffer: Vec<u8>,
    over: bool,
}

impl Reservation<'_> {
    /// How many bytes are still to be written.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    ///
    /// [`SendErrorKind::TooLarge`] when they are more than are missing; nothing is written then.
    /// [`SendErrorKind::Full`] where nothing waits and others have taken the room, and
    /// [`SendErrorKind::Disconnected`]; then the message is over, and was not sent.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SendErrorKind> {
        let Some(missing) = self.missing.checked_sub(bytes.len()) else {
            return Err(SendErrorKind::TooLarge { len: bytes.len(), max: self.missing });
        };
        self.missing = missing;
        if self.buffer.len() + bytes.len() <= BUFFER {
            self.buffer.extend_from_slice(bytes);
            return self.alive();
        }
        self.put_buffer()?;
        let last = usize::from(missing == 0);
        let (now, later) = bytes.split_at_checked(bytes.len() - last).unwrap_or((bytes, &[]));
        for piece in now.chunks(self.place.link.most) {
            self.put(piece)?;
        }
        self.buffer.extend_from_slice(later);
        Ok(())
    }

    /// Sends the message, all of which must have been written.
    ///
    /// # Errors
    ///
    /// [`SendErrorKind::Unencodable`] when some of it is missing, and as
    /// [`write`](Reservation::write). It was not sent then.
    pub fn commit(mut self) -> Result<(), SendErrorKind> {
        self.alive()?;
        if self.missing > 0 {
            return Err(SendErrorKind::Unencodable);
        }
        if self.begun {
            self.put_buffer()?;
        } else {
            // It is short: all of it is still here.
            let Place { link, connection, .. } = self.place;
            let body = std::mem::take(&mut self.buffer);
            let put = match (body.len() <= link.most, self.waits) {
                (true, true) => link.send_message(*connection, &body).map(|()| true),
                (true, false) => link.try_message(*connection, &body),
                (false, _) => self.put_all(&body),
            };
            self.check(put)?;
        }
        self.counters.sent += 1;
        self.finish();
        Ok(())
    }

    /// For a ring that is smaller than the buffer.
    fn put_all(&mut self, body: &[u8]) -> Result<bool, Disconnected> {
        for piece in body.chunks(self.place.link.most) {
            if !self.put_part(piece)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn put_buffer(&mut self) -> Result<(), SendErrorKind> {
        let buffer = std::mem::take(&mut self.buffer);
        let put = self.put_all(&buffer);
        self.buffer = buffer;
        self.buffer.clear();
        self.check(put)
    }

    fn put(&mut self, piece: &[u8]) -> Result<(), SendErrorKind> {
        let put = self.put_part(piece);
        self.check(put)
    }

    fn put_part(&mut self, piece: &[u8]) -> Result<bool, Disconnected> {
        let Place { link, connection, .. } = self.place;
        let (connection, begun) = (*connection, self.begun);
        let head = match u32::try_from(self.total) {
            Ok(total) if !begun => Head::First { connection, total },
            _ => Head::Part { connection },
        };
        let put = if self.waits {
            let mut buffer = PrefixedHead::new();
            link.send(head.encode_prefixed(piece.len(), &mut buffer), piece).map(|()| true)
        } else {
            link.try_part(connection, head, piece, begun)
        };
        self.begun = true;
        put
    }

    /// Whether it has not failed before.
    fn alive(&self) -> Result<(), SendErrorKind> {
        if self.over { Err(SendErrorKind::Disconnected) } else { Ok(()) }
    }

    /// After a failure nothing follows: what was put has been taken back by then, or is lost
    /// with the foreground.
    fn check(&mut self, put: Result<bool, Disconnected>) -> Result<(), SendErrorKind> {
        let kind = match put {
            Ok(true) => return Ok(()),
            Ok(false) => SendErrorKind::Full,
            Err(Disconnected) => SendErrorKind::Disconnected,
        };
        self.finish();
        Err(kind)
    }

    fn finish(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.place.link.end(self.total);
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.begun && !self.over {
            self.place.link.take_back(self.place.connection);
        }
        self.finish();
    }
}

impl fmt::Debug for Reservation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("total", &self.total)
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("connection", &self.connection)
            .field("overflow", &self.overflow)
            .finish_non_exhaustive()
    }
}
