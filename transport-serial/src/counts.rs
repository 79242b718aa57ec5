//! What was counted on a line.

use std::cell::Cell;
use std::rc::Rc;

/// What was counted on a serial line, of what its receivers are not told or are told one by
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Bytes that were read.
    pub bytes: u64,
    /// Frames that were heard: told to a receiver, or the start of a pipe.
    pub heard: u64,
    /// Stretches between two delimiters that are no frame: noise, and frames that were damaged,
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
    /// [`Heard::Gap`](crate::Heard::Gap).
    pub missed: u64,
    /// How often receivers were told [`Heard::Restarted`](crate::Heard::Restarted).
    pub restarts: u64,
}

/// Shows what is counted on one serial line. Clones show the same line. It belongs to the
/// foreground's thread.
#[derive(Clone, Debug, Default)]
pub struct Tally(Rc<Cell<Counts>>);

impl Tally {
    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.0.get()
    }

    pub(crate) fn add(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.0.get();
        change(&mut counts);
        self.0.set(counts);
    }
}
