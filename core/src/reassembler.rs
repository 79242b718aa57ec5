//! From frames to arrivals: what every transport of bytes does with what it reads.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::event::ProtocolError;
use crate::frame::{self, Head};
use crate::id::ConnectionId;
use crate::inlet::{Arrival, Payload};

/// The most messages in parts that are on their way on one link at once.
pub const MAX_PARTIAL: usize = 64;

/// Puts messages together that came in several frames, and checks the order of frames.
///
/// One for each link. What it holds is bounded: at most [`MAX_PARTIAL`] messages in parts
/// are on their way on one link, and they are together no longer than one message may be.
/// Worker ends keep to that as well (see [`FragmentBudget`](crate::FragmentBudget)).
#[derive(Debug)]
pub struct Reassembler {
    greeted: bool,
    limit: usize,
    /// The sum of the announced lengths of all messages in parts.
    announced: usize,
    partial: BTreeMap<ConnectionId, Partial>,
    /// The last message that came in parts, and maybe what is left of one that was longer.
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
    pub const fn new(limit: usize) -> Self {
        Self { greeted: false, limit, announced: 0, partial: BTreeMap::new(), whole: Vec::new() }
    }

    /// Takes one frame, without its length prefix.
    ///
    /// # Errors
    ///
    /// When no honest worker sends this frame now. The link is to be cut off.
    pub fn accept<'a>(&'a mut self, frame: &'a [u8]) -> Result<Arrival<'a>, ProtocolError> {
        let (head, body) = frame::parse(frame)?;
        if let (true, Head::Message { connection }) = (self.greeted, head) {
            if body.len() > self.limit {
                return Err(self.too_large(body.len()));
            }
            return Ok(Arrival::Message { connection, payload: Payload::Bytes(body) });
        }
        self.accept_rarer(head, body)
    }

    /// Takes a frame of a message in parts, a [`First`](Head::First) or a
    /// [`Part`](Head::Part), whose body has `len` bytes and is still to be read. `read` is
    /// given the place where the message is put together, so that a transport need not read
    /// large bodies to a place of its own first.
    ///
    /// # Errors
    ///
    /// As [`accept`](Reassembler::accept), and [`ProtocolError::Malformed`] for any other head. Then
    /// nothing was read.
    pub fn accept_part(
        &mut self,
        head: Head,
        len: usize,
        read: impl FnOnce(&mut [u8]),
    ) -> Result<Arrival<'_>, ProtocolError> {
        if !self.greeted {
            return Err(ProtocolError::Malformed);
        }
        let connection = match head {
            Head::First { connection, total } => {
                self.begin(connection, total, len)?;
                connection
            }
            Head::Part { connection } => connection,
            _ => return Err(ProtocolError::Malformed),
        };
        let partial = self.partial.get_mut(&connection).ok_or(ProtocolError::OutOfTurn)?;
        let missing = partial.total - partial.filled;
        if len > missing || len == 0 && matches!(head, Head::Part { .. }) {
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
        self.whole = self.forget(connection).unwrap_or_default();
        let message = self.whole.get(..end).unwrap_or(&[]);
        Ok(Arrival::Message { connection, payload: Payload::Bytes(message) })
    }

    /// Begins a message of `total` bytes in parts, of which the first has `len` bytes.
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
        let bytes = core::mem::take(&mut self.whole);
        match self.partial.insert(connection, Partial { total, filled: 0, bytes }) {
            Some(_) => Err(ProtocolError::OutOfTurn),
            None => Ok(()),
        }
    }

    fn accept_rarer<'a>(
        &'a mut self,
        head: Head,
        body: &'a [u8],
    ) -> Result<Arrival<'a>, ProtocolError> {
        if let Head::Hello { .. } = head {
            return if core::mem::replace(&mut self.greeted, true) {
                Err(ProtocolError::Malformed)
            } else {
                Ok(Arrival::Partial)
            };
        }
        if !self.greeted {
            return Err(ProtocolError::Malformed);
        }
        match head {
            Head::First { .. } | Head::Part { .. } => {
                self.accept_part(head, body.len(), |place| place.copy_from_slice(body))
            }
            Head::Abort { connection } => match self.forget(connection) {
                Some(_) => Ok(Arrival::Partial),
                None => Err(ProtocolError::OutOfTurn),
            },
            Head::Start { connection, nonce } => Ok(Arrival::Started { connection, nonce }),
            Head::Stop { connection, reason } => {
                if self.partial.contains_key(&connection) {
                    return Err(ProtocolError::OutOfTurn);
                }
                Ok(Arrival::Stopped { connection, end: reason.end() })
            }
            Head::Missed { connection, count } => Ok(Arrival::Missed { connection, count }),
            Head::Message { .. } | Head::Hello { .. } => Err(ProtocolError::Malformed),
        }
    }

    /// Whether a message in parts is on its way.
    pub fn is_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Lets go of the memory of the last large message.
    pub fn shrink(&mut self) {
        self.whole = Vec::new();
    }

    fn forget(&mut self, connection: ConnectionId) -> Option<Vec<u8>> {
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
    use crate::frame::MAX_HEAD;

    fn feed<'a>(
        reassembler: &'a mut Reassembler,
        frame: &'a mut Vec<u8>,
        head: Head,
        body: &[u8],
    ) -> Result<Arrival<'a>, ProtocolError> {
        frame.clear();
        frame.extend_from_slice(head.encode(&mut [0; MAX_HEAD]));
        frame.extend_from_slice(body);
        reassembler.accept(frame)
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
        assert!(matches!(feed(&mut reassembler, frame, Head::HELLO, &[]), Ok(Arrival::Partial)));
        let first = Head::First { connection: a(), total: 4 };
        assert!(matches!(feed(&mut reassembler, frame, first, &[1, 2]), Ok(Arrival::Partial)));
        let first = Head::First { connection: b(), total: 4 };
        assert!(matches!(feed(&mut reassembler, frame, first, &[5]), Ok(Arrival::Partial)));
        match feed(&mut reassembler, frame, Head::Part { connection: a() }, &[3, 4]) {
            Ok(Arrival::Message { connection, payload: Payload::Bytes([1, 2, 3, 4]) }) => {
                assert_eq!(connection, a());
            }
            other => panic!("{other:?}"),
        }
        match feed(&mut reassembler, frame, Head::Part { connection: b() }, &[6, 7, 8]) {
            Ok(Arrival::Message { payload: Payload::Bytes([5, 6, 7, 8]), .. }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(reassembler.announced, 0);
    }

    #[test]
    fn a_part_is_read_where_the_message_is_put_together() {
        let first = |total| Head::First { connection: a(), total };
        let part = Head::Part { connection: a() };
        let nothing = |_: &mut [u8]| panic!("nothing is to be read");
        let mut reassembler = Reassembler::new(8);
        assert!(reassembler.accept_part(first(4), 2, nothing).is_err(), "no hello");
        feed(&mut reassembler, &mut Vec::new(), Head::HELLO, &[]).unwrap();
        let message = Head::Message { connection: a() };
        assert!(reassembler.accept_part(message, 2, nothing).is_err(), "no part");
        assert!(reassembler.accept_part(part, 2, nothing).is_err(), "not begun");
        // The second is shorter, in the room of the first.
        for content in [&[1u8, 2, 3, 4, 5, 6][..], &[7, 8, 9]] {
            let (begin, rest) = content.split_at(2);
            let begun = reassembler.accept_part(first(content.len() as u32), 2, |place| {
                place.copy_from_slice(begin);
            });
            assert!(matches!(begun, Ok(Arrival::Partial)));
            assert!(reassembler.is_partial());
            match reassembler.accept_part(part, rest.len(), |place| place.copy_from_slice(rest)) {
                Ok(Arrival::Message { payload: Payload::Bytes(got), .. }) => {
                    assert_eq!(got, content)
                }
                other => panic!("{other:?}"),
            }
            assert!(!reassembler.is_partial());
        }
        feed(&mut reassembler, &mut Vec::new(), first(4), &[1, 2]).unwrap();
        assert!(reassembler.accept_part(part, 3, nothing).is_err(), "more than announced");
    }

    #[test]
    fn what_no_honest_worker_sends_is_refused() {
        let first = |total| Head::First { connection: a(), total };
        let part = Head::Part { connection: a() };
        let abort = Head::Abort { connection: a() };
        let stop = Head::Stop { connection: a(), reason: crate::CloseReason::Stopped };
        let cases: &[(&str, &[(Head, &[u8])])] = &[
            ("no hello", &[(Head::Message { connection: a() }, &[1])]),
            ("two hellos", &[(Head::HELLO, &[]), (Head::HELLO, &[])]),
            ("a part of nothing", &[(Head::HELLO, &[]), (part, &[1])]),
            ("an abort of nothing", &[(Head::HELLO, &[]), (abort, &[])]),
            ("more than the limit", &[(Head::HELLO, &[]), (first(9), &[1])]),
            ("more than announced", &[(Head::HELLO, &[]), (first(2), &[1]), (part, &[2, 3])]),
            ("an empty part", &[(Head::HELLO, &[]), (first(2), &[1]), (part, &[])]),
            ("all in the first", &[(Head::HELLO, &[]), (first(2), &[1, 2])]),
            ("two at once", &[(Head::HELLO, &[]), (first(2), &[1]), (first(2), &[1])]),
            ("a stop in between", &[(Head::HELLO, &[]), (first(2), &[1]), (stop, &[])]),
            (
                "over the limit together",
                &[
                    (Head::HELLO, &[]),
                    (first(5), &[1]),
                    (Head::First { connection: b(), total: 5 }, &[1]),
                ],
            ),
        ];
        for (name, frames) in cases {
            let (mut reassembler, buffer) = (Reassembler::new(8), &mut Vec::new());
            let (last, before) = frames.split_last().unwrap();
            for (head, body) in before {
                assert!(feed(&mut reassembler, buffer, *head, body).is_ok(), "{name}");
            }
            assert!(feed(&mut reassembler, buffer, last.0, last.1).is_err(), "{name}");
        }
    }

    #[test]
    fn an_aborted_message_leaves_nothing() {
        let (mut reassembler, frame) = (Reassembler::new(8), &mut Vec::new());
        feed(&mut reassembler, frame, Head::HELLO, &[]).unwrap();
        for _ in 0..3 {
            feed(&mut reassembler, frame, Head::First { connection: a(), total: 8 }, &[1]).unwrap();
            feed(&mut reassembler, frame, Head::Abort { connection: a() }, &[]).unwrap();
        }
        assert!(reassembler.partial.is_empty());
    }
}
