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

/// How many arrivals make traffic dense: so many have to come between two spins.
const DENSE: u32 = 64;

/// After spins that found nothing so many arrivals are asked for, at most.
const MAX_DENSE: u32 = 1024;

/// How many times the processor pauses between two looks at the link.
const PAUSES: u32 = 16;

/// Decides whether to spin. One for each router: it outlives dispatches.
#[derive(Debug)]
pub(crate) struct SpinPolicy {
    /// Arrivals since the last spin.
    arrivals: Cell<u32>,
    /// How many there have to be for the next: the more, the longer spins have found nothing.
    needed: Cell<u32>,
}

impl SpinPolicy {
    pub(crate) fn new() -> Self {
        Self { arrivals: Cell::new(0), needed: Cell::new(DENSE) }
    }

    /// Something has arrived.
    #[inline]
    pub(crate) fn note_arrival(&self) {
        self.arrivals.set(self.arrivals.get().saturating_add(1));
    }

    /// All links are asleep, and the event loop is about to sleep: the traffic has a gap.
    pub(crate) fn note_sleep(&self) {
        self.arrivals.set(0);
    }

    /// Calls `poll` until it finds something, or spinning does not pay any more, or `end`.
    /// `poll` is not called at all where the traffic was not dense.
    pub(crate) fn spin_before_sleep<T>(
        &self,
        end: Option<Instant>,
        mut poll: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        if self.arrivals.replace(0) < self.needed.get() {
            return None;
        }
        let start = Instant::now();
        let end = end.map_or(start + MAX_SPIN, |end| end.min(start + MAX_SPIN));
        loop {
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
            if let Some(found) = poll() {
                self.needed.set((self.needed.get() / 2).max(DENSE));
                return Some(found);
            }
            if Instant::now() >= end {
                self.needed.set((self.needed.get() * 2).min(MAX_DENSE));
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
    fn a_spin_that_found_nothing_makes_the_next_one_rarer() {
        let policy = SpinPolicy::new();
        let mut needed = DENSE;
        for _ in 0..30 {
            arrive(&policy, needed - 1);
            assert!(!spins(&policy, false));
            arrive(&policy, needed);
            assert!(spins(&policy, false));
            needed = (needed * 2).min(MAX_DENSE);
        }
        arrive(&policy, needed);
        assert!(spins(&policy, true));
        arrive(&policy, needed / 2);
        assert!(spins(&policy, true), "one that found something makes it easier again");
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
