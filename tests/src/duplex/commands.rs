//! B23, B24, B27: commands, and what they may cost.

use std::collections::VecDeque;

use homing_core::End;

use super::role::{DONE, Order, Role, SAW_DISCONNECT};
use super::{DuplexRig, PLENTY, Started, finished};
use crate::event_loops::EventLoopRig;
use crate::foreground::Foreground;

/// B23, B24: commands arrive in the order in which they were sent, from empty ones to some that
/// are longer than a frame, a window and a ring.
///
/// An implementation that fails it lets small commands overtake the parts of a large one.
pub fn b23_commands_keep_their_order<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    commands_keep_their_order::<W, H>(program, Role::Obeys);
}

pub(super) fn commands_keep_their_order<W: DuplexRig, H: EventLoopRig>(
    program: W::Program,
    role: Role,
) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, worker, .. } = W::start(&foreground, program, role, 0, PLENTY);
    let lens = [0, 3, 100, 5_000, 40_000, 70_000, 300_000];
    let mut expected = Vec::new();
    for round in 0..10 {
        for len in lens {
            remote.send(Order::Number(round)).unwrap();
            remote.send(Order::Bytes(vec![len as u8; len])).unwrap();
            expected.extend([round, len as u64]);
        }
    }
    remote.send(Order::Finish).unwrap();
    finished(&mut foreground, 0);
    assert_eq!(foreground.app.messages(0), expected);
    assert_eq!(W::outcome(&mut foreground, worker), DONE);
    assert_eq!(remote.untaken(), 0);
}

/// B23, B27: what a worker does not take is bounded by the pipe's capacity: then commands come
/// back. Other workers get theirs. Nothing waits, and the queue is of use again when the worker
/// has taken something.
///
/// An implementation that fails it has no bound, or waits for the worker.
pub fn b27_a_worker_that_does_not_read_costs_its_bound<W: DuplexRig, H: EventLoopRig>(
    program: W::Program,
) {
    const CAPACITY: usize = 100_000;
    let mut foreground = Foreground::<H>::started();
    let deaf = W::start(&foreground, program, Role::Computes, 0, CAPACITY);
    let heard = W::start(&foreground, program, Role::Obeys, 1, CAPACITY);
    foreground.until("the worker's start", |app| app.count(0) == 1);
    let mut accepted = 0;
    let error = loop {
        match deaf.remote.send(Order::Number(accepted)) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted <= CAPACITY as u64, "there is no bound");
    };
    assert!(error.is_full());
    assert_eq!(error.into_message(), Order::Number(accepted));
    assert_eq!(deaf.remote.untaken(), accepted);
    heard.remote.send(Order::Number(7)).unwrap();
    heard.remote.send(Order::Finish).unwrap();
    finished(&mut foreground, 1);
    assert_eq!(foreground.app.messages(1), [7]);
    // Also with a worker that reads none of it.
    deaf.remote.cancel();
    finished(&mut foreground, 0);
    assert_eq!(deaf.remote.untaken(), accepted);
    assert!(deaf.remote.send(Order::Finish).unwrap_err().is_closed());
}

/// B24: with both directions full neither side waits for the other without end: a worker that
/// sends back more than its link holds gets all commands, although there are more than its queue
/// holds.
///
/// An implementation that fails it waits in the foreground until the worker reads, which waits
/// until the foreground does.
pub fn b24_both_ways_may_be_full<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    both_ways_may_be_full::<W, H>(program, Role::Obeys);
}

pub(super) fn both_ways_may_be_full<W: DuplexRig, H: EventLoopRig>(
    program: W::Program,
    role: Role,
) {
    const COUNT: u64 = 20_000;
    let mut foreground = Foreground::<H>::started();
    let Started { remote, worker, .. } = W::start(&foreground, program, role, 0, 64 * 1024);
    let mut waiting: VecDeque<Order> = (0..COUNT).map(Order::Number).collect();
    waiting.push_back(Order::Finish);
    while let Some(order) = waiting.pop_front() {
        if let Err(error) = remote.send(order) {
            assert!(error.is_full());
            waiting.push_front(error.into_message());
            let before = foreground.app.count(0);
            foreground.until("room for commands", |app| app.count(0) > before);
        }
    }
    finished(&mut foreground, 0);
    assert!(foreground.app.messages(0).iter().copied().eq(0..COUNT));
    assert_eq!(W::outcome(&mut foreground, worker), DONE);
}

/// B24: many workers at once, each with many commands, mix up nothing.
pub fn b24_many_pipes_get_their_own<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    const PIPES: usize = 16;
    const COUNT: u64 = 64;
    let mut foreground = Foreground::<H>::started();
    let workers: Vec<_> = (0..PIPES)
        .map(|number| W::start(&foreground, program, Role::Obeys, number, PLENTY))
        .collect();
    for command in 0..COUNT {
        for (number, worker) in workers.iter().enumerate() {
            worker.remote.send(Order::Number(1000 * number as u64 + command)).unwrap();
        }
    }
    for worker in &workers {
        worker.remote.send(Order::Finish).unwrap();
    }
    for number in 0..PIPES {
        finished(&mut foreground, number);
        let first = 1000 * number as u64;
        assert!(foreground.app.messages(number).iter().copied().eq(first..first + COUNT));
    }
}

/// B24: the end of a worker that has left commands tells how many.
///
/// An implementation that fails it counts what was accepted, or what was written to the link.
pub fn b24_untaken_commands_are_counted<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, .. } = W::start(&foreground, program, Role::TakesThree, 0, PLENTY);
    for command in 0..10 {
        remote.send(Order::Number(command)).unwrap();
    }
    let end = foreground.end_of(0);
    assert!(matches!(end, End::Dropped | End::Lost(_)), "{end}");
    assert_eq!(foreground.app.messages(0), [0, 1, 2]);
    assert_eq!(remote.untaken(), 7);
    assert!(remote.send(Order::Finish).is_err());
}

/// B24, B17: a worker that is killed while it receives loses the commands that it had not taken,
/// and no others are harmed. Only for workers that can be killed.
pub fn b24_a_killed_worker_leaves_its_commands<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, worker, .. } = W::start(&foreground, program, Role::Computes, 0, PLENTY);
    foreground.until("the worker's start", |app| app.count(0) == 1);
    for command in 0..5_000 {
        remote.send(Order::Number(command)).unwrap();
    }
    if !W::kill(&worker) {
        remote.cancel();
    }
    let _ = foreground.end_of(0);
    assert_eq!(remote.untaken(), 5_000);
    let next = W::start(&foreground, program, Role::Obeys, 1, PLENTY);
    next.remote.send(Order::Finish).unwrap();
    finished(&mut foreground, 1);
}

/// B7: a receiver learns that the router has stopped.
pub fn b07_receivers_learn_that_the_router_has_stopped<W: DuplexRig, H: EventLoopRig>(
    program: W::Program,
) {
    receiver_learns_of_stop::<W, H>(program, Role::Obeys);
}

pub(super) fn receiver_learns_of_stop<W: DuplexRig, H: EventLoopRig>(
    program: W::Program,
    role: Role,
) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, worker, .. } = W::start(&foreground, program, role, 0, PLENTY);
    remote.send(Order::Number(1)).unwrap();
    foreground.until("the worker's start", |app| app.count(0) == 1);
    if W::kill(&worker) {
        // A worker process is killed by a stop.
        return;
    }
    foreground.router.stop(&mut foreground.app).unwrap();
    assert!(remote.send(Order::Number(2)).is_err());
    assert_eq!(W::outcome(&mut foreground, worker), SAW_DISCONNECT);
}
