//! From messages to frames.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use homing_core::{ConnectionId, EncodeError, SendErrorKind, codec};
use postcard::ser_flavors::Flavor;
use serde::Serialize;

use crate::frame::{self, Header, MAX_BODY, MAX_HEADER, MAX_MESSAGE_HEADER, MAX_PREFIX};
use crate::sink::FrameSink;

/// One frame of a message in fragments, or of the answer to a question, from `at` on: its header, and a body of at most
/// `max` bytes.
pub(crate) fn fragment(
    connection: ConnectionId,
    question: Option<u32>,
    message: &[u8],
    at: usize,
    max: usize,
) -> (Header, &[u8]) {
    let header = match (at, u32::try_from(message.len()), question) {
        (0, Ok(total), None) => Header::FirstFragment { connection, total },
        (0, Ok(total), Some(question)) => Header::FirstAnswer { connection, question, total },
        _ => Header::Fragment { connection },
    };
    let rest = message.get(at..).unwrap_or(&[]);
    (header, rest.get(..max).unwrap_or(rest))
}

/// What a message may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageBounds {
    /// The most bytes.
    pub(crate) len: usize,
    /// How many levels deep it may nest.
    pub(crate) depth: u32,
}

/// Fills up with zeroes to where the next frame may begin.
pub(crate) fn pad(frames: &mut Vec<u8>, align: usize) {
    frames.resize(frames.len().next_multiple_of(align), 0);
}

/// The longest frame that is encoded without a buffer of its own, with its length prefix:
/// one byte.
pub(crate) const SHORT: usize = 128;

/// Room for such a frame.
///
/// The encoder writes bytes, and a sink may read words. A load that is wider than the stores
/// before it waits until these have left the processor's store buffer: taking the mux's lock,
/// or its bias, in between gives them the time.
pub(crate) type ShortFrameBuf = [u8; SHORT];

/// Room for a length prefix of one byte and the header of a message, in whole words.
const TEMPLATE: usize = (1 + MAX_MESSAGE_HEADER).next_multiple_of(8);

/// The beginning of every short message of one pipe, encoded once: room for a length prefix,
/// and the header, filled up with zeroes.
pub(crate) struct MessageTemplate {
    bytes: [u8; TEMPLATE],
    /// Where the body begins.
    len: usize,
}

impl MessageTemplate {
    pub(crate) fn new(connection: ConnectionId) -> Self {
        let mut header = [0; MAX_HEADER];
        let header = Header::Message { connection }.encode(&mut header);
        let mut bytes = [0; TEMPLATE];
        for (to, from) in bytes.iter_mut().skip(1).zip(header) {
            *to = *from;
        }
        Self { bytes, len: 1 + header.len() }
    }

    /// Encodes a message as a frame: in `room`, a [`ShortFrameBuf`] or more, if it is short.
    #[inline]
    pub(crate) fn encode<M: Serialize, S: FrameSink>(
        &self,
        message: &M,
        bounds: MessageBounds,
        room: &mut [u8],
    ) -> Result<Encoded, SendErrorKind> {
        // The whole template at once; the body goes over its zeroes.
        if let Some(place) = room.first_chunk_mut() {
            *place = self.bytes;
        }
        let body = self.len;
        let room = room.get_mut(..SHORT).unwrap_or(&mut []);
        let MessageBounds { len: limit, depth } = bounds;
        let mut encoder = Encoder { room, body, end: body, long: None, limit };
        let encoded = codec::encode(message, ByRef(&mut encoder), depth);
        let end = encoder.end;
        if encoded.is_err() || encoder.long.is_some() || end - body > limit {
            return encoder.long_or_error(encoded);
        }
        let room = encoder.room;
        if let Some(prefix) = room.first_mut() {
            *prefix = (end - 1) as u8;
        }
        if S::ALIGN > 1 {
            // Zeroes up to where the next may begin.
            let rest = room.get_mut(end..).unwrap_or(&mut []);
            match rest.first_chunk_mut::<8>() {
                Some(next) => *next = [0; 8],
                None => rest.fill(0),
            }
        }
        Ok(Encoded::Short(ShortFrame { body, end, padded: end.next_multiple_of(S::ALIGN) }))
    }
}

/// Where a message was encoded.
pub(crate) enum Encoded {
    /// In the room that was given.
    Short(ShortFrame),
    /// In a buffer of its own.
    Long(LongFrame),
}

/// A short frame in its room.
#[derive(Clone, Copy)]
pub(crate) struct ShortFrame {
    /// Where the body begins, where it ends, and where the next frame may begin.
    body: usize,
    end: usize,
    padded: usize,
}

impl ShortFrame {
    /// Its length, up to where the next may begin.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.padded
    }

    /// The frame, up to where the next may begin.
    #[inline]
    pub(crate) fn frame(self, room: &ShortFrameBuf) -> &[u8] {
        room.get(..self.padded).unwrap_or(&[])
    }

    #[inline]
    pub(crate) fn body(self, room: &ShortFrameBuf) -> &[u8] {
        room.get(self.body..self.end).unwrap_or(&[])
    }
}

/// A message that is not short.
pub(crate) struct LongFrame {
    bytes: Scratch,
    /// Where the body begins.
    body: usize,
    /// Where the frame begins.
    start: usize,
}

impl LongFrame {
    /// Writes the length prefix directly before the header. A message that one frame cannot
    /// hold gets none: only its body is of use.
    fn finish(mut bytes: Scratch, body: usize) -> Self {
        let mut start = 0;
        if bytes.len() - body <= MAX_BODY {
            let mut prefix = [0; MAX_PREFIX];
            let prefix = frame::prefix(bytes.len() - MAX_PREFIX, &mut prefix);
            start = MAX_PREFIX - prefix.len();
            for (to, from) in bytes.iter_mut().skip(start).zip(prefix) {
                *to = *from;
            }
        }
        Self { bytes, body, start }
    }

    pub(crate) fn frame(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or(&[])
    }

    pub(crate) fn body(&self) -> &[u8] {
        self.bytes.get(self.body..).unwrap_or(&[])
    }
}

/// Writes to the room of a short frame, and continues in a buffer when the frame is not short
/// after all. So nothing is encoded twice.
struct Encoder<'a> {
    room: &'a mut [u8],
    body: usize,
    end: usize,
    long: Option<Long>,
    limit: usize,
}

/// The frame of a message that is not short, with room for the longest length prefix. `len`
/// counts its body, which beyond the limit is not stored.
struct Long {
    frame: Scratch,
    len: usize,
}

impl Encoder<'_> {
    /// The result for a message that is not a short frame.
    #[cold]
    fn long_or_error(self, encoded: Result<(), EncodeError>) -> Result<Encoded, SendErrorKind> {
        let (short, max) = (self.end - self.body, self.limit);
        encoded?;
        match self.long {
            None => Err(SendErrorKind::TooLarge { len: short, max }),
            Some(Long { len, .. }) if len > max => Err(SendErrorKind::TooLarge { len, max }),
            Some(Long { frame, .. }) => {
                Ok(Encoded::Long(LongFrame::finish(frame, MAX_PREFIX - 1 + self.body)))
            }
        }
    }

    #[cold]
    fn extend_long(&mut self, bytes: &[u8]) {
        let short = self.room.get(..self.end).unwrap_or(&[]);
        let body = self.body;
        let long = self.long.get_or_insert_with(|| {
            let mut frame = Scratch::take();
            // The short frame has room for one byte of the prefix.
            frame.extend_from_slice(&[0; MAX_PREFIX - 1]);
            frame.extend_from_slice(short);
            Long { frame, len: short.len() - body }
        });
        long.len += bytes.len();
        if long.len <= self.limit {
            long.frame.extend_from_slice(bytes);
        }
    }
}

/// An encoder as postcard takes it. Postcard copies its flavor; one pointer is cheaper to
/// copy than all that it points to.
struct ByRef<'a, 'b>(&'a mut Encoder<'b>);

impl Flavor for ByRef<'_, '_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        let Self(encoder) = self;
        match (&mut encoder.long, encoder.room.get_mut(encoder.end)) {
            (None, Some(place)) => {
                *place = byte;
                encoder.end += 1;
            }
            (Some(long), _) => {
                long.len += 1;
                if long.len <= encoder.limit {
                    long.frame.push(byte);
                }
            }
            (None, None) => encoder.extend_long(&[byte]),
        }
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        let Self(encoder) = self;
        let rest = encoder.room.get_mut(encoder.end..);
        match (&encoder.long, rest.and_then(|room| room.get_mut(..bytes.len()))) {
            (None, Some(room)) => {
                copy_short(room, bytes);
                encoder.end += bytes.len();
            }
            _ => encoder.extend_long(bytes),
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Copies what is mostly a number's few bytes. They were just written one by one, so the loop
/// has a form of which compilers make no wider loads.
#[inline]
fn copy_short(to: &mut [u8], from: &[u8]) {
    const NUMBER: usize = 10;
    if from.len() > NUMBER {
        return to.copy_from_slice(from);
    }
    for at in 0..NUMBER {
        let (Some(to), Some(from)) = (to.get_mut(at), from.get(at)) else { break };
        *to = *from;
    }
}

/// A buffer to encode in. It belongs to the thread, so that no pipe has one.
///
/// The buffer grows to what the thread's messages need. One that is much larger than the message it
/// was last used for is not kept.
pub(crate) struct Scratch(Vec<u8>);

/// A buffer of this size is always kept.
const SCRATCH_KEEP: usize = 16 * 1024;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Scratch {
    /// Takes the thread's buffer. A message that sends another while it is encoded finds
    /// none, and gets a new one.
    pub(crate) fn take() -> Self {
        let mut buffer = SPARE.try_with(Cell::take).unwrap_or_default();
        buffer.clear();
        Self(buffer)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.capacity() <= SCRATCH_KEEP || self.len() >= self.capacity() / 4 {
            let buffer = std::mem::take(&mut self.0);
            // A thread that is ending keeps nothing.
            let _ = SPARE.try_with(|spare| spare.set(buffer));
        }
    }
}

impl Deref for Scratch {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}
