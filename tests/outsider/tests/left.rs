//! Nothing is left behind. Alone in its binary, because it counts what the process has.
#![cfg(target_os = "linux")]

mod rigs;

use homing_conformance::router::b10_nothing_is_left;
use homing_conformance::{Pinged, Watched};
use rigs::Queues;

#[test]
fn nothing_is_left() {
    b10_nothing_is_left::<Queues, Watched>();
    b10_nothing_is_left::<Queues, Pinged>();
}
