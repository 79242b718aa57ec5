//! The commands of one port on their way to the chip: which frame is to be written next.
//!
//! Pure: times and frames in, frames out.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::{Duration, Instant};

use homing_core::SendErrorKind;

use crate::frame::{self, Header, told};

/// After this time without an answer a state is written once more, then after twice as long, and so
/// on.
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest time between two states that have no answer.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// How often the chip is told of a pipe that has ended. It is told again when something of it comes.
const TELLS_OF_END: u32 = 10;

/// What a command counts of the capacity beside its bytes.
const OVERHEAD: usize = 16;

/// The commands of one port, and what the chip is known to have.
#[derive(Debug)]
pub(crate) struct CommandQueue {
    port: u32,
    /// That of this foreground.
    run: u32,
    capacity: usize,
    /// Frames that were not written yet.
    waiting: VecDeque<Vec<u8>>,
    /// The lengths of the frames that were written and not taken.
    in_flight: VecDeque<usize>,
    in_flight_bytes: usize,
    /// What each command that was accepted and not taken counts of the capacity.
    costs: VecDeque<usize>,
    cost: usize,
    /// The number of the first command that is not taken, as far as is known.
    taken: u64,
    /// The number of the command that is written next.
    sent: u64,
    told: u8,
    /// The pipe has ended, or was closed.
    has_ended: bool,
    /// `None` before the chip has answered in its latest run.
    chip: Option<Chip>,
    /// When a state is to be written, unless the chip answers before.
    resend: Option<Instant>,
    delay: Duration,
    /// States since the chip has answered.
    tells: u32,
    /// Tasks that wait for room.
    wakers: Vec<Waker>,
}

/// What the chip has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chip {
    pub(crate) run: u32,
    pub(crate) told: u8,
    /// How many bytes of frames may be on their way and not taken.
    pub(crate) window: u32,
}

impl CommandQueue {
    pub(crate) fn new(port: u32, run: u32, capacity: usize, now: Instant) -> Self {
        Self {
            port,
            run,
            capacity,
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            costs: VecDeque::new(),
            cost: 0,
            taken: 0,
            sent: 0,
            told: 0,
            has_ended: false,
            chip: None,
            resend: Some(now),
            delay: FIRST_DELAY,
            tells: 0,
            wakers: Vec::new(),
        }
    }

    /// Accepts a command.
    ///
    /// # Errors
    ///
    /// [`SendErrorKind::Closed`] and [`SendErrorKind::Full`].
    pub(crate) fn send(&mut self, command: &[u8]) -> Result<(), SendErrorKind> {
        if self.has_ended {
            return Err(SendErrorKind::Closed);
        }
        let cost = command.len() + OVERHEAD;
        // One command is accepted in any case.
        if self.cost > 0 && self.cost.saturating_add(cost) > self.capacity {
            return Err(SendErrorKind::Full);
        }
        let number = self.sent + self.waiting.len() as u64;
        let header = Header::Command { port: self.port, run: self.run, number };
        self.waiting.push_back(frame::encode_bytes(&header, command));
        self.costs.push_back(cost);
        self.cost += cost;
        Ok(())
    }

    /// Tells the chip something, until it says that it knows.
    pub(crate) fn tell(&mut self, told: u8, now: Instant) {
        if self.told & told != told {
            self.told |= told;
            self.delay = FIRST_DELAY;
            self.resend = Some(now);
        }
    }

    /// The pipe has ended, or was closed: commands that were not written are dropped.
    pub(crate) fn close(&mut self, now: Instant) {
        self.has_ended = true;
        self.waiting.clear();
        self.tells = 0;
        self.tell(told::CLOSED, now);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether a short command would be accepted, or would come back for another reason than want of
    /// room.
    pub(crate) fn has_room(&self) -> bool {
        self.has_ended || self.cost == 0 || self.cost.saturating_add(OVERHEAD) < self.capacity
    }

    /// Has a task woken when there may be room.
    pub(crate) fn wake_on_room(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }

    /// The tasks that are to be woken now that there may be room.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.wakers)
    }

    /// How many accepted commands the chip has not taken, as far as that is known.
    pub(crate) fn untaken(&self) -> u64 {
        self.costs.len() as u64
    }

    /// A frame has come in this run of the chip.
    pub(crate) fn note_run(&mut self, run: u32, now: Instant) {
        match self.chip {
            // It was reset, and has forgotten what it was told.
            Some(chip) if chip.run != run => {
                self.chip = None;
                self.delay = FIRST_DELAY;
                self.resend = Some(now);
            }
            // It is there after all.
            _ if self.resend.is_none() && self.is_owed() => {
                self.tells = 0;
                self.resend = Some(now + MAX_DELAY);
            }
            _ => {}
        }
    }

    /// The chip has said what it has taken and was told. Whether that can be so.
    pub(crate) fn note_taken(&mut self, number: u64, chip: Chip, now: Instant) -> bool {
        if number > self.sent {
            return false;
        }
        let is_new = self.chip != Some(chip) || number > self.taken;
        self.chip = Some(chip);
        // A copy of an earlier frame takes nothing back.
        for _ in self.taken..number {
            self.in_flight_bytes -= self.in_flight.pop_front().unwrap_or(0);
            self.cost -= self.costs.pop_front().unwrap_or(0);
        }
        self.taken = self.taken.max(number);
        self.tells = 0;
        let is_owed = self.is_owed();
        if is_new || !is_owed {
            self.delay = FIRST_DELAY;
        }
        self.resend = is_owed.then(|| now + self.delay);
        true
    }

    /// The frame that is to be written now, if there is one.
    pub(crate) fn next_frame(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.resend.is_some_and(|time| time <= now) {
            return Some(self.state(now));
        }
        let window = self.chip?.window as usize;
        let len = self.waiting.front()?.len();
        // One goes alone in any case.
        if self.in_flight_bytes > 0 && self.in_flight_bytes.saturating_add(len) > window {
            return None;
        }
        let frame = self.waiting.pop_front()?;
        self.in_flight.push_back(len);
        self.in_flight_bytes += len;
        self.sent += 1;
        self.resend = self.resend.or(Some(now + self.delay));
        Some(frame)
    }

    /// When there is a state to be written, unless something changes before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.resend
    }

    fn state(&mut self, now: Instant) -> Vec<u8> {
        self.tells += 1;
        let gives_up = self.has_ended && self.tells >= TELLS_OF_END;
        self.resend = (self.is_owed() && !gives_up).then(|| now + self.delay);
        self.delay = MAX_DELAY.min(self.delay * 2);
        let (port, run, first, number) = (self.port, self.run, self.taken, self.sent);
        frame::encode_bytes(&Header::State { port, run, first, number, told: self.told }, &[])
    }

    /// Whether an answer of the chip's is awaited.
    fn is_owed(&self) -> bool {
        let knows = self.chip.is_some_and(|chip| chip.told & self.told == self.told);
        // What a pipe that has ended did not take it never will.
        !knows || (self.taken < self.sent && !self.has_ended)
    }
}

#[cfg(test)]
mod tests;
