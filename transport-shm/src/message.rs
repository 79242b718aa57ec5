//! From messages to frames.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use homing_core::frame::{Head, MAX_BODY, MAX_HEAD, MAX_PREFIX};
use homing_core::{ConnectionId, SendErrorKind};
use postcard::ser_flavors::Flavor;
use serde::Serialize;

use crate::ring::padded;
use crate::words::ALIGN;

/// The longest body of one frame on a ring of `ring` bytes. A frame takes a quarter of the
/// ring at most, so that others find room between two parts of a large message.
pub(crate) const fn most_body(ring: usize) -> usize {
    match ring / 4 - MAX_PREFIX - MAX_HEAD - ALIGN {
        body if body > MAX_BODY => MAX_BODY,
        body => body,
    }
}

/// One frame of a message in parts, from `at` on: its head, and a body of at most `most`
/// bytes.
pub(crate) fn part(
    connection: ConnectionId,
    message: &[u8],
    at: usize,
    most: usize,
) -> (Head, &[u8]) {
    let head = match (at, u32::try_from(message.len())) {
        (0, Ok(total)) => Head::First { connection, total },
        _ => Head::Part { connection },
    };
    let rest = message.get(at..).unwrap_or(&[]);
    (head, rest.get(..most).unwrap_or(rest))
}

/// The room that a message of `len` bytes takes in parts of `most` bytes, at most.
pub(crate) const fn room_in_parts(len: usize, most: usize) -> usize {
    len.saturating_add(len.div_ceil(most) * (MAX_PREFIX + MAX_HEAD + ALIGN))
}

/// Zeroes from the end of a frame to where the next may begin.
pub(crate) fn pad(frames: &mut Vec<u8>) {
    frames.resize(padded(frames.len()), 0);
}

/// The longest frame that is encoded without a buffer, with its length prefix: one byte.
pub(crate) const SHORT: usize = 128;

/// Room for such a frame.
///
/// It is written byte by byte, and read by words. A load that is wider than the stores before
/// it waits until these have left the processor's store buffer: to take the link's lock or
/// its pass in between gives them the time.
pub(crate) type Room = [u8; SHORT];

/// Room for a length prefix and a head.
const HEAD_ROOM: usize = padded(1 + MAX_HEAD);

/// The beginning of every short message of one pipe, encoded once: room for a length prefix,
/// and the head, filled up with zeroes.
pub(crate) struct MessageHead {
    bytes: [u8; HEAD_ROOM],
    /// Where the body begins.
    len: usize,
}

impl MessageHead {
    pub(crate) fn new(connection: ConnectionId) -> Self {
        let mut head = [0; MAX_HEAD];
        let head = Head::Message { connection }.encode(&mut head);
        let mut bytes = [0; HEAD_ROOM];
        for (to, from) in bytes.iter_mut().skip(1).zip(head) {
            *to = *from;
        }
        Self { bytes, len: 1 + head.len() }
    }

    /// Encodes a message, in `room` if it is short: a [`Room`], or more.
    #[inline]
    pub(crate) fn encode<M: Serialize>(
        &self,
        message: &M,
        limit: usize,
        room: &mut [u8],
    ) -> Result<Encoded, SendErrorKind> {
        // All of the room for a head at once; the body goes over the zeroes.
        if let Some(place) = room.first_chunk_mut() {
            *place = self.bytes;
        }
        let body = self.len;
        let room = room.get_mut(..SHORT).unwrap_or(&mut []);
        let mut encoder = Encoder { room, body, end: body, long: None, limit };
        let encoded = postcard::serialize_with_flavor(message, ByRef(&mut encoder)).is_ok();
        let end = encoder.end;
        if !encoded || encoder.long.is_some() || end - body > limit {
            return encoder.long_or_not(encoded);
        }
        let room = encoder.room;
        if let Some(prefix) = room.first_mut() {
            *prefix = (end - 1) as u8;
        }
        // Zeroes up to where the next may begin.
        let rest = room.get_mut(end..).unwrap_or(&mut []);
        match rest.first_chunk_mut::<ALIGN>() {
            Some(next) => *next = [0; ALIGN],
            None => rest.fill(0),
        }
        Ok(Encoded::Short(Short { body, end }))
    }
}

/// Where a message was encoded.
pub(crate) enum Encoded {
    /// In the room that was given, as a frame.
    Short(Short),
    /// In a buffer, without a head.
    Long(Scratch),
}

/// A short frame in its room.
#[derive(Clone, Copy)]
pub(crate) struct Short {
    /// Where the body begins, and where it ends.
    body: usize,
    end: usize,
}

impl Short {
    /// Its length, up to where the next may begin.
    #[inline]
    pub(crate) fn len(self) -> usize {
        padded(self.end)
    }

    /// The frame, up to where the next may begin.
    #[inline]
    pub(crate) fn frame(self, room: &Room) -> &[u8] {
        room.get(..self.len()).unwrap_or(&[])
    }

    pub(crate) fn body(self, room: &Room) -> &[u8] {
        room.get(self.body..self.end).unwrap_or(&[])
    }
}

/// Writes to the room of a short frame, and from there on to a buffer when it is not short
/// after all. So nothing is encoded twice.
struct Encoder<'a> {
    room: &'a mut [u8],
    body: usize,
    end: usize,
    long: Option<Long>,
    limit: usize,
}

/// The body of a message that is not short. Beyond the limit it is counted, not stored.
struct Long {
    body: Scratch,
    len: usize,
}

impl Encoder<'_> {
    /// What became of a message that is not a short frame.
    #[cold]
    fn long_or_not(self, encoded: bool) -> Result<Encoded, SendErrorKind> {
        let (short, max) = (self.end - self.body, self.limit);
        match self.long {
            _ if !encoded => Err(SendErrorKind::Unencodable),
            None => Err(SendErrorKind::TooLarge { len: short, max }),
            Some(Long { len, .. }) if len > max => Err(SendErrorKind::TooLarge { len, max }),
            Some(Long { body, .. }) => Ok(Encoded::Long(body)),
        }
    }

    #[cold]
    fn extend_long(&mut self, bytes: &[u8]) {
        let short = self.room.get(self.body..self.end).unwrap_or(&[]);
        let long = self.long.get_or_insert_with(|| {
            let mut body = Scratch::take();
            body.extend_from_slice(short);
            Long { body, len: short.len() }
        });
        long.len += bytes.len();
        if long.len <= self.limit {
            long.body.extend_from_slice(bytes);
        }
    }
}

/// An encoder as postcard takes it. Postcard copies what it is given; one pointer is cheaper
/// to copy than all that it points to.
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
                    long.body.push(byte);
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
/// It grows to what the thread's messages need. One that is much larger than the message it
/// was last used for is not kept.
pub(crate) struct Scratch(Vec<u8>);

/// A buffer of this size is always kept.
const KEEP: usize = 16 * 1024;

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
        if self.capacity() <= KEEP || self.len() >= self.capacity() / 4 {
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
