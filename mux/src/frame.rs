//! The wire format of links that carry bytes. `WIRE.md` is its normative description.
//!
//! A frame is a [`Header`], which postcard encodes, followed by a body of raw bytes. On a
//! stream each frame is preceded by its length. Everything here is pure: bytes in, frames
//! out, and no byte of a peer's can make it panic or allocate.

use crate::close_reason;
use homing_core::{CloseReason, ConnectionId, MessageType, Nonce, ProtocolError};
use serde::{Deserialize, Serialize};

/// The version of the wire format that this crate speaks.
pub const VERSION: u8 = 2;

/// The longest body of one frame, in bytes. A longer message travels in several frames.
pub const MAX_BODY: usize = 64 * 1024;

/// The longest header in bytes: a tag, a pipe, 16 bytes of nonce and a number of 64 bits.
pub const MAX_HEADER: usize = 1 + PIPE + 16 + 10;

/// The longest header of a frame with a part of a message: a tag, a pipe, a number of 32 bits.
pub const MAX_MESSAGE_HEADER: usize = 1 + PIPE + 5;

/// The longest encoding of a pipe: two numbers of 32 bits.
const PIPE: usize = 5 + 5;

/// The longest length prefix in bytes.
pub const MAX_PREFIX: usize = 3;

/// The longest frame in bytes, header and body, without its length prefix.
pub const MAX_FRAME: usize = MAX_HEADER + MAX_BODY;

/// The longest text with which a sender may end its pipe, in bytes.
pub const MAX_CLOSE_TEXT: usize = 4096;

/// The longest name of a type with which a sender may claim its pipe, in bytes.
pub const MAX_TYPE_NAME: usize = MessageType::MAX_NAME;

/// The largest message that a link carries unless another limit is agreed: 16 MiB.
pub const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;

/// The largest limit that can be agreed, as a message's length travels in 32 bits.
pub const MAX_LIMIT: usize = u32::MAX as usize;

/// What a frame is about.
///
/// Those from `Answer` on are of pipes that have a way back. `Cancel`, `Close` and `Leave` go from
/// the foreground to a worker, `Answer`, `FirstAnswer` and `Taken` from a worker to the foreground,
/// all others in both directions; see `WIRE.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Header {
    /// The first frame of a link.
    Preface {
        /// Tells this protocol from others: [`MAGIC`](Header::MAGIC).
        magic: [u8; 4],
        /// The version that the writer speaks.
        version: u8,
    },
    /// Claims a pipe for the link on which this comes. The body is the name of the type of its
    /// messages in UTF-8, of at most [`MAX_TYPE_NAME`] bytes.
    Start {
        /// The pipe.
        connection: ConnectionId,
        /// The secret of its ticket.
        nonce: Nonce,
        /// A fingerprint of the type of its messages: 0 says nothing about it.
        schema: u64,
    },
    /// A whole message, which is the body.
    Message {
        /// The pipe.
        connection: ConnectionId,
    },
    /// The first fragment of a message that one frame cannot hold.
    FirstFragment {
        /// The pipe.
        connection: ConnectionId,
        /// The length of the whole message in bytes.
        total: u32,
    },
    /// The next fragment of it. The message is whole when its fragments have the length that
    /// the first one announced.
    Fragment {
        /// The pipe.
        connection: ConnectionId,
    },
    /// Discards the fragments of a message that were sent.
    Reset {
        /// The pipe.
        connection: ConnectionId,
    },
    /// The sender leaves. The body is a text in UTF-8, of at most [`MAX_CLOSE_TEXT`] bytes.
    Stop {
        /// The pipe.
        connection: ConnectionId,
        /// In which way, as a number.
        reason: u8,
    },
    /// The sender has dropped messages.
    Dropped {
        /// The pipe.
        connection: ConnectionId,
        /// How many since it last said so.
        count: u64,
    },
    /// The whole answer to a question, which is the body.
    Answer {
        /// The pipe.
        connection: ConnectionId,
        /// The question.
        question: u32,
    },
    /// The first fragment of an answer that one frame cannot hold. [`Fragment`](Header::Fragment)s
    /// follow.
    FirstAnswer {
        /// The pipe.
        connection: ConnectionId,
        /// The question.
        question: u32,
        /// The length of the whole answer in bytes.
        total: u32,
    },
    /// The worker has taken commands.
    Taken {
        /// The pipe.
        connection: ConnectionId,
        /// How many since it last said so.
        commands: u64,
    },
    /// The foreground does not want the pipe's work any more.
    Cancel {
        /// The pipe.
        connection: ConnectionId,
    },
    /// The foreground has closed the pipe.
    Close {
        /// The pipe.
        connection: ConnectionId,
    },
    /// The foreground is about to stop.
    Leave,
}

impl Header {
    /// What the first frame of every link begins with.
    pub const MAGIC: [u8; 4] = *b"HOME";

    /// The first frame of a link.
    pub const PREFACE: Header = Header::Preface { magic: Self::MAGIC, version: VERSION };

    /// Claims a pipe for messages of a type: the header, and the body that goes with it.
    pub fn start(
        connection: ConnectionId,
        nonce: Nonce,
        message_type: MessageType<'_>,
    ) -> (Self, &[u8]) {
        let schema = message_type.fingerprint();
        let name = if message_type.is_checked() { message_type.name() } else { "" };
        (Header::Start { connection, nonce, schema }, name.as_bytes())
    }

    /// Ends a pipe: the header, and the body that goes with it.
    pub fn stop(connection: ConnectionId, reason: &CloseReason) -> (Self, Vec<u8>) {
        let (reason, text) = close_reason::encode(reason, MAX_CLOSE_TEXT);
        (Header::Stop { connection, reason }, text)
    }

    /// The longest body that may follow this header.
    const fn max_body(&self) -> usize {
        match self {
            Header::Message { .. }
            | Header::FirstFragment { .. }
            | Header::Fragment { .. }
            | Header::Answer { .. }
            | Header::FirstAnswer { .. } => MAX_BODY,
            Header::Start { .. } => MAX_TYPE_NAME,
            Header::Stop { .. } => MAX_CLOSE_TEXT,
            _ => 0,
        }
    }

    /// Writes the header, without a length prefix.
    pub fn encode(self, buffer: &mut [u8; MAX_HEADER]) -> &[u8] {
        // The buffer holds the longest header there is, so this cannot fail; an empty frame
        // is malformed, and would be refused by the other side.
        postcard::to_slice(&self, buffer).map_or(&[], |header| header)
    }

    /// Writes the length prefix of a frame whose body has `body` bytes, and its header. The
    /// body follows it on the stream.
    pub fn encode_prefixed(self, body: usize, buffer: &mut PrefixedHeader) -> &[u8] {
        let mut header = [0; MAX_HEADER];
        let header = self.encode(&mut header);
        let PrefixedHeader(out) = buffer;
        let len = put_prefix(header.len() + body, out);
        for (to, from) in out.iter_mut().skip(len).zip(header) {
            *to = *from;
        }
        out.get(..len + header.len()).unwrap_or(&[])
    }

    /// The whole frame of this header and `body`, with its length prefix.
    pub fn frame(self, body: &[u8]) -> Vec<u8> {
        let mut buffer = PrefixedHeader::new();
        [self.encode_prefixed(body.len(), &mut buffer), body].concat()
    }
}

/// Room for a length prefix and a header.
#[derive(Debug, Clone)]
pub struct PrefixedHeader([u8; MAX_PREFIX + MAX_HEADER]);

impl PrefixedHeader {
    /// Empty room.
    pub const fn new() -> Self {
        Self([0; MAX_PREFIX + MAX_HEADER])
    }
}

impl Default for PrefixedHeader {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes the length prefix of a frame whose header and body have `frame` bytes, at most
/// [`MAX_FRAME`].
#[inline]
pub fn prefix(frame: usize, buffer: &mut [u8; MAX_PREFIX]) -> &[u8] {
    let len = put_prefix(frame, buffer);
    buffer.get(..len).unwrap_or(&[])
}

/// Writes a number to the front of `out`, and returns how many bytes it took.
#[inline]
fn put_prefix(mut rest: usize, out: &mut [u8]) -> usize {
    let mut len = 0;
    for byte in out.iter_mut().take(MAX_PREFIX) {
        *byte = (rest & 0x7f) as u8;
        rest >>= 7;
        len += 1;
        if rest == 0 {
            break;
        }
        *byte |= 0x80;
    }
    debug_assert_eq!(rest, 0, "a body is at most MAX_BODY long");
    len
}

/// Takes a frame apart into its header and its body. The frame comes without length prefix.
///
/// # Errors
///
/// When it begins with no header, or its first bytes say another version.
pub fn parse(frame: &[u8]) -> Result<(Header, &[u8]), ProtocolError> {
    let (header, body) =
        postcard::take_from_bytes::<Header>(frame).map_err(|_| ProtocolError::Malformed)?;
    match header {
        Header::Preface { magic, .. } if magic != Header::MAGIC => Err(ProtocolError::Malformed),
        Header::Preface { version, .. } if version != VERSION => {
            Err(ProtocolError::Version(version))
        }
        _ if body.len() <= header.max_body() => Ok((header, body)),
        _ if header.max_body() == 0 => Err(ProtocolError::Malformed),
        _ => {
            let (len, max) = (body.len() as u64, header.max_body() as u64);
            Err(ProtocolError::TooLarge { len, max })
        }
    }
}

/// The length of the first frame of a stream together with its length prefix, when the
/// prefix is all there. The frame itself need not be.
///
/// # Errors
///
/// When the length prefix is none, or promises more than [`MAX_FRAME`].
#[inline]
pub fn measure(stream: &[u8]) -> Result<Option<usize>, ProtocolError> {
    let mut len = 0usize;
    for (at, byte) in stream.iter().take(MAX_PREFIX).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            if len > MAX_FRAME {
                return Err(ProtocolError::TooLarge { len: len as u64, max: MAX_FRAME as u64 });
            }
            return Ok(Some(at + 1 + len));
        }
    }
    if stream.len() < MAX_PREFIX { Ok(None) } else { Err(ProtocolError::Malformed) }
}

/// Takes the first frame off a stream: the frame without its length prefix, and what
/// follows it. `None` when it is not all there yet.
///
/// # Errors
///
/// As [`measure`]. Nothing is waited for or set aside for such a frame.
#[inline]
pub fn split(stream: &[u8]) -> Result<Option<(&[u8], &[u8])>, ProtocolError> {
    let Some(whole) = measure(stream)? else { return Ok(None) };
    let Some((prefixed, rest)) = stream.split_at_checked(whole) else { return Ok(None) };
    // `measure` has found the last byte of the prefix.
    let prefix = prefixed.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    Ok(Some((prefixed.get(prefix..).unwrap_or(&[]), rest)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn connection() -> impl Strategy<Value = ConnectionId> {
        any::<(u32, u32)>()
            .prop_map(|(index, generation)| ConnectionId::from_parts(index, generation))
    }

    fn header() -> impl Strategy<Value = Header> {
        (connection(), any::<u64>(), any::<u32>(), 0u8..14).prop_map(
            |(connection, wide, total, kind)| match kind {
                0 => Header::PREFACE,
                1 => Header::Start { connection, nonce: Nonce::new(wide.into()), schema: wide },
                2 => Header::Message { connection },
                3 => Header::FirstFragment { connection, total },
                4 => Header::Fragment { connection },
                5 => Header::Reset { connection },
                6 => Header::Dropped { connection, count: wide },
                7 => Header::Answer { connection, question: total },
                8 => Header::FirstAnswer { connection, question: total, total },
                9 => Header::Taken { connection, commands: wide },
                10 => Header::Cancel { connection },
                11 => Header::Close { connection },
                12 => Header::Leave,
                _ => Header::Stop { connection, reason: total as u8 },
            },
        )
    }

    fn carries_a_body(header: &Header) -> bool {
        matches!(
            header,
            Header::Message { .. }
                | Header::FirstFragment { .. }
                | Header::Fragment { .. }
                | Header::Answer { .. }
                | Header::FirstAnswer { .. }
        )
    }

    proptest! {
        #[test]
        fn frames_come_off_a_stream_as_they_were_written(
            frames in proptest::collection::vec((header(), 0usize..300), 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut stream = Vec::new();
            for (header, body) in &frames {
                let body = if carries_a_body(header) { *body } else { 0 };
                stream.extend(header.encode_prefixed(body, &mut PrefixedHeader::new()));
                stream.extend(std::iter::repeat_n(7, body));
            }
            // Cut anywhere: what was whole before the cut is read, nothing else is.
            let cut = cut.index(stream.len() + 1);
            let mut rest = &stream[..cut];
            let mut whole = 0;
            while let Some((frame, after)) = split(rest).unwrap() {
                let (header, body) = parse(frame).unwrap();
                prop_assert_eq!(header, frames[whole].0);
                prop_assert!(body.iter().all(|byte| *byte == 7));
                whole += 1;
                rest = after;
            }
            if cut == stream.len() {
                prop_assert_eq!(whole, frames.len());
            }
        }

        #[test]
        fn any_bytes_are_a_frame_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some((frame, _))) = split(&bytes) {
                let _ = parse(frame);
            }
            let _ = parse(&bytes);
        }
    }

    #[test]
    fn a_length_over_the_bound_is_refused_at_once() {
        assert_eq!(split(&[0xff, 0xff, 0xff]), Err(ProtocolError::Malformed));
        assert!(matches!(split(&[0xff, 0xff, 0x7f]), Err(ProtocolError::TooLarge { .. })));
    }

    #[test]
    fn the_longest_header_fits_its_buffer() {
        let connection = ConnectionId::from_parts(u32::MAX, u32::MAX);
        let header = Header::Start { connection, nonce: Nonce::new(u128::MAX), schema: u64::MAX };
        assert_eq!(header.encode(&mut [0; MAX_HEADER]).len(), MAX_HEADER);
    }

    #[test]
    fn another_version_is_named() {
        let header = Header::Preface { magic: Header::MAGIC, version: 9 };
        assert_eq!(parse(header.encode(&mut [0; MAX_HEADER])), Err(ProtocolError::Version(9)));
    }

    #[test]
    fn unknown_tags_are_malformed() {
        for tag in 14..=255 {
            assert_eq!(parse(&[tag, 1, 0, 0, 0]), Err(ProtocolError::Malformed), "{tag}");
        }
    }

    #[test]
    fn a_stop_may_carry_a_bounded_text() {
        let stop = Header::Stop { connection: ConnectionId::from_parts(0, 0), reason: 0 };
        let text = [b'x'; MAX_CLOSE_TEXT + 1];
        let frame = |len: usize| {
            stop.encode(&mut [0; MAX_HEADER])
                .iter()
                .chain(&text[..len])
                .copied()
                .collect::<Vec<u8>>()
        };
        assert_eq!(parse(&frame(MAX_CLOSE_TEXT)), Ok((stop, &text[..MAX_CLOSE_TEXT])));
        assert!(matches!(parse(&frame(MAX_CLOSE_TEXT + 1)), Err(ProtocolError::TooLarge { .. })));
    }
}
