//! The foreground's end of a link.

use std::fmt;
use std::ops::Range;

use homing_core::{Arrival, Inlet, LinkEnd, ProtocolError};
use homing_mux::{Reassembler, frame};
use homing_process::byte_queue;

/// The foreground's end of a link.
///
/// Each [`poll`](Inlet::poll) takes one frame. A frame is read where it lies in what the
/// pump has brought; only one that began in an earlier piece is copied together first.
///
/// When it is dropped, the pump ends, and closes the reading end of the pipe. Until it is
/// called once more, or [unwatched](homing_process::Doorbells::unwatch), senders notice nothing.
pub struct PipeInlet {
    bytes: byte_queue::Reader,
    /// What the pump brought last, and how far it is read.
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

impl PipeInlet {
    pub(crate) fn new(bytes: byte_queue::Reader, reassembler: Reassembler) -> Self {
        Self { bytes, piece: Vec::new(), at: 0, carry: Vec::new(), carried: false, reassembler }
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

    /// Takes what the pump brought next.
    fn refill(&mut self) -> Result<bool, LinkEnd> {
        self.at = 0;
        match self.bytes.read().map_err(|end| self.reassembler.link_end(end))? {
            Some(piece) => {
                self.piece = piece;
                Ok(true)
            }
            None => {
                // An idle link holds no memory.
                self.piece = Vec::new();
                if self.carry.is_empty() {
                    self.carry = Vec::new();
                }
                self.reassembler.shrink();
                Ok(false)
            }
        }
    }
}

impl Inlet for PipeInlet {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
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
}

impl fmt::Debug for PipeInlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeInlet").finish_non_exhaustive()
    }
}
