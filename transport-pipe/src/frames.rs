//! Finding frames in pieces of a stream of bytes.

use std::ops::Range;

use homing_core::{Arrival, LinkEnd, ProtocolError};
use homing_mux::{Reassembler, frame};
use homing_process::byte_queue;

/// Where the bytes of a stream come from.
pub(crate) trait Pieces {
    /// How much memory of the last piece is kept for the next one while nothing comes, in bytes.
    const KEEP: usize;

    /// Replaces `piece` by what has come next, or returns false when nothing has come. Does not
    /// wait.
    fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, LinkEnd>;
}

impl Pieces for byte_queue::Reader {
    // An idle link holds no memory.
    const KEEP: usize = 0;

    fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, LinkEnd> {
        let read = self.read()?;
        let has_come = read.is_some();
        *piece = read.unwrap_or_default();
        Ok(has_come)
    }
}

/// The frames of a stream.
///
/// A frame is read where it lies in what has come; only one that began in an earlier piece is
/// copied together first.
pub(crate) struct Frames<P> {
    pieces: P,
    /// What has come last, and how far it is read.
    piece: Vec<u8>,
    at: usize,
    /// The beginning of a frame whose rest has not come. At most one frame long.
    carry: Vec<u8>,
    /// Whether the frame in `carry` was handed out.
    carried: bool,
    reassembler: Reassembler,
}

/// Where the next frame lies, with its length prefix.
enum Place {
    Piece(Range<usize>),
    Carry,
}

impl<P: Pieces> Frames<P> {
    pub(crate) fn new(pieces: P, reassembler: Reassembler) -> Self {
        let (piece, carry) = (Vec::new(), Vec::new());
        Self { pieces, piece, at: 0, carry, carried: false, reassembler }
    }

    /// Takes one frame, as an inlet does.
    #[inline]
    pub(crate) fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        if std::mem::take(&mut self.carried) {
            self.carry.clear();
        }
        let place = loop {
            match self.find()? {
                Some(place) => break place,
                None if self.refill()? => {}
                None => return Ok(None),
            }
        };
        let prefixed = match place {
            Place::Piece(place) => self.piece.get(place).unwrap_or(&[]),
            Place::Carry => {
                self.carried = true;
                &self.carry
            }
        };
        match frame::split(prefixed)? {
            Some((frame, _)) => Ok(Some(self.reassembler.push_frame(frame)?)),
            // It was measured before.
            None => Err(LinkEnd::Refused(ProtocolError::Malformed)),
        }
    }

    /// Finds the next frame in what is here, or keeps its beginning.
    #[inline]
    fn find(&mut self) -> Result<Option<Place>, ProtocolError> {
        if !self.carry.is_empty() {
            return self.complete();
        }
        let rest = self.piece.get(self.at..).unwrap_or(&[]);
        match frame::measure(rest)? {
            Some(len) if len <= rest.len() => {
                let place = self.at..self.at + len;
                self.at = place.end;
                Ok(Some(Place::Piece(place)))
            }
            _ => {
                self.carry.extend_from_slice(rest);
                self.at = self.piece.len();
                Ok(None)
            }
        }
    }

    /// Adds to the frame that began earlier, no more than belongs to it.
    fn complete(&mut self) -> Result<Option<Place>, ProtocolError> {
        loop {
            let whole = frame::measure(&self.carry)?;
            if whole == Some(self.carry.len()) {
                return Ok(Some(Place::Carry));
            }
            // One byte at a time, until the length is known.
            let missing = whole.map_or(1, |whole| whole - self.carry.len());
            let rest = self.piece.get(self.at..).unwrap_or(&[]);
            let more = rest.get(..missing).unwrap_or(rest);
            if more.is_empty() {
                return Ok(None);
            }
            // No more than the frame has: a worker cannot make it twice that.
            self.carry.reserve_exact(missing);
            self.carry.extend_from_slice(more);
            self.at += more.len();
        }
    }

    /// Takes what has come next.
    fn refill(&mut self) -> Result<bool, LinkEnd> {
        self.at = 0;
        let next = self.pieces.next(&mut self.piece).map_err(|end| self.reassembler.link_end(end));
        if !next? {
            self.piece.clear();
            self.piece.shrink_to(P::KEEP);
            if self.carry.is_empty() {
                self.carry = Vec::new();
            }
            self.reassembler.shrink();
            return Ok(false);
        }
        Ok(true)
    }
}
