//! For transports of worker processes: the sides of a link that a process adopts. Not in the
//! suite.

use std::thread;
use std::time::Instant;

use super::*;
use crate::testing::Reader;
use crate::{FrameSink, MuxHandle};

/// What a worker sends over an adopted link arrives.
pub fn an_adopted_link_carries_messages<S: FrameSink>(worker: MuxHandle<S>, mut reader: Reader) {
    let mut sender = worker.sender::<u8>(ticket(4, Overflow::Wait));
    sender.start().unwrap();
    sender.send(6).unwrap();
    drop((sender, worker));
    let (got, end) = reader.until_end();
    let expected = [Got::started(4), Got::message(4, &6u8), Got::Stopped(4, End::Dropped)];
    assert_eq!((got.as_slice(), end), (expected.as_slice(), LinkEnd::gone()));
}

/// Nothing is left of a link when both sides are dropped, with messages that wait. `left`
/// tells what is; it is nothing when it equals its default.
pub fn nothing_is_left_of_a_link<S: FrameSink, L: Default + PartialEq + std::fmt::Debug>(
    worker: MuxHandle<S>,
    reader_side: impl Sized,
    left: impl Fn() -> L,
) {
    assert_ne!(left(), L::default());
    let mut sender = worker.sender::<Vec<u8>>(ticket(0, Overflow::LatestWins));
    sender.start().unwrap();
    for _ in 0..100 {
        sender.send(vec![0; 10_000]).unwrap();
    }
    drop(worker);
    // The reader goes, so the threads of the worker's side end as well.
    drop(reader_side);
    sender.stop().unwrap();
    drop(sender);
    let deadline = Instant::now() + Duration::from_secs(60);
    while left() != L::default() {
        assert!(Instant::now() < deadline, "something is left: {:?}", left());
        thread::yield_now();
    }
}
