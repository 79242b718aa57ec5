//! The transport between threads: all checks but two, about messages as bytes.

mod rigs;

use std::ops::RangeInclusive;

use homing_conformance::{InletRig, TransportRig, inlet_suite, transport_suite};
use homing_outsider::threads::{ThreadFactory, Threads};
use rigs::Queues;

impl InletRig for Queues {
    type Factory = ThreadFactory;
    type Transport = Threads;

    const FIT: RangeInclusive<usize> = <Self as TransportRig>::FIT;
    const POLL_BYTES: Option<usize> = None;

    fn small() -> Threads {
        <Self as TransportRig>::small()
    }
}

transport_suite!(transport, Queues, except: [b06_a_message_over_the_limit_is_refused]);
inlet_suite!(inlet, Queues, except: [b18_one_poll_does_bounded_work]);
