//! What has come for one duplex pipe on its chip: commands that wait, and what was told.
//!
//! Pure: frames in, what the receiver is told out. Nothing here can panic.

use homing_core::Told;

use crate::frame::told;
use crate::inboxes::sealed::Owed;

/// How many runs of the foreground before the latest are remembered.
const RETIRED: usize = 4;

/// What stands before each command: its length.
const LENGTH: usize = 2;

/// What stands in the place of a length before the number of commands that are missing.
const GAP: u16 = u16::MAX;

/// An entry of the second kind.
const GAP_ENTRY: usize = LENGTH + 8;

/// What waits for the receiver of one pipe, in `BYTES` bytes.
pub(crate) struct Inbox<const BYTES: usize> {
    /// The latest run of the foreground. None was heard of at first.
    run: Option<u32>,
    retired: [Option<u32>; RETIRED],
    /// The run in which the receiver is: as `run`, once it was told of that.
    entered: Option<u32>,
    /// The number of the command that is to come next.
    next: u64,
    /// All commands below were taken, or told as missing.
    taken: u64,
    told: u8,
    /// The foreground is to be told what was taken.
    owes: bool,
    /// Bytes of frames that were taken since it was told.
    owed: usize,
    entries: [u8; BYTES],
    len: usize,
}

/// What the receiver takes out of its inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A command of so many bytes.
    Command(usize),
    /// So many commands are missing.
    Gap(u64),
    /// The foreground's program was restarted.
    Reset,
}

impl<const BYTES: usize> Inbox<BYTES> {
    pub(crate) const fn new() -> Self {
        Self {
            run: None,
            retired: [None; RETIRED],
            entered: None,
            next: 0,
            taken: 0,
            told: 0,
            owes: false,
            owed: 0,
            entries: [0; BYTES],
            len: 0,
        }
    }

    pub(crate) fn told(&self) -> Told {
        told::decode(self.told)
    }

    /// The run of the foreground in which the receiver is.
    pub(crate) fn entered(&self) -> Option<u32> {
        self.entered
    }

    /// The foreground has said what it knows.
    pub(crate) fn on_state(&mut self, run: u32, first: u64, number: u64, told: u8) {
        if self.retired.contains(&Some(run)) {
            return;
        }
        if self.run != Some(run) {
            self.enter(run, first);
        }
        // A copy of an earlier frame takes nothing back.
        self.told |= told;
        self.owes = true;
        if self.is_closed() {
            self.len = 0;
        } else if number > self.next && self.push_gap(number - self.next) {
            self.next = number;
        }
    }

    /// A command has come. One that has no room is dropped, and found to be missing when the next
    /// frame comes.
    pub(crate) fn on_command(&mut self, run: u32, number: u64, body: &[u8]) {
        // Before the foreground has said which commands were taken before, none can be told from
        // those that were not.
        if self.run != Some(run) || number < self.next || self.is_closed() {
            return;
        }
        let missing = number - self.next;
        let gap = if missing > 0 { GAP_ENTRY } else { 0 };
        let Ok(len) = u16::try_from(body.len()) else { return };
        if len == GAP || self.room() < gap + LENGTH + body.len() {
            return;
        }
        if missing > 0 {
            self.push_gap(missing);
        }
        self.push(&len.to_le_bytes());
        self.push(body);
        self.next = number.saturating_add(1);
    }

    /// Takes what the receiver is told next. The bytes of a command are copied to `buffer`.
    pub(crate) fn take(&mut self, buffer: &mut [u8; BYTES]) -> Option<Entry> {
        if self.entered != self.run {
            let first = self.entered.is_none();
            self.entered = self.run;
            if !first {
                return Some(Entry::Reset);
            }
        }
        let length = u16::from_le_bytes(*self.waiting().first_chunk::<LENGTH>()?);
        if length == GAP {
            let (_, rest) = self.waiting().split_first_chunk::<LENGTH>()?;
            let count = u64::from_le_bytes(*rest.first_chunk::<8>()?);
            self.remove(GAP_ENTRY);
            self.note_taken(count, GAP_ENTRY);
            return Some(Entry::Gap(count));
        }
        let len = usize::from(length);
        let body = self.waiting().get(LENGTH..LENGTH + len)?;
        for (to, from) in buffer.iter_mut().zip(body) {
            *to = *from;
        }
        self.remove(LENGTH + len);
        self.note_taken(1, LENGTH + len);
        Some(Entry::Command(len))
    }

    /// What the foreground is to be told, if it is: at once, or only when much was taken.
    pub(crate) fn owed(&self, port: u32, window: u32, at_once: bool) -> Option<Owed> {
        let much = self.owed.saturating_mul(2) >= BYTES;
        if !self.owes || !(at_once || much) {
            return None;
        }
        Some(Owed { port, of: self.run?, number: self.taken, told: self.told, window })
    }

    /// The foreground was told.
    pub(crate) fn settle(&mut self) {
        self.owes = false;
        self.owed = 0;
    }

    /// Enters a run, whose commands below `first` were taken by an earlier run of the chip.
    fn enter(&mut self, run: u32, first: u64) {
        if self.run.is_some() {
            self.retired.rotate_right(1);
            if let Some(latest) = self.retired.first_mut() {
                *latest = self.run;
            }
        }
        self.run = Some(run);
        (self.next, self.taken) = (first, first);
        self.told = 0;
        self.len = 0;
    }

    /// Whether the pipe was closed: commands are of no use any more.
    fn is_closed(&self) -> bool {
        self.told & told::CLOSED != 0
    }

    fn note_taken(&mut self, commands: u64, bytes: usize) {
        self.taken = self.taken.saturating_add(commands);
        self.owes = true;
        self.owed = self.owed.saturating_add(bytes);
    }

    fn waiting(&self) -> &[u8] {
        self.entries.get(..self.len).unwrap_or(&[])
    }

    fn room(&self) -> usize {
        BYTES.saturating_sub(self.len)
    }

    fn push_gap(&mut self, missing: u64) -> bool {
        if self.room() < GAP_ENTRY {
            return false;
        }
        self.push(&GAP.to_le_bytes());
        self.push(&missing.to_le_bytes());
        true
    }

    /// Puts bytes behind the others. There is room for them.
    fn push(&mut self, bytes: &[u8]) {
        let places = self.entries.get_mut(self.len..).unwrap_or(&mut []);
        for (place, byte) in places.iter_mut().zip(bytes) {
            *place = *byte;
        }
        self.len = BYTES.min(self.len + bytes.len());
    }

    /// Removes the first bytes.
    fn remove(&mut self, bytes: usize) {
        self.len = self.len.saturating_sub(bytes);
        for to in 0..self.len {
            let byte = self.entries.get(to + bytes).copied().unwrap_or(0);
            if let Some(place) = self.entries.get_mut(to) {
                *place = byte;
            }
        }
    }
}

#[cfg(test)]
mod tests;
