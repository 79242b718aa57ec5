//! Messages that are written piece by piece.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use homing_core::{
    ConnectionId, Disconnected, EncodeError, Outlet, SendErrorKind, Sender, SenderCounters,
    SenderState,
};
use serde::Serialize;

use crate::frame::{Header, PrefixedHeader};
use crate::mux::Mux;
use crate::sink::FrameSink;

/// A message that is encoded as its length and then its bytes, as they are.
///
/// Implement it for types of one's own that wrap one of these. A type that is encoded in another
/// way gets its link cut off.
pub trait RawBytes: Serialize {}

impl RawBytes for Vec<u8> {}
impl RawBytes for Box<[u8]> {}

/// A sender whose messages can also be written piece by piece, straight to the link: an image
/// by its rows, a file by its blocks. What arrives is an ordinary message.
///
/// In every other respect this is a [`Sender`]. Made by
/// [`MuxHandle::reserving_sender`](crate::MuxHandle::reserving_sender).
///
/// ```
/// use homing_core::{Outlet, SendErrorKind};
/// use homing_mux::ReservingSender;
///
/// fn send<O: Outlet<Vec<u8>>>(
///     sender: &mut ReservingSender<Vec<u8>, O>,
/// ) -> Result<(), SendErrorKind> {
///     let mut image = sender.reserve(3 * 640 * 480)?;
///     for row in 0..480u32 {
///         image.write(&[row as u8; 3 * 640])?;
///     }
///     image.commit()
/// }
/// ```
#[derive(Debug)]
pub struct ReservingSender<M: RawBytes, O: Outlet<M>> {
    sender: Sender<M, O>,
    target: ReserveTarget,
}

/// Where messages of one pipe can be written piece by piece. It comes from
/// [`MuxOutlet::reserve_target`](crate::MuxOutlet::reserve_target).
pub struct ReserveTarget {
    mux: Arc<dyn FragmentSender>,
    connection: ConnectionId,
    /// Whether the pipe's policy is to wait.
    may_wait: bool,
}

impl ReserveTarget {
    pub(crate) fn new<S: FrameSink>(
        mux: Arc<Mux<S>>,
        connection: ConnectionId,
        may_wait: bool,
    ) -> Self {
        Self { mux, connection, may_wait }
    }
}

/// A mux, whatever its sink. What has an argument `waits` waits for space if that is true, and
/// else says whether there was some.
trait FragmentSender: Send + Sync {
    fn limit(&self) -> usize;
    fn may_block(&self) -> bool;
    fn max_body(&self, waits: bool) -> usize;
    fn reserve(
        self: Arc<Self>,
        connection: ConnectionId,
        len: usize,
        waits: bool,
    ) -> Result<bool, Disconnected>;
    fn release(&self, len: usize);
    /// `begun` is the pipe if fragments of the message were sent.
    fn send(
        &self,
        header: Header,
        body: &[u8],
        waits: bool,
        begun: Option<ConnectionId>,
    ) -> Result<bool, Disconnected>;
    fn abort(&self, connection: ConnectionId);
    /// Why a call of these was answered with [`Disconnected`].
    fn failure(&self) -> SendErrorKind;
}

impl<S: FrameSink> FragmentSender for Mux<S> {
    fn limit(&self) -> usize {
        self.bounds.len
    }

    fn may_block(&self) -> bool {
        Mux::may_block(self)
    }

    fn max_body(&self, waits: bool) -> usize {
        if waits { self.max_body } else { self.max_atomic_body }
    }

    fn reserve(
        self: Arc<Self>,
        connection: ConnectionId,
        len: usize,
        waits: bool,
    ) -> Result<bool, Disconnected> {
        if waits {
            return self.reserve_budget(len).map(|()| true);
        }
        // Not past messages of the pipe that are queued.
        let may = self.with(|scheduler, _| Ok(!scheduler.is_queued(connection)))?;
        Ok(may && self.try_reserve_budget(len)?)
    }

    fn release(&self, len: usize) {
        self.release_budget(len);
    }

    fn send(
        &self,
        header: Header,
        body: &[u8],
        waits: bool,
        begun: Option<ConnectionId>,
    ) -> Result<bool, Disconnected> {
        if !waits {
            return self.try_frame(header, body, begun);
        }
        let mut buffer = PrefixedHeader::new();
        let header = header.encode_prefixed(body.len(), &mut buffer);
        Mux::send(self, header, body).map(|()| true).map_err(|_| Disconnected)
    }

    fn abort(&self, connection: ConnectionId) {
        self.abort_fragments(connection);
    }

    fn failure(&self) -> SendErrorKind {
        match self.sink.is_forked_copy() {
            true => SendErrorKind::Forked,
            false => SendErrorKind::Disconnected,
        }
    }
}

impl<M: RawBytes, O: Outlet<M>> ReservingSender<M, O> {
    /// Joins a sender and where its messages can be written. For code that wraps outlets;
    /// both must be of the same pipe.
    pub fn new(sender: Sender<M, O>, target: ReserveTarget) -> Self {
        Self { sender, target }
    }

    /// Begins a message of `len` bytes. Until it is committed or dropped, it counts against
    /// the link's limit, as any large message on its way does: a thread that waits with a
    /// large message for another pipe of the link meanwhile may wait for itself.
    ///
    /// Where the pipe's policy is to wait, this and what follows wait for space. Under any
    /// other policy, and on a thread that never blocks, nothing waits, and nothing is dropped
    /// for it.
    ///
    /// # Errors
    ///
    /// As [`send`](homing_core::Sender::send).
    pub fn reserve(&mut self, len: usize) -> Result<Reservation<'_>, SendErrorKind> {
        let target = &self.target;
        let state = self.sender.state();
        if state != SenderState::Open {
            return Err(SendErrorKind::NotOpen(state));
        }
        let mut buffer = Vec::with_capacity(BUFFER);
        put_len(len, &mut buffer);
        let (total, max) = (len.saturating_add(buffer.len()), target.mux.limit());
        if total > max {
            return Err(SendErrorKind::TooLarge { len: total, max });
        }
        let waits = target.may_wait && target.mux.may_block();
        match Arc::clone(&target.mux).reserve(target.connection, total, waits) {
            Ok(true) => {}
            Ok(false) => return Err(SendErrorKind::Full),
            Err(Disconnected) => return Err(target.mux.failure()),
        }
        Ok(Reservation {
            target,
            counters: self.sender.counters_mut(),
            waits,
            total,
            missing: len,
            begun: false,
            buffer,
            finished: false,
        })
    }
}

impl<M: RawBytes, O: Outlet<M>> Deref for ReservingSender<M, O> {
    type Target = Sender<M, O>;

    fn deref(&self) -> &Sender<M, O> {
        &self.sender
    }
}

impl<M: RawBytes, O: Outlet<M>> DerefMut for ReservingSender<M, O> {
    fn deref_mut(&mut self) -> &mut Sender<M, O> {
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
/// What is written goes onto the link at once, but for a few bytes, copied once. Between two
/// writes other pipes may send.
#[must_use = "a reservation that is dropped sends nothing"]
pub struct Reservation<'a> {
    target: &'a ReserveTarget,
    counters: &'a mut SenderCounters,
    waits: bool,
    /// The length of the encoded message.
    total: usize,
    /// How much is still to be written.
    missing: usize,
    /// Whether a fragment is on the link.
    begun: bool,
    /// What is not on the link yet. The last byte stays here until the commit.
    buffer: Vec<u8>,
    finished: bool,
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
            return self.is_live();
        }
        self.put_buffer()?;
        let last = usize::from(missing == 0);
        let (now, later) = bytes.split_at_checked(bytes.len() - last).unwrap_or((bytes, &[]));
        for piece in now.chunks(self.max_body()) {
            self.put(piece)?;
        }
        self.buffer.extend_from_slice(later);
        Ok(())
    }

    /// Sends the message, all of which must have been written.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Incomplete`] when some of it is missing, and as
    /// [`write`](Reservation::write). It was not sent then.
    pub fn commit(mut self) -> Result<(), SendErrorKind> {
        self.is_live()?;
        if self.missing > 0 {
            return Err(EncodeError::Incomplete.into());
        }
        if self.begun {
            self.put_buffer()?;
        } else {
            // It is short: all of it is still here.
            let body = std::mem::take(&mut self.buffer);
            let header = Header::Message { connection: self.target.connection };
            let put = match body.len() <= self.max_body() {
                true => self.put_frame(header, &body),
                false => self.put_all(&body),
            };
            self.check(put)?;
        }
        self.counters.sent += 1;
        self.finish();
        Ok(())
    }

    /// For a link whose frames are shorter than the buffer.
    fn put_all(&mut self, body: &[u8]) -> Result<bool, Disconnected> {
        for piece in body.chunks(self.max_body()) {
            if !self.put_fragment(piece)? {
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
        let put = self.put_fragment(piece);
        self.check(put)
    }

    fn put_fragment(&mut self, piece: &[u8]) -> Result<bool, Disconnected> {
        let connection = self.target.connection;
        let header = match u32::try_from(self.total) {
            Ok(total) if !self.begun => Header::FirstFragment { connection, total },
            _ => Header::Fragment { connection },
        };
        let put = self.put_frame(header, piece);
        self.begun = true;
        put
    }

    fn put_frame(&self, header: Header, body: &[u8]) -> Result<bool, Disconnected> {
        let ReserveTarget { mux, connection, .. } = self.target;
        mux.send(header, body, self.waits, self.begun.then_some(*connection))
    }

    fn max_body(&self) -> usize {
        self.target.mux.max_body(self.waits)
    }

    /// Whether it has not failed before.
    fn is_live(&self) -> Result<(), SendErrorKind> {
        if self.finished { Err(SendErrorKind::Disconnected) } else { Ok(()) }
    }

    /// After a failure nothing follows: what was put has been taken back by then, or is lost
    /// with the foreground.
    fn check(&mut self, put: Result<bool, Disconnected>) -> Result<(), SendErrorKind> {
        let kind = match put {
            Ok(true) => return Ok(()),
            Ok(false) => SendErrorKind::Full,
            Err(Disconnected) => self.target.mux.failure(),
        };
        self.finish();
        Err(kind)
    }

    fn finish(&mut self) {
        if !std::mem::replace(&mut self.finished, true) {
            self.target.mux.release(self.total);
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.begun && !self.finished {
            self.target.mux.abort(self.target.connection);
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

impl fmt::Debug for ReserveTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReserveTarget")
            .field("connection", &self.connection)
            .field("may_wait", &self.may_wait)
            .finish_non_exhaustive()
    }
}
