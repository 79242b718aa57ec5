//! From bytes to frames.

use std::ops::Range;

use crate::frame::{self, DELIMITER, Header, Segment, max_segment};

/// Finds the frames in a stream of bytes. It holds the beginning of one segment between two
/// delimiters, and of a segment that is too long to be a frame only its length.
#[derive(Debug)]
pub(crate) struct Deframer {
    segment: Vec<u8>,
    /// The most bytes that a frame has between its delimiters.
    most: usize,
    /// Bytes of the segment so far.
    len: u64,
    /// The segment was handed out.
    done: bool,
}

/// What a segment was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A frame, with a message that lies [there](Deframer::bytes).
    Frame(Header, Range<usize>),
    /// A frame of a kind that is not known.
    UnknownFrame,
    /// So many bytes that are no frame.
    Noise(u64),
}

impl Deframer {
    /// For messages of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { segment: Vec::new(), most: max_segment(limit), len: 0, done: false }
    }

    /// Reads on, to the next delimiter at most, and says what ended there and how far that is.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> (Option<Found>, usize) {
        if std::mem::take(&mut self.done) {
            self.segment.clear();
            self.len = 0;
        }
        let end = bytes.iter().position(|byte| *byte == DELIMITER);
        let more = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes);
        self.len += more.len() as u64;
        if self.len <= self.most as u64 {
            self.make_room(more.len());
            self.segment.extend_from_slice(more);
        } else {
            // No frame any more, whatever follows.
            self.segment = Vec::new();
        }
        let Some(end) = end else { return (None, more.len()) };
        self.done = true;
        (self.close(), end + 1)
    }

    /// Makes room for so many bytes more, and for no more than the longest segment.
    fn make_room(&mut self, more: usize) {
        let needed = self.segment.len() + more;
        if self.segment.capacity() < needed {
            let capacity = needed.max(self.segment.capacity() * 2).min(self.most);
            self.segment.reserve_exact(capacity.saturating_sub(self.segment.len()));
        }
    }

    /// Frees the memory of the last segment, if it was handed out. For a line that is idle.
    pub(crate) fn shrink(&mut self) {
        if self.done || self.segment.is_empty() {
            self.segment = Vec::new();
        }
    }

    fn close(&mut self) -> Option<Found> {
        if self.len == 0 {
            // Between the end of one frame and the beginning of the next.
            return None;
        }
        if self.len > self.most as u64 {
            return Some(Found::Noise(self.len));
        }
        Some(match frame::decode(&mut self.segment) {
            Segment::Frame(head, message) => Found::Frame(head, message),
            Segment::UnknownFrame => Found::UnknownFrame,
            Segment::Damaged => Found::Noise(self.len),
        })
    }

    /// Where the message of the frame that was found last lies, until more is read.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.segment
    }
}

#[cfg(test)]
mod tests;
