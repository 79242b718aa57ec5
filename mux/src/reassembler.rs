//! From frames to arrivals: what every transport of bytes does with what it reads.

use std::collections::BTreeMap;

use homing_core::{
    Arrival, ConnectionId, DecodeLimits, LinkEnd, MessageType, Payload, ProtocolError, Told,
};

use crate::close_reason;
use crate::frame::{self, Header};

/// The most messages in fragments that are on their way on one link at once.
pub const MAX_PARTIAL: usize = 64;

/// The most that the foreground holds of a link to a worker process beside the link's limit and
/// its ring or buffer, in bytes: a frame or two that are being read.
pub const MAX_LINK_OVERHEAD: usize = 256 * 1024;

/// Puts messages together that came in several frames, and checks the order of frames.
///
/// One for each link. What it holds is bounded: at most [`MAX_PARTIAL`] messages in fragments
/// are on their way on one link, and they are together no longer than one message may be.
/// Worker ends keep to that as well (see [`FragmentBudget`](crate::FragmentBudget)).
///
/// All its buffers together, the one of the last large message included, never have more than
/// the limit in capacity, whatever frames come and in which order. Which pipes a worker may
/// send on is for the router to know: each fragment but the last is an
/// [`Arrival::Fragment`], upon which the router ends the link of a worker that has no claim.
#[derive(Debug)]
pub struct Reassembler {
    handshake_seen: bool,
    limit: usize,
    decode_limits: DecodeLimits,
    /// The sum of the announced lengths of all messages in fragments.
    announced: usize,
    partial: BTreeMap<ConnectionId, Partial>,
    /// The last message that came in fragments, and maybe what is left of one that was longer.
    /// Its buffer serves again: see [`recycle`](Self::recycle).
    whole: Vec<u8>,
}

#[derive(Debug)]
struct Partial {
    /// The question that it answers, where it is no message.
    question: Option<u32>,
    total: usize,
    filled: usize,
    /// At least `filled` bytes. What follows them is of older messages: to set it to zero
    /// would be one more pass over a large message.
    bytes: Vec<u8>,
}

impl Partial {
    /// Where the bytes up to `end` go that come next.
    ///
    /// Room is taken as bytes come, not as they are announced, and never more than the message
    /// is long, unless its buffer had more.
    fn place(&mut self, end: usize) -> Option<&mut [u8]> {
        if self.bytes.len() < end {
            if self.bytes.capacity() < end {
                let capacity = end.max(self.bytes.capacity() * 2).min(self.total);
                self.bytes.reserve_exact(capacity - self.bytes.len());
            }
            self.bytes.resize(end, 0);
        }
        self.bytes.get_mut(self.filled..end)
    }

    /// Gives back what its buffer has beyond the message.
    fn fit(&mut self) {
        if self.bytes.capacity() > self.total {
            self.bytes.truncate(self.filled);
            self.bytes.shrink_to(self.total);
        }
    }
}

impl Reassembler {
    /// For a new link, whose messages have at most `limit` bytes.
    ///
    /// The inlet returns the link's end through [`link_end`](Reassembler::link_end).
    pub const fn new(limit: usize) -> Self {
        Self {
            handshake_seen: false,
            limit,
            decode_limits: DecodeLimits::new().for_link(limit),
            announced: 0,
            partial: BTreeMap::new(),
            whole: Vec::new(),
        }
    }

    /// Sets what a message may decode to. What `limits` leave open is derived from the link's
    /// limit.
    #[must_use]
    pub const fn decode_limits(mut self, limits: DecodeLimits) -> Self {
        self.decode_limits = limits.for_link(self.limit);
        self
    }

    /// A whole message, as its receiver gets it. For a transport that finds some without
    /// [`push_frame`](Reassembler::push_frame).
    #[inline]
    pub fn payload<'a>(&'a self, message: &'a [u8]) -> Payload<'a> {
        Payload::Bytes { bytes: message, limits: &self.decode_limits }
    }

    /// Takes one frame, without its length prefix.
    ///
    /// # Errors
    ///
    /// When no honest worker sends this frame now. The link is to be cut off.
    pub fn push_frame<'a>(&'a mut self, frame: &'a [u8]) -> Result<Arrival<'a>, ProtocolError> {
        let (header, body) = frame::parse(frame)?;
        if let (true, Header::Message { connection }) = (self.handshake_seen, header) {
            if body.len() > self.limit {
                return Err(self.too_large(body.len()));
            }
            return Ok(Arrival::Message { connection, payload: self.payload(body) });
        }
        self.push_rarer(header, body)
    }

    /// Takes a frame of a message in fragments, a [`First`](Header::FirstFragment) or a
    /// [`Part`](Header::Fragment), whose body has `len` bytes and is still to be read. `read` is
    /// given the place where the message is put together, so that a transport need not read
    /// large bodies to a place of its own first.
    ///
    /// # Errors
    ///
    /// As [`push_frame`](Reassembler::push_frame), and [`ProtocolError::Malformed`] for any other header. Then
    /// nothing was read.
    pub fn push_fragment(
        &mut self,
        header: Header,
        len: usize,
        read: impl FnOnce(&mut [u8]),
    ) -> Result<Arrival<'_>, ProtocolError> {
        if !self.handshake_seen {
            return Err(ProtocolError::Malformed);
        }
        let connection = match header {
            Header::FirstFragment { connection, total } => {
                self.begin(connection, None, total, len)?;
                connection
            }
            Header::FirstAnswer { connection, question, total } => {
                self.begin(connection, Some(question), total, len)?;
                connection
            }
            Header::Fragment { connection } => connection,
            _ => return Err(ProtocolError::Malformed),
        };
        let partial = self.partial.get_mut(&connection).ok_or(ProtocolError::OutOfTurn)?;
        let missing = partial.total - partial.filled;
        if len > missing || len == 0 && matches!(header, Header::Fragment { .. }) {
            return Err(ProtocolError::Malformed);
        }
        let end = partial.filled + len;
        if let Some(place) = partial.place(end) {
            read(place);
        }
        partial.filled = end;
        if len < missing {
            return Ok(Arrival::Fragment { connection });
        }
        let question = partial.question;
        self.whole = self.remove(connection).unwrap_or_default();
        let payload = self.payload(self.whole.get(..end).unwrap_or(&[]));
        Ok(match question {
            None => Arrival::Message { connection, payload },
            Some(question) => Arrival::Answer { connection, question, payload },
        })
    }

    /// Begins a message of `total` bytes in fragments, of which the first has `len` bytes.
    fn begin(
        &mut self,
        connection: ConnectionId,
        question: Option<u32>,
        total: u32,
        len: usize,
    ) -> Result<(), ProtocolError> {
        let total = usize::try_from(total).map_err(|_| ProtocolError::Malformed)?;
        if total > self.limit || total > self.limit - self.announced {
            return Err(self.too_large(total));
        }
        if len >= total || self.partial.len() == MAX_PARTIAL {
            return Err(ProtocolError::Malformed);
        }
        self.announced += total;
        let bytes = self.recycle(total);
        match self.partial.insert(connection, Partial { question, total, filled: 0, bytes }) {
            Some(_) => Err(ProtocolError::OutOfTurn),
            None => Ok(()),
        }
    }

    /// The buffer of the last large message, for one of `total` bytes. To allocate one for each
    /// would cost a page fault for each of its pages.
    ///
    /// All buffers together keep to the limit: a buffer that is longer than its message is
    /// handed out only while there is no other, and is cut to size as soon as there is.
    fn recycle(&mut self, total: usize) -> Vec<u8> {
        let last = std::mem::take(&mut self.whole);
        if self.partial.is_empty() {
            return last;
        }
        for partial in self.partial.values_mut() {
            partial.fit();
        }
        if last.capacity() <= total { last } else { Vec::new() }
    }

    fn push_rarer<'a>(
        &'a mut self,
        header: Header,
        body: &'a [u8],
    ) -> Result<Arrival<'a>, ProtocolError> {
        if let Header::Preface { .. } = header {
            return if std::mem::replace(&mut self.handshake_seen, true) {
                Err(ProtocolError::Malformed)
            } else {
                Ok(Arrival::Partial)
            };
        }
        if !self.handshake_seen {
            return Err(ProtocolError::Malformed);
        }
        match header {
            Header::FirstFragment { .. } | Header::FirstAnswer { .. } | Header::Fragment { .. } => {
                self.push_fragment(header, body.len(), |place| place.copy_from_slice(body))
            }
            Header::Reset { connection } => match self.remove(connection) {
                Some(_) => Ok(Arrival::Partial),
                None => Err(ProtocolError::OutOfTurn),
            },
            Header::Start { connection, nonce, schema } => {
                let name = std::str::from_utf8(body).map_err(|_| ProtocolError::Malformed)?;
                let message_type = MessageType::new(schema, name);
                Ok(Arrival::Started { connection, nonce, message_type })
            }
            Header::Stop { connection, reason } => {
                if self.partial.contains_key(&connection) {
                    return Err(ProtocolError::OutOfTurn);
                }
                let reason = close_reason::decode(reason, body)?;
                Ok(Arrival::Stopped { connection, end: reason.end() })
            }
            Header::Dropped { connection, count } => Ok(Arrival::Missed { connection, count }),
            Header::Answer { connection, question } => {
                if body.len() > self.limit {
                    return Err(self.too_large(body.len()));
                }
                Ok(Arrival::Answer { connection, question, payload: self.payload(body) })
            }
            Header::Taken { connection, commands } => Ok(Arrival::Taken { connection, commands }),
            Header::Cancel { connection } => {
                Ok(Arrival::Told { connection: Some(connection), told: Told::CANCELLED })
            }
            Header::Close { connection } => {
                Ok(Arrival::Told { connection: Some(connection), told: Told::CLOSED })
            }
            Header::Leave => Ok(Arrival::Told { connection: None, told: Told::STOPPING }),
            Header::Message { .. } | Header::Preface { .. } => Err(ProtocolError::Malformed),
        }
    }

    /// What a link ended with, as the foreground is to know it: a worker that is gone and has
    /// sent no preface has not opened its link.
    pub fn link_end(&self, end: LinkEnd) -> LinkEnd {
        match end {
            LinkEnd::Gone(lost) if !self.handshake_seen => LinkEnd::Gone(lost.not_opened()),
            end => end,
        }
    }

    /// Whether a message in fragments is on its way.
    pub fn has_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Frees the memory of the last large message. For an inlet that has found its link empty.
    pub fn shrink(&mut self) {
        self.whole = Vec::new();
    }

    fn remove(&mut self, connection: ConnectionId) -> Option<Vec<u8>> {
        let partial = self.partial.remove(&connection)?;
        self.announced -= partial.total;
        Some(partial.bytes)
    }

    fn too_large(&self, len: usize) -> ProtocolError {
        ProtocolError::TooLarge { len: len as u64, max: self.limit as u64 }
    }
}

#[cfg(test)]
mod tests;
