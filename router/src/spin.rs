//! When a dispatch waits on the processor for more, instead of letting the event loop sleep.
//!
//! A sender in full flow need not ring for each message while the router spins: to ring, and
//! to be woken, costs more than what a small message does. The foreground's thread is not the
//! router's, though: it neither yields nor sleeps within a dispatch, because on a busy machine
//! either costs whole time slices, and it spins only where that has paid.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The longest spin.
const MAX_SPIN: Duration = Duration::from_micros(10);

/// How many arrivals make traffic dense: so many have to come before a spin, unless the last spin
/// has found something.
const DENSE: u32 = 64;

/// How many opportunities to spin are passed over after spins that found nothing, at most.
const MAX_SKIPPED: u32 = 64;

/// How many times the processor pauses between two looks at the link.
const PAUSES: u32 = 16;

/// Decides whether to spin. One for each router: it outlives dispatches.
#[derive(Debug)]
pub(crate) struct SpinPolicy {
    /// Arrivals since the last opportunity to spin.
    arrivals: Cell<u32>,
    /// Whether the last spin has found something.
    found: Cell<bool>,
    /// How many opportunities are passed over from now on.
    skip: Cell<u32>,
    /// How many were passed over the last time: the more, the longer spins have found nothing.
    skipped: Cell<u32>,
}

impl SpinPolicy {
    pub(crate) fn new() -> Self {
        let (arrivals, found) = (Cell::new(0), Cell::new(false));
        Self { arrivals, found, skip: Cell::new(0), skipped: Cell::new(0) }
    }

    /// Something has arrived.
    #[inline]
    pub(crate) fn note_arrival(&self) {
        self.arrivals.set(self.arrivals.get().saturating_add(1));
    }

    /// All links are asleep, and the event loop is about to sleep: the traffic has a gap.
    pub(crate) fn note_sleep(&self) {
        self.arrivals.set(0);
        self.found.set(false);
    }

    /// Calls `poll` until it finds something, or spinning does not pay any more, or `end`.
    /// `poll` is not called at all where the traffic was not dense, or spins have found nothing.
    pub(crate) fn spin_before_sleep<T>(
        &self,
        end: Option<Instant>,
        mut poll: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let arrivals = self.arrivals.replace(0);
        if arrivals < if self.found.replace(false) { 1 } else { DENSE } {
            return None;
        }
        if let Some(left) = self.skip.get().checked_sub(1) {
            self.skip.set(left);
            return None;
        }
        let start = Instant::now();
        let end = end.map_or(start + MAX_SPIN, |end| end.min(start + MAX_SPIN));
        loop {
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
            if let Some(found) = poll() {
                self.found.set(true);
                self.skipped.set(self.skipped.get() / 2);
                return Some(found);
            }
            if Instant::now() >= end {
                let skipped = (self.skipped.get() * 2).clamp(1, MAX_SKIPPED);
                self.skipped.set(skipped);
                self.skip.set(skipped);
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(policy: &SpinPolicy, arrivals: u32) {
        (0..arrivals).for_each(|_| policy.note_arrival());
    }

    /// Whether the policy spins now, and finds something if `finds`.
    fn spins(policy: &SpinPolicy, finds: bool) -> bool {
        let mut polled = false;
        let found = policy.spin_before_sleep(None, || {
            polled = true;
            finds.then_some(())
        });
        assert_eq!(found.is_some(), polled && finds);
        polled
    }

    #[test]
    fn only_dense_traffic_makes_it_spin() {
        let policy = SpinPolicy::new();
        assert!(!spins(&policy, true));
        for _ in 0..10 {
            arrive(&policy, DENSE - 1);
            assert!(!spins(&policy, true));
        }
        arrive(&policy, DENSE - 1);
        policy.note_sleep();
        arrive(&policy, 1);
        assert!(!spins(&policy, true));
        arrive(&policy, DENSE);
        assert!(spins(&policy, true));
        assert!(!spins(&policy, true), "nothing has come since");
    }

    #[test]
    fn a_spin_that_found_something_is_followed_by_another() {
        let policy = SpinPolicy::new();
        arrive(&policy, DENSE);
        for _ in 0..3 {
            assert!(spins(&policy, true));
            arrive(&policy, 1);
        }
        policy.note_sleep();
        arrive(&policy, 1);
        assert!(!spins(&policy, true), "there was a gap");
    }

    #[test]
    fn a_spin_that_found_nothing_makes_the_next_one_rarer() {
        let policy = SpinPolicy::new();
        let spins_now = |finds| {
            arrive(&policy, DENSE);
            spins(&policy, finds)
        };
        assert!(spins_now(false));
        let mut passed_over = 1;
        for _ in 0..30 {
            for _ in 0..passed_over {
                assert!(!spins_now(true));
            }
            assert!(spins_now(false));
            passed_over = (passed_over * 2).min(MAX_SKIPPED);
        }
        for _ in 0..passed_over {
            assert!(!spins_now(true));
        }
        assert!(spins_now(true));
        assert!(spins_now(true), "one that found something makes it easier again");
    }

    #[test]
    fn a_spin_ends_with_the_budget() {
        let policy = SpinPolicy::new();
        arrive(&policy, DENSE);
        let mut polls = 0;
        let found: Option<()> = policy.spin_before_sleep(Some(Instant::now()), || {
            polls += 1;
            None
        });
        assert_eq!((found, polls), (None, 1));
    }
}
