//! Tracks the sequence numbers of one port: which messages were received, in which runs.

/// How many runs of the chip are remembered for each port: the latest, and those before it.
const MEMORY: usize = 5;

/// The sequence numbers of one port.
#[derive(Debug, Default)]
pub(crate) struct SequenceTracker {
    /// The latest is last.
    known: Vec<Epoch>,
    /// Its sender has closed.
    over: bool,
}

/// One run of the chip, and the number of the message that is to come next in it.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    run: u32,
    next: u64,
}

/// What a frame is, after those that came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A copy of a frame that was received, or a frame that was overtaken.
    Late,
    /// A frame to be passed on.
    New {
        /// The last frame was of another run.
        restarted: bool,
        /// Messages that are missing before it.
        missed: u64,
    },
}

impl SequenceTracker {
    /// A sender has started.
    pub(crate) fn start(&mut self, run: u32) -> Verdict {
        if self.over || self.find(run).is_some() {
            return Verdict::Late;
        }
        self.enter(run, 0, 0)
    }

    /// A message has come.
    pub(crate) fn message(&mut self, run: u32, number: u64) -> Verdict {
        if self.over || number < self.next(run) {
            return Verdict::Late;
        }
        self.enter(run, number, number.saturating_add(1))
    }

    /// The sender has closed, after so many messages.
    pub(crate) fn stop(&mut self, run: u32, number: u64) -> Verdict {
        // A sender of an earlier run ends nothing: the chip has made another since.
        let overtaken = self.find(run).is_some() && !self.is_latest(run);
        if self.over || overtaken || number < self.next(run) {
            return Verdict::Late;
        }
        self.over = true;
        self.enter(run, number, number)
    }

    /// Something has come that has no number: what the chip has taken.
    pub(crate) fn notice(&mut self, run: u32) -> Verdict {
        match self.find(run) {
            Some(_) if !self.is_latest(run) => Verdict::Late,
            None if !self.over => self.enter(run, 0, 0),
            _ => Verdict::New { restarted: false, missed: 0 },
        }
    }

    /// Nothing that comes is passed on any more.
    pub(crate) fn end(&mut self) {
        self.over = true;
    }

    /// Whether messages of this run are known: then no sender can start in it.
    pub(crate) fn has_begun(&self, run: u32) -> bool {
        self.next(run) > 0
    }

    fn find(&self, run: u32) -> Option<&Epoch> {
        self.known.iter().find(|known| known.run == run)
    }

    fn next(&self, run: u32) -> u64 {
        self.find(run).map_or(0, |known| known.next)
    }

    /// Whether this is the chip's latest run, as far as is known.
    pub(crate) fn is_current(&self, run: u32) -> bool {
        self.is_latest(run) || (self.over && self.find(run).is_none())
    }

    fn is_latest(&self, run: u32) -> bool {
        self.known.last().is_some_and(|latest| latest.run == run)
    }

    /// Makes a run the latest, with what comes next in it, and says what there was before
    /// `number`.
    fn enter(&mut self, run: u32, number: u64, next: u64) -> Verdict {
        let missed = number.saturating_sub(self.next(run));
        let restarted = !self.known.is_empty() && !self.is_latest(run);
        self.known.retain(|known| known.run != run);
        if self.known.len() == MEMORY {
            self.known.remove(0);
        }
        self.known.push(Epoch { run, next });
        Verdict::New { restarted, missed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Verdict = Verdict::Late;

    fn new(restarted: bool, missed: u64) -> Verdict {
        Verdict::New { restarted, missed }
    }

    #[test]
    fn messages_in_order_are_new_once() {
        let mut runs = SequenceTracker::default();
        assert_eq!(runs.start(7), new(false, 0));
        assert_eq!(runs.message(7, 0), new(false, 0));
        assert_eq!(runs.message(7, 0), LATE);
        assert_eq!(runs.message(7, 1), new(false, 0));
        assert_eq!(runs.stop(7, 2), new(false, 0));
        assert_eq!(runs.stop(7, 2), LATE);
        assert_eq!(runs.message(7, 2), LATE);
    }

    #[test]
    fn what_is_missing_is_counted_and_does_not_come_later() {
        let mut runs = SequenceTracker::default();
        assert_eq!(runs.message(7, 3), new(false, 3));
        assert_eq!(runs.message(7, 5), new(false, 1));
        assert_eq!(runs.message(7, 4), LATE);
        assert_eq!(runs.start(7), LATE);
        assert_eq!(runs.stop(7, 9), new(false, 3));
    }

    #[test]
    fn a_lost_start_hides_no_restart() {
        let mut runs = SequenceTracker::default();
        assert_eq!(runs.message(7, 0), new(false, 0));
        assert_eq!(runs.message(8, 2), new(true, 2));
        // Copies of the run before, and of its start.
        assert_eq!(runs.message(7, 0), LATE);
        assert_eq!(runs.start(7), LATE);
        assert_eq!(runs.stop(7, 9), LATE);
        assert_eq!(runs.message(8, 3), new(false, 0));
    }

    #[test]
    fn a_message_that_was_overtaken_by_a_restart_silences_no_later_one() {
        let mut runs = SequenceTracker::default();
        assert_eq!(runs.start(7), new(false, 0));
        assert_eq!(runs.message(8, 0), new(true, 0));
        assert_eq!(runs.message(7, 0), new(true, 0));
        assert_eq!(runs.message(8, 1), new(true, 0));
        assert_eq!(runs.message(8, 2), new(false, 0));
    }

    #[test]
    fn the_memory_of_runs_is_bounded() {
        let mut runs = SequenceTracker::default();
        for run in 0..100 {
            runs.message(run, 0);
            assert_eq!(runs.message(run, 0), LATE);
            assert_eq!(runs.message(run.saturating_sub(4), 0), LATE);
        }
        assert_eq!(runs.known.len(), MEMORY);
    }
}
