//! What was accepted for the link and is not on it yet.

use std::collections::VecDeque;

use homing_core::Disconnected;

use crate::sink::{FrameSink, Written};

/// Bytes that come before anything else on the link: the rest of a frame of which the sink
/// wrote a part, and control frames that must not be lost and could not wait.
///
/// The next sender that writes, of whichever pipe, writes these first. So a frame may be cut
/// anywhere without a lock that is held until its rest is written.
pub(crate) struct PendingWrites {
    /// Each is whole frames, but for the first, which may be the rest of one.
    pieces: VecDeque<Vec<u8>>,
    /// How much of the first piece is written.
    at: usize,
    /// How many bytes were ever queued here, and how many of those are written.
    queued: u64,
    written: u64,
    /// Whether the peer has to be notified of what was written. The mux takes it down.
    pub(crate) notify: bool,
}

/// What became of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// There was no space, and nothing was written.
    WouldBlock,
    /// They are on the link.
    Complete,
    /// They are on the link once what is pending is written up to this mark.
    Partial { until: u64 },
}

impl Accepted {
    /// Whether the frames will be on the link without their sender.
    #[inline]
    pub(crate) fn is_accepted(self) -> bool {
        self != Accepted::WouldBlock
    }
}

impl PendingWrites {
    pub(crate) const fn new() -> Self {
        Self { pieces: VecDeque::new(), at: 0, queued: 0, written: 0, notify: false }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Queues whole frames.
    pub(crate) fn queue(&mut self, frames: Vec<u8>) {
        self.queued += frames.len() as u64;
        self.pieces.push_back(frames);
    }

    /// The peer is gone.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.at = 0;
    }

    /// Writes what there is space for, and says whether that was all.
    pub(crate) fn flush<S: FrameSink>(&mut self, sink: &S) -> Result<bool, Disconnected> {
        while let Some(piece) = self.pieces.front() {
            let rest = piece.get(self.at..).unwrap_or(&[]);
            let len = match sink.try_write(rest, &[])? {
                Written::WouldBlock => return Ok(false),
                Written::Complete { notify } => {
                    self.notify |= notify;
                    rest.len()
                }
                Written::Partial { len, notify } => {
                    self.notify |= notify;
                    len.min(rest.len())
                }
            };
            self.written += len as u64;
            self.at += len;
            if self.at < piece.len() {
                return Ok(false);
            }
            self.pieces.pop_front();
            self.at = 0;
        }
        Ok(true)
    }

    /// Writes frames, in two slices, or nothing. Nothing may be pending. What the sink did not
    /// write becomes pending.
    #[inline]
    pub(crate) fn write<S: FrameSink>(
        &mut self,
        sink: &S,
        first: &[u8],
        second: &[u8],
    ) -> Result<Accepted, Disconnected> {
        debug_assert!(self.is_empty(), "a frame in the middle of another");
        match sink.try_write(first, second)? {
            Written::WouldBlock => Ok(Accepted::WouldBlock),
            Written::Complete { notify } => {
                self.notify |= notify;
                Ok(Accepted::Complete)
            }
            Written::Partial { len, notify } => {
                self.notify |= notify;
                let mut rest = first.get(len..).unwrap_or(&[]).to_vec();
                rest.extend_from_slice(
                    second.get(len.saturating_sub(first.len())..).unwrap_or(&[]),
                );
                self.queue(rest);
                Ok(Accepted::Partial { until: self.queued })
            }
        }
    }

    /// What is queued now is written once all before this mark is.
    pub(crate) fn mark(&self) -> u64 {
        self.queued
    }

    /// How many bytes before `mark` are not written.
    pub(crate) fn unwritten_before(&self, mark: u64) -> u64 {
        mark.min(self.queued).saturating_sub(self.written)
    }
}
