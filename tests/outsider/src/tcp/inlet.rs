//! The reading side of a link.

use homing::transport::{Arrival, Inlet, LinkEnd, ProtocolError, Reassembler, byte_queue, frame};

/// Finds the frames in what a [`DescriptorReader`](homing::transport::DescriptorReader) has
/// read.
pub struct StreamInlet {
    pieces: byte_queue::Reader,
    /// What was read, from `at` on not yet taken: less than a frame and a piece.
    bytes: Vec<u8>,
    at: usize,
    reassembler: Reassembler,
}

impl StreamInlet {
    pub(crate) fn new(pieces: byte_queue::Reader, limit: usize) -> Self {
        Self { pieces, bytes: Vec::new(), at: 0, reassembler: Reassembler::new(limit) }
    }

    /// Adds the next piece, and says whether there was one.
    fn refill(&mut self) -> Result<bool, LinkEnd> {
        // The reassembler knows whether the worker had opened its link.
        let piece = self.pieces.read().map_err(|end| self.reassembler.link_end(end))?;
        let Some(piece) = piece else { return Ok(false) };
        self.bytes.drain(..std::mem::take(&mut self.at));
        self.bytes.extend_from_slice(&piece);
        Ok(true)
    }
}

impl Inlet for StreamInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        let len = loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            match frame::measure(rest)? {
                Some(len) if len <= rest.len() => break len,
                // What has come of a frame when the link ends is discarded.
                _ if self.refill()? => {}
                _ => return Ok(None),
            }
        };
        let prefixed = self.bytes.get(self.at..self.at + len).unwrap_or_default();
        self.at += len;
        match frame::split(prefixed)? {
            // The reassembler checks the order, and puts fragments together.
            Some((frame, _)) => Ok(Some(self.reassembler.push_frame(frame)?)),
            None => Err(ProtocolError::Malformed.into()),
        }
    }
}
