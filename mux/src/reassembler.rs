//! From frames to arrivals: what every transport of bytes does with what it reads.

use std::collections::BTreeMap;

use homing_core::{Arrival, ConnectionId, DecodeLimits, LinkEnd, Payload, ProtocolError};

use crate::close_reason;
use crate::frame::{self, Header};

/// The most messages in fragments that are on their way on one link at once.
pub const MAX_PARTIAL: usize = 64;

/// Puts messages together that came in several frames, and checks the order of frames.
///
/// One for each link. What it holds is bounded: at most [`MAX_PARTIAL`] messages in fragments
/// are on their way on one link, and they are together no longer than one message may be.
/// Worker ends keep to that as well (see [`FragmentBudget`](crate::FragmentBudget)).
#[derive(Debug)]
pub struct Reassembler {
    handshake_seen: bool,
    limit: usize,
    decode_limits: DecodeLimits,
    /// The sum of the announced lengths of all messages in fragments.
    announced: usize,
    partial: BTreeMap<ConnectionId, Partial>,
    /// The last message that came in fragments, and maybe what is left of one that was longer.
    whole: Vec<u8>,
}

#[derive(Debug)]
struct Partial {
    total: usize,
    filled: usize,
    /// At least `filled` bytes. What follows them is of older messages: to set it to zero
    /// would be one more pass over a large message.
    bytes: Vec<u8>,
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
                self.begin(connection, total, len)?;
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
        if partial.bytes.len() < end {
            // Room is taken as bytes come, not as they are announced.
            partial.bytes.resize(end, 0);
        }
        if let Some(place) = partial.bytes.get_mut(partial.filled..end) {
            read(place);
        }
        partial.filled = end;
        if len < missing {
            return Ok(Arrival::Partial);
        }
        self.whole = self.remove(connection).unwrap_or_default();
        let message = self.whole.get(..end).unwrap_or(&[]);
        Ok(Arrival::Message { connection, payload: self.payload(message) })
    }

    /// Begins a message of `total` bytes in fragments, of which the first has `len` bytes.
    fn begin(
        &mut self,
        connection: ConnectionId,
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
        // The room of the last large message serves again.
        let bytes = std::mem::take(&mut self.whole);
        match self.partial.insert(connection, Partial { total, filled: 0, bytes }) {
            Some(_) => Err(ProtocolError::OutOfTurn),
            None => Ok(()),
        }
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
            Header::FirstFragment { .. } | Header::Fragment { .. } => {
                self.push_fragment(header, body.len(), |place| place.copy_from_slice(body))
            }
            Header::Reset { connection } => match self.remove(connection) {
                Some(_) => Ok(Arrival::Partial),
                None => Err(ProtocolError::OutOfTurn),
            },
            // No reader knows fingerprints of types yet.
            Header::Start { connection, nonce, schema: _ } => {
                Ok(Arrival::Started { connection, nonce })
            }
            Header::Stop { connection, reason } => {
                if self.partial.contains_key(&connection) {
                    return Err(ProtocolError::OutOfTurn);
                }
                let reason = close_reason::decode(reason, body)?;
                Ok(Arrival::Stopped { connection, end: reason.end() })
            }
            Header::Dropped { connection, count } => Ok(Arrival::Missed { connection, count }),
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

    /// Lets go of the memory of the last large message.
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
mod tests {
    use super::*;
    use crate::frame::MAX_HEADER;

    fn feed<'a>(
        reassembler: &'a mut Reassembler,
        frame: &'a mut Vec<u8>,
        header: Header,
        body: &[u8],
    ) -> Result<Arrival<'a>, ProtocolError> {
        frame.clear();
        frame.extend_from_slice(header.encode(&mut [0; MAX_HEADER]));
        frame.extend_from_slice(body);
        reassembler.push_frame(frame)
    }

    fn a() -> ConnectionId {
        ConnectionId::from_parts(0, 0)
    }

    fn b() -> ConnectionId {
        ConnectionId::from_parts(1, 0)
    }

    #[test]
    fn parts_of_two_messages_may_alternate() {
        let (mut reassembler, frame) = (Reassembler::new(8), &mut Vec::new());
        assert!(matches!(
            feed(&mut reassembler, frame, Header::PREFACE, &[]),
            Ok(Arrival::Partial)
        ));
        let first = Header::FirstFragment { connection: a(), total: 4 };
        assert!(matches!(feed(&mut reassembler, frame, first, &[1, 2]), Ok(Arrival::Partial)));
        let first = Header::FirstFragment { connection: b(), total: 4 };
        assert!(matches!(feed(&mut reassembler, frame, first, &[5]), Ok(Arrival::Partial)));
        match feed(&mut reassembler, frame, Header::Fragment { connection: a() }, &[3, 4]) {
            Ok(Arrival::Message {
                connection,
                payload: Payload::Bytes { bytes: [1, 2, 3, 4], .. },
            }) => {
                assert_eq!(connection, a());
            }
            other => panic!("{other:?}"),
        }
        match feed(&mut reassembler, frame, Header::Fragment { connection: b() }, &[6, 7, 8]) {
            Ok(Arrival::Message {
                payload: Payload::Bytes { bytes: [5, 6, 7, 8], .. }, ..
            }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(reassembler.announced, 0);
    }

    #[test]
    fn a_part_is_read_where_the_message_is_put_together() {
        let first = |total| Header::FirstFragment { connection: a(), total };
        let part = Header::Fragment { connection: a() };
        let nothing = |_: &mut [u8]| panic!("nothing is to be read");
        let mut reassembler = Reassembler::new(8);
        assert!(reassembler.push_fragment(first(4), 2, nothing).is_err(), "no preface");
        feed(&mut reassembler, &mut Vec::new(), Header::PREFACE, &[]).unwrap();
        let message = Header::Message { connection: a() };
        assert!(reassembler.push_fragment(message, 2, nothing).is_err(), "no part");
        assert!(reassembler.push_fragment(part, 2, nothing).is_err(), "not begun");
        // The second is shorter, in the room of the first.
        for content in [&[1u8, 2, 3, 4, 5, 6][..], &[7, 8, 9]] {
            let (begin, rest) = content.split_at(2);
            let begun = reassembler.push_fragment(first(content.len() as u32), 2, |place| {
                place.copy_from_slice(begin);
            });
            assert!(matches!(begun, Ok(Arrival::Partial)));
            assert!(reassembler.has_partial());
            match reassembler.push_fragment(part, rest.len(), |place| place.copy_from_slice(rest)) {
                Ok(Arrival::Message { payload: Payload::Bytes { bytes: got, .. }, .. }) => {
                    assert_eq!(got, content)
                }
                other => panic!("{other:?}"),
            }
            assert!(!reassembler.has_partial());
        }
        feed(&mut reassembler, &mut Vec::new(), first(4), &[1, 2]).unwrap();
        assert!(reassembler.push_fragment(part, 3, nothing).is_err(), "more than announced");
    }

    #[test]
    fn what_no_honest_worker_sends_is_refused() {
        let first = |total| Header::FirstFragment { connection: a(), total };
        let part = Header::Fragment { connection: a() };
        let abort = Header::Reset { connection: a() };
        let stop = Header::Stop { connection: a(), reason: 0 };
        let cases: &[(&str, &[(Header, &[u8])])] = &[
            ("no preface", &[(Header::Message { connection: a() }, &[1])]),
            ("two hellos", &[(Header::PREFACE, &[]), (Header::PREFACE, &[])]),
            ("a part of nothing", &[(Header::PREFACE, &[]), (part, &[1])]),
            ("an abort of nothing", &[(Header::PREFACE, &[]), (abort, &[])]),
            ("more than the limit", &[(Header::PREFACE, &[]), (first(9), &[1])]),
            ("more than announced", &[(Header::PREFACE, &[]), (first(2), &[1]), (part, &[2, 3])]),
            ("an empty part", &[(Header::PREFACE, &[]), (first(2), &[1]), (part, &[])]),
            ("all in the first", &[(Header::PREFACE, &[]), (first(2), &[1, 2])]),
            ("two at once", &[(Header::PREFACE, &[]), (first(2), &[1]), (first(2), &[1])]),
            ("a stop in between", &[(Header::PREFACE, &[]), (first(2), &[1]), (stop, &[])]),
            (
                "over the limit together",
                &[
                    (Header::PREFACE, &[]),
                    (first(5), &[1]),
                    (Header::FirstFragment { connection: b(), total: 5 }, &[1]),
                ],
            ),
        ];
        for (name, frames) in cases {
            let (mut reassembler, buffer) = (Reassembler::new(8), &mut Vec::new());
            let (last, before) = frames.split_last().unwrap();
            for (header, body) in before {
                assert!(feed(&mut reassembler, buffer, *header, body).is_ok(), "{name}");
            }
            assert!(feed(&mut reassembler, buffer, last.0, last.1).is_err(), "{name}");
        }
    }

    #[test]
    fn an_aborted_message_leaves_nothing() {
        let (mut reassembler, frame) = (Reassembler::new(8), &mut Vec::new());
        feed(&mut reassembler, frame, Header::PREFACE, &[]).unwrap();
        for _ in 0..3 {
            feed(
                &mut reassembler,
                frame,
                Header::FirstFragment { connection: a(), total: 8 },
                &[1],
            )
            .unwrap();
            feed(&mut reassembler, frame, Header::Reset { connection: a() }, &[]).unwrap();
        }
        assert!(reassembler.partial.is_empty());
    }
}
