//! The transport between threads, as the suites drive it.

use std::ops::RangeInclusive;

use homing_conformance::TransportRig;
use homing_outsider::threads::{ThreadFactory, Threads};

/// Links of at most four messages where they are to be small.
pub struct Queues;

impl TransportRig for Queues {
    type Factory = ThreadFactory;
    type Transport = Threads;

    const FIT: RangeInclusive<usize> = 4..=4;

    fn transport() -> Threads {
        Threads { capacity: 1024 }
    }

    fn small() -> Threads {
        Threads { capacity: 4 }
    }

    fn limited(_: usize) -> Option<Threads> {
        None
    }
}
