//! The overflow policies that drop messages. (`Wait` and `GiveBack` are B5.)

use homing_core::{End, Overflow};

use crate::event_loops::EventLoopRig;
use crate::foreground::{Foreground, open_with};
use crate::rig::{SenderOf, TransportRig};

/// Sends many more messages than fit, from a worker whose foreground takes nothing: no send
/// may wait. The sender comes back open.
fn overfill<T: TransportRig, H: EventLoopRig>(
    foreground: &Foreground<H>,
    overflow: Overflow,
) -> (SenderOf<T>, u64) {
    let count = 2 * *T::FIT.end() as u64 + 100;
    let link = foreground.small_link::<T>();
    let mut sender = open_with::<T>(&link, overflow, 0);
    // The loop is not driven until the worker is done.
    let worker = foreground.spawn(move || {
        for message in 0..count {
            sender.send(message).unwrap();
        }
        sender
    });
    let sender = worker.join();
    assert_eq!(sender.counters().sent, count);
    (sender, count)
}

/// Stops the sender, waits for the end, and checks that every message was either handed over
/// once, in order, or counted as dropped, by the sender, or on the foreground's side.
fn account<T: TransportRig, H: EventLoopRig>(
    foreground: &mut Foreground<H>,
    mut sender: SenderOf<T>,
    count: u64,
) {
    let dropped = sender.counters().dropped;
    // On this thread it does not wait.
    sender.stop().unwrap();
    assert_eq!(foreground.end_of(0), End::Finished);
    let got = foreground.app.messages(0);
    assert!(got.is_sorted_by(|a, b| a < b), "out of order, or twice");
    let counters = foreground.router.counters();
    assert_eq!(counters.missed, dropped, "what the sender dropped is reported");
    assert_eq!(got.len() as u64 + dropped + counters.superseded, count);
    assert_eq!(counters.routed, got.len() as u64);
}

/// Drop the newest: `send` returns `Ok`, the new message is dropped and counted, what waited
/// stays.
pub fn overflow_drop_newest<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let (sender, count) = overfill::<T, H>(&foreground, Overflow::DropNewest);
    assert!(sender.counters().dropped > 0);
    account::<T, H>(&mut foreground, sender, count);
    let first: Vec<_> = (0..*T::FIT.start() as u64).collect();
    assert!(foreground.app.messages(0).starts_with(&first), "the oldest are kept");
}

/// Drop the oldest: the newest message always arrives, without another send after it, and
/// what was dropped for it is counted.
///
/// An implementation that fails it holds the newest message back until the next send, or loses count.
pub fn overflow_drop_oldest<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let (sender, count) = overfill::<T, H>(&foreground, Overflow::DropOldest);
    assert!(sender.counters().dropped > 0);
    foreground.until("the newest message", |app| app.messages(0).last() == Some(&(count - 1)));
    account::<T, H>(&mut foreground, sender, count);
}

/// Latest wins: a sender never waits, and the receiver always gets the newest message,
/// without another send after it.
///
/// An implementation that fails it shows a progress that is not the last.
pub fn overflow_latest_wins<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let (sender, count) = overfill::<T, H>(&foreground, Overflow::LatestWins);
    foreground.until("the newest message", |app| app.messages(0).last() == Some(&(count - 1)));
    account::<T, H>(&mut foreground, sender, count);
}

/// Latest wins, with a foreground that takes what comes: the newest message arrives after
/// each burst.
pub fn overflow_latest_wins_is_live<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut sender = open_with::<T>(&link, Overflow::LatestWins, 0);
    let mut last = 0;
    for burst in 0..50 {
        let worker = foreground.spawn(move || {
            for _ in 0..=burst {
                last += 1;
                sender.send(last).unwrap();
            }
            (sender, last)
        });
        (sender, last) = foreground.join(worker);
        foreground.until("the newest of a burst", |app| app.messages(0).last() == Some(&last));
    }
    let count = last;
    account::<T, H>(&mut foreground, sender, count);
}

/// Waiting: nothing is dropped, and nothing is counted as dropped. Two pipes of one link with
/// different policies do not touch each other's messages.
pub fn overflow_policies_share_a_link<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut waits = open_with::<T>(&link, Overflow::Wait, 0);
    let mut drops = open_with::<T>(&link, Overflow::DropOldest, 1);
    let mut latest = open_with::<T>(&link, Overflow::LatestWins, 2);
    let worker = foreground.spawn(move || {
        for message in 0..2000 {
            waits.send(message).unwrap();
            drops.send(message).unwrap();
            latest.send(message).unwrap();
        }
        assert_eq!(waits.counters().dropped, 0);
    });
    foreground.join(worker);
    foreground.until("three ends", |app| app.ended() == 3);
    assert!(foreground.app.messages(0).iter().copied().eq(0..2000));
    for pipe in [1, 2] {
        let got = foreground.app.messages(pipe);
        assert!(got.is_sorted_by(|a, b| a < b));
        assert_eq!(got.last(), Some(&1999), "pipe {pipe}");
    }
}
