//! The wire format of links that carry bytes. `WIRE.md` is its normative description.
//!
//! A frame is a [`Head`], which postcard encodes, followed by a body of raw bytes. On a
//! stream each frame is preceded by its length. Everything here is pure: bytes in, frames
//! out, and no byte of a peer's can make it panic or allocate.

use serde::{Deserialize, Serialize};

use crate::event::{CloseReason, ProtocolError};
use crate::id::{ConnectionId, Nonce};

/// The version of the wire format that this crate speaks.
pub const VERSION: u8 = 2;

/// The longest body of one frame, in bytes. A longer message travels in several frames.
pub const MAX_BODY: usize = 64 * 1024;

/// The longest head in bytes: a tag, two numbers of 32 bits and a nonce.
pub const MAX_HEAD: usize = 1 + 5 + 5 + 16;

/// The longest length prefix in bytes.
pub const MAX_PREFIX: usize = 3;

/// The longest frame in bytes, head and body, without its length prefix.
pub const MAX_FRAME: usize = MAX_HEAD + MAX_BODY;

/// The largest message that a link carries unless another limit is agreed: 16 MiB.
pub const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Head {
    /// The first frame of a link.
    Hello {
        /// Tells this protocol from others: [`MAGIC`](Head::MAGIC).
        magic: [u8; 4],
        /// The version that the worker speaks.
        version: u8,
    },
    /// Claims a pipe for the link on which this comes.
    Start {
        /// The pipe.
        connection: ConnectionId,
        /// The secret of its ticket.
        nonce: Nonce,
    },
    /// A whole message, which is the body.
    Message {
        /// The pipe.
        connection: ConnectionId,
    },
    /// The first part of a message that one frame cannot hold.
    First {
        /// The pipe.
        connection: ConnectionId,
        /// The length of the whole message in bytes.
        total: u32,
    },
    /// The next part of it. The message is whole when its parts have the length that its
    /// first frame said.
    Part {
        /// The pipe.
        connection: ConnectionId,
    },
    /// What was sent of the message in parts is to be forgotten.
    Abort {
        /// The pipe.
        connection: ConnectionId,
    },
    /// The sender leaves.
    Stop {
        /// The pipe.
        connection: ConnectionId,
        /// In which way.
        reason: CloseReason,
    },
    /// The sender has dropped messages.
    Missed {
        /// The pipe.
        connection: ConnectionId,
        /// How many since it last said so.
        count: u64,
    },
}

impl Head {
    /// What the first frame of every link begins with.
    pub const MAGIC: [u8; 4] = *b"HOME";

    /// The first frame of a link.
    pub const HELLO: Head = Head::Hello { magic: Self::MAGIC, version: VERSION };

    /// Writes the head, without a length prefix.
    pub fn encode(self, buffer: &mut [u8; MAX_HEAD]) -> &[u8] {
        // The buffer holds the longest head there is, so this cannot fail; an empty frame
        // is malformed, and would be refused by the other side.
        postcard::to_slice(&self, buffer).map_or(&[], |head| head)
    }

    /// Writes the length prefix of a frame whose body has `body` bytes, and its head. The
    /// body follows it on the stream.
    pub fn encode_prefixed(self, body: usize, buffer: &mut PrefixedHead) -> &[u8] {
        let mut head = [0; MAX_HEAD];
        let head = self.encode(&mut head);
        let PrefixedHead(out) = buffer;
        let len = put_prefix(head.len() + body, out);
        for (to, from) in out.iter_mut().skip(len).zip(head) {
            *to = *from;
        }
        out.get(..len + head.len()).unwrap_or(&[])
    }
}

/// Room for a length prefix and a head.
#[derive(Debug, Clone)]
pub struct PrefixedHead([u8; MAX_PREFIX + MAX_HEAD]);

impl PrefixedHead {
    /// Empty room.
    pub const fn new() -> Self {
        Self([0; MAX_PREFIX + MAX_HEAD])
    }
}

impl Default for PrefixedHead {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes the length prefix of a frame whose head and body have `frame` bytes, at most
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

/// Takes a frame apart into its head and its body. The frame comes without length prefix.
///
/// # Errors
///
/// When it begins with no head, or its first bytes say another version.
pub fn parse(frame: &[u8]) -> Result<(Head, &[u8]), ProtocolError> {
    let (head, body) =
        postcard::take_from_bytes::<Head>(frame).map_err(|_| ProtocolError::Malformed)?;
    match head {
        Head::Hello { magic, .. } if magic != Head::MAGIC => Err(ProtocolError::Malformed),
        Head::Hello { version, .. } if version != VERSION => Err(ProtocolError::Version(version)),
        Head::Message { .. } | Head::First { .. } | Head::Part { .. } if body.len() > MAX_BODY => {
            Err(ProtocolError::TooLarge { len: body.len() as u64, max: MAX_BODY as u64 })
        }
        Head::Message { .. } | Head::First { .. } | Head::Part { .. } => Ok((head, body)),
        _ if !body.is_empty() => Err(ProtocolError::Malformed),
        _ => Ok((head, body)),
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
    extern crate std;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn connection() -> impl Strategy<Value = ConnectionId> {
        any::<(u32, u32)>()
            .prop_map(|(index, generation)| ConnectionId::from_parts(index, generation))
    }

    fn head() -> impl Strategy<Value = Head> {
        (connection(), any::<u64>(), any::<u32>(), 0u8..7).prop_map(
            |(connection, wide, total, kind)| match kind {
                0 => Head::HELLO,
                1 => Head::Start { connection, nonce: Nonce::new(wide.into()) },
                2 => Head::Message { connection },
                3 => Head::First { connection, total },
                4 => Head::Part { connection },
                5 => Head::Abort { connection },
                6 => Head::Missed { connection, count: wide },
                _ => Head::Stop { connection, reason: CloseReason::Panicked },
            },
        )
    }

    fn carries_a_body(head: &Head) -> bool {
        matches!(head, Head::Message { .. } | Head::First { .. } | Head::Part { .. })
    }

    proptest! {
        #[test]
        fn frames_come_off_a_stream_as_they_were_put_on(
            frames in proptest::collection::vec((head(), 0usize..300), 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut stream = Vec::new();
            for (head, body) in &frames {
                let body = if carries_a_body(head) { *body } else { 0 };
                stream.extend(head.encode_prefixed(body, &mut PrefixedHead::new()));
                stream.extend(std::iter::repeat_n(7, body));
            }
            // Cut anywhere: what was whole before the cut is read, nothing else is.
            let cut = cut.index(stream.len() + 1);
            let mut rest = &stream[..cut];
            let mut whole = 0;
            while let Some((frame, after)) = split(rest).unwrap() {
                let (head, body) = parse(frame).unwrap();
                prop_assert_eq!(head, frames[whole].0);
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
    fn a_length_that_nobody_agreed_to_is_refused_at_once() {
        assert_eq!(split(&[0xff, 0xff, 0xff]), Err(ProtocolError::Malformed));
        assert!(matches!(split(&[0xff, 0xff, 0x7f]), Err(ProtocolError::TooLarge { .. })));
    }

    #[test]
    fn the_longest_head_fits_its_buffer() {
        let connection = ConnectionId::from_parts(u32::MAX, u32::MAX);
        let head = Head::Start { connection, nonce: Nonce::new(u128::MAX) };
        assert_eq!(head.encode(&mut [0; MAX_HEAD]).len(), MAX_HEAD);
    }

    #[test]
    fn another_version_is_named() {
        let head = Head::Hello { magic: Head::MAGIC, version: 9 };
        assert_eq!(parse(head.encode(&mut [0; MAX_HEAD])), Err(ProtocolError::Version(9)));
    }
}
