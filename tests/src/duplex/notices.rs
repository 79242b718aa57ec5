//! B9, B10, B25: what a worker is told.

use std::time::Duration;

use homing_core::End;

use super::role::{CANCELLED, Order, Role, SAW_CANCEL, SAW_CLOSE, SAW_STOP};
use super::{DuplexRig, PLENTY, Started, finished};
use crate::deadline::deadline;
use crate::event_loops::EventLoopRig;
use crate::foreground::Foreground;

/// In this time a worker that floods has filled its link, as likely as not. When it has not, the
/// check says less, but nothing wrong.
const MOMENT: Duration = Duration::from_millis(50);

/// B25: a worker that computes sees by a look that it was cancelled, and can still report.
///
/// An implementation that fails it looks at the way back only where the worker receives.
pub fn b25_cancel_is_seen_by_a_look<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, worker, .. } = W::start(&foreground, program, Role::Computes, 0, PLENTY);
    foreground.until("the worker's start", |app| app.count(0) == 1);
    remote.cancel();
    finished(&mut foreground, 0);
    assert_eq!(foreground.app.messages(0), [1, CANCELLED]);
    assert_eq!(W::outcome(&mut foreground, worker), SAW_CANCEL);
}

/// B25: a worker that was cancelled before it started is cancelled when it has.
pub fn b25_cancel_may_come_first<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, worker, .. } = W::start(&foreground, program, Role::Computes, 0, PLENTY);
    remote.cancel();
    finished(&mut foreground, 0);
    assert_eq!(W::outcome(&mut foreground, worker), SAW_CANCEL);
}

/// B25: cancel wakes a worker that waits for a command, after those that were sent.
///
/// An implementation that fails it wakes a receiver by commands only.
pub fn b25_cancel_wakes_a_receiver<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    cancel_wakes_a_receiver::<W, H>(program, Role::Obeys);
}

pub(super) fn cancel_wakes_a_receiver<W: DuplexRig, H: EventLoopRig>(
    program: W::Program,
    role: Role,
) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, worker, .. } = W::start(&foreground, program, role, 0, PLENTY);
    for number in 0..3 {
        remote.send(Order::Number(number)).unwrap();
    }
    foreground.until("the messages", |app| app.count(0) == 3);
    remote.cancel();
    finished(&mut foreground, 0);
    assert_eq!(foreground.app.messages(0), [0, 1, 2, CANCELLED]);
    assert_eq!(W::outcome(&mut foreground, worker), SAW_CANCEL);
}

/// B25: cancel wakes a worker that waits for room, whose message comes back; what it sends then
/// waits again.
///
/// An implementation that fails it lets a worker wait that is of no use any more.
pub fn b25_cancel_wakes_a_sender<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    cancel_wakes_a_sender::<W, H>(program, Role::Floods);
}

pub(super) fn cancel_wakes_a_sender<W: DuplexRig, H: EventLoopRig>(
    program: W::Program,
    role: Role,
) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, worker, .. } = W::start(&foreground, program, role, 0, PLENTY);
    foreground.until("a flood", |app| app.count(0) > 0);
    std::thread::sleep(MOMENT);
    remote.cancel();
    std::thread::sleep(MOMENT);
    foreground.until("an end", |app| app.end(0).is_some());
    assert_eq!(foreground.app.end(0), Some(End::Finished));
    let (last, before) = foreground.app.messages(0).split_last().unwrap();
    assert_eq!(*last, CANCELLED);
    assert!(before.iter().copied().eq(0..before.len() as u64));
    assert_eq!(W::outcome(&mut foreground, worker), SAW_CANCEL);
}

/// B9: a worker that sends learns that its pipe was closed, also where it waits for room.
///
/// An implementation that fails it lets a worker work for nothing.
pub fn b09_close_is_seen_by_a_sender<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    close_is_seen_by_a_sender::<W, H>(program, Role::Floods);
}

pub(super) fn close_is_seen_by_a_sender<W: DuplexRig, H: EventLoopRig>(
    program: W::Program,
    role: Role,
) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, pipe, worker } = W::start(&foreground, program, role, 0, PLENTY);
    foreground.until("a flood", |app| app.count(0) > 0);
    std::thread::sleep(MOMENT);
    foreground.router.close_pipe(&mut foreground.app, pipe).unwrap();
    assert_eq!(foreground.app.end(0), Some(End::Closed));
    assert!(remote.send(Order::Finish).unwrap_err().is_closed());
    assert_eq!(W::outcome(&mut foreground, worker), SAW_CLOSE);
}

/// B9: a worker that waits for a command learns that its pipe was closed; one that computes sees
/// it by a look. Commands that were not taken are dropped.
pub fn b09_close_wakes_a_receiver<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    for role in [Role::Obeys, Role::Computes] {
        close_wakes_a_receiver::<W, H>(program, role);
    }
}

pub(super) fn close_wakes_a_receiver<W: DuplexRig, H: EventLoopRig>(
    program: W::Program,
    role: Role,
) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, pipe, worker } = W::start(&foreground, program, role, 0, PLENTY);
    remote.send(Order::Number(1)).unwrap();
    foreground.until("a message", |app| app.count(0) == 1);
    foreground.router.close_pipe(&mut foreground.app, pipe).unwrap();
    assert_eq!(W::outcome(&mut foreground, worker), SAW_CLOSE);
}

/// B10: a shutdown asks the workers to end, and routes what they still send.
///
/// An implementation that fails it stops before they could answer.
pub fn b10_a_shutdown_asks_first<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    for role in [Role::Obeys, Role::Computes] {
        let mut foreground = Foreground::<H>::started();
        let Started { remote, worker, .. } = W::start(&foreground, program, role, 0, PLENTY);
        remote.send(Order::Number(1)).unwrap();
        foreground.until("a message", |app| app.count(0) == 1);
        foreground.router.shutdown(&mut foreground.app, deadline()).unwrap();
        assert_eq!(foreground.app.messages(0), [1, CANCELLED]);
        assert_eq!(foreground.app.end(0), Some(End::Finished));
        assert_eq!(W::outcome(&mut foreground, worker), SAW_STOP);
    }
}
