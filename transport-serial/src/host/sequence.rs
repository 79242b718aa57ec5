//! What is lost, late or twice: one port's frames in their order.

use crate::heard::Gap;

/// Where the frames of one port stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sequence {
    /// The run of the last frame, `None` before the first.
    run: Option<u16>,
    /// The sequence number of the next frame.
    next: u32,
}

/// What a frame is to the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It follows, after a gap if one is given.
    Follows(Option<Gap>),
    /// It came before, or is of an earlier run.
    Stale,
}

impl Sequence {
    /// Places a frame. Numbers wrap around: what is less than half of them ahead is ahead.
    pub(crate) fn place(&mut self, run: u16, sequence: u32) -> Place {
        let gap = match self.run {
            // Messages are counted from 1.
            None => lost(sequence.saturating_sub(1), false),
            Some(last) if last == run => match sequence.wrapping_sub(self.next).cast_signed() {
                0.. => lost(sequence.wrapping_sub(self.next), false),
                // Firmware that does not count its runs has begun one.
                _ if run == 0 => begun(sequence),
                _ => return Place::Stale,
            },
            Some(0) => begun(sequence),
            Some(last) if run == 0 || run.wrapping_sub(last).cast_signed() > 0 => begun(sequence),
            Some(_) => return Place::Stale,
        };
        self.run = Some(run);
        self.next = sequence.wrapping_add(1);
        Place::Follows(gap)
    }
}

fn lost(lost: u32, restarted: bool) -> Option<Gap> {
    (lost > 0 || restarted).then_some(Gap { lost, restarted })
}

/// A new run, whose first message has the number 1.
fn begun(sequence: u32) -> Option<Gap> {
    lost(sequence.saturating_sub(1), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Place = Place::Follows(None);

    fn after(lost: u32) -> Place {
        Place::Follows(Some(Gap { lost, restarted: false }))
    }

    fn anew(lost: u32) -> Place {
        Place::Follows(Some(Gap { lost, restarted: true }))
    }

    /// Runs frames of (run, sequence) through one sequence.
    fn check(frames: &[(u16, u32, Place)]) {
        let mut port = Sequence::default();
        for (at, (run, sequence, expected)) in frames.iter().enumerate() {
            assert_eq!(port.place(*run, *sequence), *expected, "frame {at} of {frames:?}");
        }
    }

    #[test]
    fn frames_follow_each_other_or_leave_a_gap() {
        check(&[(7, 0, ON), (7, 1, ON), (7, 2, ON), (7, 5, after(2)), (7, 6, ON)]);
        check(&[(0, 0, ON), (0, 1, ON), (0, 4, after(2))]);
    }

    #[test]
    fn a_lost_start_is_no_lost_message() {
        check(&[(7, 1, ON), (7, 2, ON)]);
        check(&[(7, 3, after(2)), (7, 4, ON)]);
    }

    #[test]
    fn what_comes_again_or_late_is_stale() {
        use Place::Stale;
        check(&[(7, 0, ON), (7, 0, Stale), (7, 2, after(1)), (7, 1, Stale), (7, 2, Stale)]);
    }

    #[test]
    fn a_later_run_begins_anew_and_an_earlier_one_is_stale() {
        use Place::Stale;
        check(&[(7, 0, ON), (7, 1, ON), (8, 0, anew(0)), (8, 1, ON), (7, 2, Stale), (8, 2, ON)]);
        check(&[(7, 9, after(8)), (8, 4, anew(3))]);
        check(&[(u16::MAX, 0, ON), (1, 0, anew(0)), (u16::MAX, 1, Stale)]);
    }

    #[test]
    fn firmware_that_counts_no_runs_begins_one_whenever_it_goes_back() {
        check(&[(0, 0, ON), (0, 1, ON), (0, 0, anew(0)), (0, 1, ON), (0, 1, anew(0))]);
        check(&[(7, 5, after(4)), (0, 1, anew(0)), (7, 6, anew(5))]);
    }

    #[test]
    fn numbers_wrap_around() {
        let mut port = Sequence { run: Some(7), next: u32::MAX };
        assert_eq!(port.place(7, u32::MAX), ON);
        assert_eq!(port.place(7, 0), ON);
        assert_eq!(port.place(7, u32::MAX), Place::Stale);
        assert_eq!(port.place(7, 3), after(2));
    }
}
