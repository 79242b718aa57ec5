//! Finding frames among bytes.

use std::ops::Range;

use crate::wire::{CHECKSUM, CHECKSUM_LEN, DELIMITER, Head, MAX_HEAD, VERSION, stuffing};

/// Finds frames among bytes that may be anything. Whatever came before, the next whole frame
/// is found.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// What came since the last delimiter, as far as a frame may be long; and then one frame,
    /// until the next byte.
    bytes: Vec<u8>,
    /// The longest frame.
    most: usize,
    /// Whether more came than a frame has.
    overlong: bool,
    /// Whether `bytes` is of a frame that was handed out.
    done: bool,
}

/// What a delimiter has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A frame, and where its body is.
    Frame(Head, Range<usize>),
    /// Something else.
    Damage,
    /// A whole frame of another version.
    Version(u8),
}

impl Decoder {
    /// For messages of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        let frame = limit.saturating_add(MAX_HEAD + CHECKSUM_LEN);
        let most = frame.saturating_add(stuffing(frame));
        Self { bytes: Vec::new(), most, overlong: false, done: false }
    }

    /// Takes bytes off `piece`, up to the end of what it finds. `None` when it has taken all.
    pub(crate) fn next(&mut self, piece: &mut &[u8]) -> Option<Found> {
        loop {
            if std::mem::take(&mut self.done) {
                self.bytes.clear();
            }
            let end = piece.iter().position(|byte| *byte == DELIMITER);
            let (more, rest) = piece.split_at_checked(end.unwrap_or(piece.len()))?;
            // Nothing is kept of what is too long: not a byte of it is needed.
            if more.len() > self.most - self.bytes.len() {
                self.overlong = true;
                self.bytes.clear();
            }
            if !self.overlong {
                self.bytes.extend_from_slice(more);
            }
            *piece = rest.get(1..).unwrap_or(&[]);
            end?;
            self.done = true;
            if std::mem::take(&mut self.overlong) {
                return Some(Found::Damage);
            }
            if !self.bytes.is_empty() {
                return Some(self.open().unwrap_or(Found::Damage));
            }
        }
    }

    /// Opens what stands between two delimiters.
    fn open(&mut self) -> Option<Found> {
        let len = cobs::decode_in_place(&mut self.bytes).ok()?;
        let frame = self.bytes.get(..len)?;
        let (frame, checksum) = frame.split_last_chunk::<CHECKSUM_LEN>()?;
        if CHECKSUM.checksum(frame) != u32::from_le_bytes(*checksum) {
            return None;
        }
        match frame.first() {
            Some(&VERSION) => {}
            Some(&other) => return Some(Found::Version(other)),
            None => return None,
        }
        let (head, body) = postcard::take_from_bytes::<Head>(frame).ok()?;
        Some(Found::Frame(head, frame.len() - body.len()..frame.len()))
    }

    /// The body that was found last.
    pub(crate) fn body(&self, place: Range<usize>) -> &[u8] {
        self.bytes.get(place).unwrap_or(&[])
    }
}
