//! Senders see what their pipe was told, also while they wait for room.

use std::thread;
use std::time::Duration;

use homing_core::{Notifier, SendErrorKind};

use super::*;

/// Fills the link, has a sender wait for room, and tells its pipe something. Returns the sender,
/// and why its message came back.
fn interrupted(
    factory: &ChannelFactory,
    sender: Sender<u32>,
    tell: impl FnOnce(),
) -> (Sender<u32>, SendErrorKind) {
    let mut other = super::sender::<u32>(factory, 9, Overflow::Wait);
    while other.try_send(0).is_ok() {}
    let worker = thread::spawn(move || {
        let mut sender = sender;
        let error = loop {
            if let Err(error) = sender.send(1) {
                break error;
            }
        };
        assert_eq!(error.into_message(), 1);
        (sender, error.kind())
    });
    // Longer than a wait that is not interrupted. The result is the same if it does not wait yet.
    thread::sleep(Duration::from_millis(20));
    tell();
    worker.join().unwrap()
}

fn notifier(inlet: &ChannelInlet) -> Arc<dyn Notifier> {
    inlet.notifier().unwrap()
}

#[test]
fn a_pipe_that_is_closed_gives_messages_back() {
    for overflow in [Overflow::Wait, Overflow::DropNewest, Overflow::DropOldest] {
        let (factory, mut inlet) = link(4);
        let mut sender = sender::<u32>(&factory, 0, overflow);
        sender.send(1).unwrap();
        assert!(!sender.is_closed());
        notifier(&inlet).close(sender.connection());
        assert!(sender.is_closed() && !sender.is_cancelled());
        let error = sender.send(2).unwrap_err();
        assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Closed, 2));
        sender.stop().unwrap();
        // The router discards what comes.
        assert_eq!(drain::<u32>(&mut inlet), [Got::Message(0, 1), Got::Stopped(0, End::Finished)]);
    }
}

#[test]
fn a_sender_that_waits_is_woken_when_its_pipe_is_closed() {
    let (factory, inlet) = link(2);
    let waiting = sender::<u32>(&factory, 0, Overflow::Wait);
    let connection = waiting.connection();
    let (mut sender, kind) = interrupted(&factory, waiting, || notifier(&inlet).close(connection));
    assert_eq!(kind, SendErrorKind::Closed);
    assert_eq!(sender.send(2).unwrap_err().kind(), SendErrorKind::Closed);
}

#[test]
fn a_sender_that_waits_is_woken_when_the_foreground_is_gone() {
    let (factory, inlet) = link(2);
    let waiting = sender::<u32>(&factory, 0, Overflow::Wait);
    let (_, kind) = interrupted(&factory, waiting, || drop(inlet));
    assert_eq!(kind, SendErrorKind::Disconnected);
}

/// Also when it has come before the sender had to wait: there is no moment in which it is missed.
#[test]
fn a_cancel_that_the_sender_does_not_know_is_told_once() {
    let (factory, inlet) = link(2);
    let mut told = sender::<u32>(&factory, 0, Overflow::Wait);
    while told.try_send(0).is_ok() {}
    notifier(&inlet).announce_stop();
    let waits = thread::spawn(move || [1, 2].map(|number| told.send(number).unwrap_err().kind()));
    // Longer than a wait that is not interrupted. The result is the same if it does not wait yet.
    thread::sleep(Duration::from_millis(20));
    drop(inlet);
    let kinds = waits.join().unwrap();
    assert_eq!(kinds, [SendErrorKind::Cancelled, SendErrorKind::Disconnected]);
}
