//! When an inlet waits on the processor for more, instead of letting the foreground sleep.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// The longest spin, all its looks included.
const MAX_SPIN: Duration = Duration::from_micros(8);

/// How many frames have to come between two sleeps of a link for its traffic to be dense. A
/// fragment of a large message counts as so many.
const DENSE: u32 = 32;

/// After spins that found nothing so many frames are asked for, at most. A worker in full flow
/// writes more while the foreground is woken, so that spinning begins again.
const MAX_NEEDED: u32 = 256;

/// The pauses between the looks for small messages.
const PAUSES: &[u32] = &[16, 32, 64];

/// The pauses before the first of these looks, at least and at most: from half a microsecond
/// up to the longest spin, where messages come so densely that a look costs the worker more.
const COALESCE: RangeInclusive<u32> = 16..=1024;

/// The pauses between the looks for the next fragment of a large message. There are as many
/// looks as the longest spin has time for: a worker writes a fragment or two in it.
const FRAGMENT_PAUSES: u32 = 32;

/// How often the processor pauses between two looks at the clock.
const PAUSES_PER_TICK: u32 = 32;

/// What an inlet expects next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Small messages, which may coalesce before the first look: each look takes the line with
    /// the index away from a worker that is about to write more.
    Coalescing,
    /// Small messages, of which as much comes as can be copied: it is the copying that takes
    /// time, not the line.
    Streaming,
    /// The rest of a large message. To be woken for each fragment would take longer than to
    /// write it.
    Fragment,
}

/// Decides whether to spin, and how long. One for each link.
///
/// To ring, and to be woken, costs more than a small message, so in dense traffic it pays to
/// look a few times more. The foreground's thread is not the transport's, though: a link spins
/// only where many frames have come since it last slept, a few microseconds at most, and after
/// a spin that found nothing only where traffic is denser.
#[derive(Debug)]
pub(crate) struct SpinPolicy {
    enabled: bool,
    /// Frames since the link last slept.
    frames: u32,
    /// How many there have to be.
    needed: u32,
    /// The pauses before the first look.
    coalesce: u32,
}

impl SpinPolicy {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled, frames: 0, needed: DENSE, coalesce: *COALESCE.start() }
    }

    /// A frame was found.
    #[inline]
    pub(crate) fn note_frame(&mut self) {
        self.frames = self.frames.saturating_add(1);
    }

    /// A fragment of a large message was copied.
    pub(crate) fn note_fragment(&mut self) {
        self.frames = self.frames.saturating_add(DENSE);
    }

    /// The link goes to sleep: its traffic has a gap.
    pub(crate) fn note_sleep(&mut self) {
        self.frames = 0;
    }

    /// Calls `look`, which says how many bytes there are, until it finds some, or spinning does
    /// not pay any more. Where traffic is not dense, it is not called at all.
    pub(crate) fn spin_before_sleep<E>(
        &mut self,
        expected: Expected,
        look: impl FnMut() -> Result<usize, E>,
    ) -> Result<bool, E> {
        if !self.enabled || self.frames < self.needed {
            return Ok(false);
        }
        let end = Instant::now() + MAX_SPIN;
        let found = match expected {
            Expected::Fragment => spin(std::iter::repeat(FRAGMENT_PAUSES), end, look)?,
            _ => {
                if expected == Expected::Coalescing {
                    pause(self.coalesce, end);
                }
                let found = spin(PAUSES.iter().copied(), end, look)?;
                self.adapt_coalescing(found);
                found
            }
        };
        self.needed = match found {
            0 => (self.needed * 2).min(MAX_NEEDED),
            _ => (self.needed / 2).max(DENSE),
        };
        Ok(found > 0)
    }

    /// Chooses how long to let messages coalesce, by how densely they came the last time: longer
    /// from a byte a pause, which is some millions of messages a second, and less long from a
    /// quarter of that.
    fn adapt_coalescing(&mut self, found: usize) {
        let pauses = self.coalesce as usize;
        if found >= pauses {
            self.coalesce = (self.coalesce * 2).min(*COALESCE.end());
        } else if found < pauses / 4 {
            self.coalesce = (self.coalesce / 2).max(*COALESCE.start());
        }
    }
}

/// Looks until there are bytes, or there are no more `pauses`, or time is up. How many bytes.
fn spin<E>(
    pauses: impl Iterator<Item = u32>,
    end: Instant,
    mut look: impl FnMut() -> Result<usize, E>,
) -> Result<usize, E> {
    for pauses in pauses {
        let found = look()?;
        if found > 0 || !pause(pauses, end) {
            return Ok(found);
        }
    }
    Ok(0)
}

/// Pauses the processor so many times, and says whether there is time left.
fn pause(mut pauses: u32, end: Instant) -> bool {
    while pauses > 0 {
        let tick = pauses.min(PAUSES_PER_TICK);
        for _ in 0..tick {
            std::hint::spin_loop();
        }
        pauses -= tick;
        if Instant::now() >= end {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Whether the policy looks after so many frames, and finds something if `finds`.
    fn spins(policy: &mut SpinPolicy, frames: u32, expected: Expected, finds: bool) -> bool {
        policy.note_sleep();
        (0..frames).for_each(|_| policy.note_frame());
        let mut looked = false;
        let found = policy.spin_before_sleep(expected, || {
            looked = true;
            Ok::<_, Infallible>(if finds { 100 } else { 0 })
        });
        assert_eq!(found, Ok(looked && finds));
        looked
    }

    #[test]
    fn only_dense_traffic_makes_it_spin() {
        for expected in [Expected::Coalescing, Expected::Streaming, Expected::Fragment] {
            let mut policy = SpinPolicy::new(true);
            assert!(!spins(&mut policy, 0, expected, true));
            assert!(!spins(&mut policy, DENSE - 1, expected, true));
            assert!(spins(&mut policy, DENSE, expected, true));
            assert!(!spins(&mut SpinPolicy::new(false), MAX_NEEDED, expected, true));
        }
    }

    #[test]
    fn a_spin_that_found_nothing_makes_the_next_one_rarer() {
        for expected in [Expected::Coalescing, Expected::Streaming, Expected::Fragment] {
            let mut policy = SpinPolicy::new(true);
            let mut needed = DENSE;
            for _ in 0..10 {
                assert!(!spins(&mut policy, needed - 1, expected, false));
                assert!(spins(&mut policy, needed, expected, false));
                needed = (needed * 2).min(MAX_NEEDED);
            }
            assert!(spins(&mut policy, needed, expected, true));
            assert!(spins(&mut policy, needed / 2, expected, true));
        }
    }

    /// A worker that writes one fragment now and then, and never the rest.
    #[test]
    fn lone_fragments_make_it_spin_once() {
        let mut policy = SpinPolicy::new(true);
        let mut spins = 0;
        for _ in 0..100 {
            policy.note_fragment();
            let mut looked = false;
            let found = policy.spin_before_sleep(Expected::Fragment, || {
                looked = true;
                Ok::<_, Infallible>(0)
            });
            assert_eq!(found, Ok(false));
            spins += u32::from(looked);
            policy.note_sleep();
        }
        assert_eq!(spins, 1);
    }
}
