//! From messages to frames.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use homing_core::frame::{self, Head, MAX_BODY, MAX_HEAD, MAX_PREFIX};
use homing_core::{ConnectionId, SendErrorKind, encode};
use serde::Serialize;

use crate::sys::ATOMIC;

/// The longest body that fits into one atomic write with any head.
pub(crate) const ATOMIC_BODY: usize = match ATOMIC - MAX_PREFIX - MAX_HEAD {
    body if body > MAX_BODY => MAX_BODY,
    body => body,
};

/// The head of every message of one pipe, encoded once.
pub(crate) struct MessageHead {
    bytes: [u8; MAX_HEAD],
    len: u8,
}

impl MessageHead {
    pub(crate) fn new(connection: ConnectionId) -> Self {
        let mut bytes = [0; MAX_HEAD];
        let len = Head::Message { connection }.encode(&mut bytes).len() as u8;
        Self { bytes, len }
    }

    /// Appends `message` to `buffer` as a frame, and returns the length of its body, which
    /// is last. Of a message that one frame cannot hold, only the body is of use. On an error
    /// the buffer is as it was.
    #[inline]
    pub(crate) fn append<M: Serialize>(
        &self,
        message: &M,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<usize, SendErrorKind> {
        let start = buffer.len();
        let head = self.bytes.get(..self.len.into()).unwrap_or(&[]);
        // Room for the prefix of a short frame; a longer one moves what follows.
        buffer.push(0);
        buffer.extend_from_slice(head);
        let len = match encode::append(message, limit, buffer) {
            Ok(len) => len,
            Err(kind) => {
                buffer.truncate(start);
                return Err(kind);
            }
        };
        if len <= MAX_BODY {
            let mut prefix = [0; MAX_PREFIX];
            match (frame::prefix(head.len() + len, &mut prefix), buffer.get_mut(start)) {
                ([byte], Some(place)) => *place = *byte,
                (prefix, _) => drop(buffer.splice(start..=start, prefix.iter().copied())),
            }
        }
        Ok(len)
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
    #[inline]
    pub(crate) fn take() -> Self {
        let mut buffer = SPARE.try_with(Cell::take).unwrap_or_default();
        buffer.clear();
        Self(buffer)
    }
}

impl Drop for Scratch {
    #[inline]
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
