//! What was accepted for the stream and is not on it yet.

use homing_core::Disconnected;

use crate::sys::Writer;

/// Bytes that come before anything else on the stream: the rest of a frame of which only a
/// part found room, and frames that must not be lost and could not wait.
///
/// Whoever writes next writes these first, whichever pipe it is for. So a frame may be cut
/// anywhere without a lock that is held until its rest is written.
#[derive(Default)]
pub(crate) struct Tail {
    bytes: Vec<u8>,
    /// How many of them are written.
    at: usize,
    /// How many bytes were ever put here, and how many of those are written.
    queued: u64,
    written: u64,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// There was no room, and nothing was written.
    Full,
    /// It is on the stream.
    Written,
    /// It is on the stream once the tail is written up to this mark.
    Cut(u64),
}

impl Tail {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds frames that are owed.
    pub(crate) fn owe(&mut self, frames: &[u8]) {
        self.bytes.extend_from_slice(frames);
        self.queued += frames.len() as u64;
    }

    /// Writes what there is room for, and says whether that was all.
    pub(crate) fn flush(&mut self, writer: &Writer) -> Result<bool, Disconnected> {
        while let Some(rest @ [_, ..]) = self.bytes.get(self.at..) {
            match writer.write(rest, &[])? {
                None | Some(0) => return Ok(false),
                Some(len) => {
                    self.at += len;
                    self.written += len as u64;
                }
            }
        }
        // It is rare, so its memory is not kept.
        self.bytes = Vec::new();
        self.at = 0;
        Ok(true)
    }

    /// Writes a frame, in two pieces, or nothing. The tail must be empty. What does not find
    /// room becomes the tail.
    pub(crate) fn put(
        &mut self,
        writer: &Writer,
        first: &[u8],
        second: &[u8],
    ) -> Result<Put, Disconnected> {
        debug_assert!(self.is_empty(), "a frame in the middle of another");
        let written = match writer.write(first, second)? {
            None | Some(0) => return Ok(Put::Full),
            Some(len) if len == first.len() + second.len() => return Ok(Put::Written),
            Some(len) => len,
        };
        self.owe(first.get(written..).unwrap_or(&[]));
        self.owe(second.get(written.saturating_sub(first.len())..).unwrap_or(&[]));
        Ok(Put::Cut(self.queued))
    }

    /// How many bytes before `mark` are not written.
    pub(crate) fn before(&self, mark: u64) -> u64 {
        mark.saturating_sub(self.written)
    }
}
