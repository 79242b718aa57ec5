//! The chip's end by itself.

use homing_core::{End, Reason, SenderState};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use super::{Host, Kept, Told};
use crate::{Line, Port};

#[test]
fn what_is_sent_is_heard_on_its_port_and_then_the_end() {
    let kept = Kept::default();
    let line: Line<_, 64> = Line::new(kept.clone());
    let (mut one, mut two) = (line.sender::<u32>(Port(0)), line.sender::<u32>(Port(1)));
    one.start().unwrap();
    two.start().unwrap();
    one.send(1).unwrap();
    two.try_send(2).unwrap();
    one.send_all([3, 4]).unwrap();
    one.stop().unwrap();
    drop(two);
    let mut host = Host::new(2, 64);
    let told = host.hear::<u32>(&kept.take());
    let message = Told::Message;
    let end = || Told::Ended(End::Finished);
    assert_eq!(
        told,
        [
            (0, message(1)),
            (1, message(2)),
            (0, message(3)),
            (0, message(4)),
            (0, end()),
            (1, end())
        ]
    );
    assert_eq!(host.health.counters().frames, 8);
}

#[test]
fn a_sender_that_never_started_says_that_it_is_gone() {
    let kept = Kept::default();
    let line: Line<_, 64> = Line::new(kept.clone());
    drop(line.sender::<u32>(Port(0)));
    let told = Host::new(1, 64).hear::<u32>(&kept.take());
    assert_eq!(told, [(0, Told::Ended(End::Lost(None)))]);
}

#[test]
fn a_message_over_the_limit_is_refused_before_a_byte_is_written() {
    const MAX: usize = Line::<Kept, 64>::MAX_MESSAGE;
    let kept = Kept::default();
    let line: Line<_, 64> = Line::new(kept.clone());
    let mut sender = line.sender::<Vec<u8>>(Port(0));
    sender.start().unwrap();
    kept.take();
    // The vector's length is a byte of the message.
    let error = sender.send(vec![9; MAX]).unwrap_err();
    assert_eq!(error.reason(), Reason::TooLarge { len: MAX + 1, max: MAX });
    assert_eq!(error.into_message(), vec![9; MAX]);
    assert!(kept.take().is_empty());
    for byte in [0, 9] {
        sender.send(vec![byte; MAX - 1]).unwrap();
    }
    let told = Host::new(1, MAX).hear::<Vec<u8>>(&kept.take());
    assert_eq!(told.len(), 2);
}

/// Any length up to the largest buffer works, whatever the bytes are.
#[test]
fn stuffing_has_the_room_that_it_needs() {
    for byte in [0, 1, 255] {
        for len in 0..Line::<Kept, 1200>::MAX_MESSAGE - 1 {
            let kept = Kept::default();
            let line: Line<_, 1200> = Line::new(kept.clone()).run(u16::MAX);
            let mut sender = line.sender::<Vec<u8>>(Port(0));
            sender.start().unwrap();
            sender.send(vec![byte; len]).unwrap();
            let told = Host::new(1, 1200).hear::<Vec<u8>>(&kept.take());
            assert_eq!(told, [(0, Told::Message(vec![byte; len]))]);
        }
    }
}

struct Unspeakable;

impl Serialize for Unspeakable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("no"))
    }
}

#[test]
fn what_cannot_be_encoded_comes_back() {
    let kept = Kept::default();
    let line: Line<_, 64> = Line::new(kept.clone());
    let mut sender = line.sender::<Unspeakable>(Port(0));
    assert_eq!(
        sender.send(Unspeakable).unwrap_err().reason(),
        Reason::NotOpen(SenderState::Initial)
    );
    sender.start().unwrap();
    kept.take();
    assert_eq!(sender.send(Unspeakable).unwrap_err().reason(), Reason::Unencodable);
    assert!(kept.take().is_empty());
}

/// A writer that fails, and works again.
struct Failing(Kept, std::rc::Rc<std::cell::Cell<bool>>);

#[derive(Debug)]
struct Unplugged;

impl std::fmt::Display for Unplugged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("unplugged")
    }
}

impl std::error::Error for Unplugged {}

impl embedded_io::Error for Unplugged {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::NotConnected
    }
}

impl embedded_io::ErrorType for Failing {
    type Error = Unplugged;
}

impl embedded_io::Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Unplugged> {
        if self.1.get() {
            return Err(Unplugged);
        }
        // A few bytes at a time, as hardware does.
        let some = bytes.len().min(3);
        Ok(self.0.write(&bytes[..some]).unwrap_or(0))
    }

    fn flush(&mut self) -> Result<(), Unplugged> {
        Ok(())
    }
}

#[test]
fn a_message_that_the_writer_did_not_take_comes_back_and_leaves_no_gap() {
    let (kept, fails) = (Kept::default(), std::rc::Rc::default());
    let line: Line<_, 64> = Line::new(Failing(kept.clone(), std::rc::Rc::clone(&fails)));
    let mut sender = line.sender::<u32>(Port(0));
    sender.start().unwrap();
    fails.set(true);
    let error = sender.send(1).unwrap_err();
    assert!(error.is_disconnected());
    fails.set(false);
    sender.send(error.into_message()).unwrap();
    let told = Host::new(1, 64).hear::<u32>(&kept.take());
    assert_eq!(told, [(0, Told::Message(1))]);
}
