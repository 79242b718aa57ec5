//! What was counted on a line.

use std::cell::Cell;
use std::rc::Rc;

/// What was counted on a serial line, of what its receivers are not told or are told one by
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineCounters {
    /// Bytes that were read.
    pub bytes: u64,
    /// Frames that were received: told to a receiver, or the start of a pipe.
    pub received: u64,
    /// Segments between two delimiters that are no frame: noise, and frames that were damaged,
    /// cut, or too long.
    pub damaged: u64,
    /// The bytes of those.
    pub noise: u64,
    /// Copies of frames, and frames that came after later ones. They are dropped.
    pub late: u64,
    /// Frames for ports of which there is no pipe, and frames of a kind that is not known: the
    /// chip's firmware is newer. They are dropped.
    pub unknown: u64,
    /// Messages that are missing, as receivers were told by
    /// [`Received::Gap`](crate::Received::Gap).
    pub missed: u64,
    /// How often receivers were told [`Received::Reset`](crate::Received::Reset).
    pub restarts: u64,
}

/// Shows what is counted on one serial line. Clones show the same line. It belongs to the
/// foreground's thread.
#[derive(Clone, Debug, Default)]
pub struct LineStats(Rc<Cell<LineCounters>>);

impl LineStats {
    /// What was counted so far.
    pub fn counters(&self) -> LineCounters {
        self.0.get()
    }

    pub(crate) fn add(&self, change: impl FnOnce(&mut LineCounters)) {
        let mut counters = self.0.get();
        change(&mut counters);
        self.0.set(counters);
    }
}
