//! B1: a sender's life.

use homing_core::{End, SendErrorKind, SenderError, SenderState, WrongState};

use crate::event_loops::EventLoopRig;
use crate::foreground::{Foreground, open, record};
use crate::rig::TransportRig;

fn wrong(state: SenderState) -> Result<(), SenderError> {
    Err(SenderError::WrongState(WrongState { state }))
}

/// B1: an initial sender neither sends nor stops, and says that it is initial. None of it
/// reaches the receiver.
///
/// Typical cause of failure: the pipe is opened when it is made, or `open` runs twice.
pub fn b01_an_initial_sender_neither_sends_nor_stops<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (mut sender, _) = record::<T>(&link, 0);
    assert_eq!(sender.state(), SenderState::Initial);
    for error in [sender.send(1).unwrap_err(), sender.try_send(1).unwrap_err()] {
        assert_eq!(error.kind(), SendErrorKind::NotOpen(SenderState::Initial));
        assert_eq!(error.into_message(), 1);
    }
    let error = sender.send_all([1, 2]).unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::NotOpen(SenderState::Initial));
    assert_eq!(sender.stop(), wrong(SenderState::Initial));

    // It can still be started, and works.
    sender.start().unwrap();
    sender.send(7).unwrap();
    sender.stop().unwrap();
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), [7]);
}

/// B1: a sender starts once.
///
/// Typical cause of failure: a pipe is claimed twice; the second claim gets the link of a
/// process cut off.
pub fn b01_a_sender_starts_once<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    assert_eq!(sender.state(), SenderState::Open);
    assert_eq!(sender.start(), wrong(SenderState::Open));
    sender.send(1).unwrap();
    assert_eq!(sender.start(), wrong(SenderState::Open));
    sender.stop().unwrap();
    assert_eq!(sender.start(), wrong(SenderState::Closed));
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), [1]);
}

/// B1: a sender stops once, and sends nothing after that.
///
/// Typical cause of failure: a receiver is told of two ends, or of a message after the end.
pub fn b01_a_sender_stops_once<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    sender.stop().unwrap();
    assert_eq!(sender.state(), SenderState::Closed);
    assert_eq!(sender.stop(), wrong(SenderState::Closed));
    let error = sender.send(1).unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::NotOpen(SenderState::Closed));
    drop(sender);
    assert_eq!(foreground.end_of(0), End::Finished);

    // A pipe that is used after it shows that nothing else was on the way.
    let mut after = open::<T>(&link, 1);
    after.send(2).unwrap();
    after.stop().unwrap();
    assert_eq!(foreground.end_of(1), End::Finished);
    assert_eq!(foreground.app.count(0), 0);
}
