//! B4, B5, B16, B18: what one poll does.

use homing_core::{Overflow, SendErrorKind};

use super::link::{Arrived, PolledLink};
use super::{InletRig, deliver};
use crate::background::background;

/// B4: what two threads send at once, on a pipe each, arrives in the order of each pipe, and
/// all of it.
///
/// Typical cause of failure: a queue for each class of messages, which one overtakes another by.
pub fn b04_arrivals_keep_their_order<R: InletRig>() {
    const MESSAGES: u64 = 5000;
    let mut link = PolledLink::<R>::new();
    // Both senders are made before one of them fills the link.
    let senders = [0, 1].map(|pipe| link.sender::<u64>(pipe));
    let workers = senders.map(|mut sender| {
        background(move || {
            sender.start().unwrap();
            for message in 0..MESSAGES {
                deliver(&mut sender, message);
            }
            sender.stop().unwrap();
        })
    });
    let arrivals = link.until_ends::<u64>(workers.len(), workers);
    for pipe in [0, 1] {
        let of_pipe = arrivals.iter().filter(|(of, _)| *of == pipe);
        let got = of_pipe.filter_map(|(_, arrived)| match arrived {
            Arrived::Message(message) => Some(*message),
            _ => None,
        });
        assert!(got.eq(0..MESSAGES), "pipe {pipe} lost its order, or messages");
    }
}

/// B5: a poll of a link on which nothing has come returns `None` at once, however often: before a
/// sender is started, while one is open and idle, and after it has stopped.
///
/// Typical cause of failure: a blocking read on the foreground's thread.
pub fn b05_poll_never_waits<R: InletRig>() {
    // On a thread of its own, so that a poll that waits is given up.
    let polled = background(|| {
        let mut link = PolledLink::<R>::new();
        let expect_nothing = |link: &mut PolledLink<R>, when: &str| {
            // The preface of a link concerns no pipe.
            while link.poll::<u64>() == Ok(Some(None)) {}
            for _ in 0..3 {
                assert_eq!(link.poll::<u64>(), Ok(None), "{when}");
            }
        };
        let mut sender = link.sender::<u64>(0);
        expect_nothing(&mut link, "before the start");
        sender.start().unwrap();
        sender.send(1).unwrap();
        while link.next::<u64>() != Ok((0, Arrived::Message(1))) {}
        expect_nothing(&mut link, "while the sender is idle");
        sender.stop().unwrap();
        while !matches!(link.next::<u64>(), Ok((0, Arrived::Stopped(_)))) {}
        expect_nothing(&mut link, "after the end");
    });
    polled.join();
}

/// B16: a message that is sent while the link sleeps wakes it, each time: the flag was cleared,
/// the inlet was looked at once more, and nothing was there.
///
/// Typical cause of failure: the waker is pinged before the message is pushed.
pub fn b16_a_message_wakes_a_sleeping_link<R: InletRig>() {
    let mut link = PolledLink::<R>::new();
    let mut sender = link.sender::<u64>(0);
    let (go, may_go) = std::sync::mpsc::channel();
    let worker = background(move || {
        sender.start().unwrap();
        while let Ok(message) = may_go.recv() {
            deliver(&mut sender, message);
        }
    });
    if link.is_claimed() {
        assert!(matches!(link.next::<u64>(), Ok((0, Arrived::Started(..)))));
    }
    for message in 0..500 {
        go.send(message).unwrap();
        assert_eq!(link.next(), Ok((0, Arrived::Message(message))));
    }
    drop(go);
    worker.join();
}

/// B18: a large message comes in bounded pieces, one a poll, however fast it is sent: each poll
/// that takes no more than a part of it says so.
///
/// Typical cause of failure: a loop in `poll` that ends with the message.
///
/// # Panics
///
/// When the rig says that its messages have no length: such a rig excepts this check.
pub fn b18_one_poll_does_bounded_work<R: InletRig>() {
    let Some(bytes) = R::POLL_BYTES else {
        panic!("messages of this transport move as values: except this check");
    };
    const PIECES: usize = 40;
    let mut link = PolledLink::<R>::new();
    let mut sender = link.sender::<Vec<u8>>(0);
    let len = PIECES * bytes;
    let worker = background(move || {
        sender.start().unwrap();
        sender.send(vec![7; len]).unwrap();
        sender.stop().unwrap();
    });
    let mut parts = 0;
    loop {
        match link.poll::<Vec<u8>>() {
            Ok(Some(None)) => parts += 1,
            Ok(Some(Some((_, Arrived::Message(message))))) => {
                assert!(message == vec![7; len], "the message is torn");
                break;
            }
            Ok(Some(Some((_, Arrived::Started(..))))) => {}
            Ok(None) => std::thread::yield_now(),
            other => panic!("{other:?}"),
        }
    }
    worker.join();
    assert!(parts + 1 >= PIECES, "{len} bytes came in {} polls", parts + 1);
}

/// B7: when the inlet is dropped, with what watches its doorbell, `send` gives the message
/// back as `Disconnected`.
///
/// Typical cause of failure: the worker's end keeps the foreground's end alive.
pub fn b07_senders_learn_that_the_inlet_is_gone<R: InletRig>() {
    let link = PolledLink::<R>::new();
    let mut sender = link.sender::<u64>(0);
    sender.start().unwrap();
    sender.send(1).unwrap();
    drop(link);
    let worker = background(move || sender.send(2));
    let error = worker.join().unwrap_err();
    assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Disconnected, 2));
}

/// What a sender dropped under its policy is reported, before the pipe's end: as many
/// messages as the sender counted.
///
/// Typical cause of failure: a count that is sent with the next message, when there is none.
pub fn overflow_what_was_dropped_is_reported<R: InletRig>() {
    let mut link = PolledLink::<R>::new();
    let mut sender = link.sender_with::<u64>(0, Overflow::DropNewest);
    let count = 2 * *R::FIT.end() as u64 + 100;
    let worker = background(move || {
        sender.start().unwrap();
        for message in 0..count {
            sender.send(message).unwrap();
        }
        sender
    });
    // Nothing is polled until all is sent.
    let mut sender = worker.join();
    let dropped = sender.counters().dropped;
    assert!(dropped > 0, "the link has no bound");
    // A stop may wait for room, which the polls make.
    let worker = background(move || sender.stop().unwrap());
    let (mut got, mut missed) = (0, 0);
    loop {
        match link.next::<u64>() {
            Ok((0, Arrived::Started(..))) => {}
            Ok((0, Arrived::Message(_))) => got += 1,
            Ok((0, Arrived::Missed(count))) => missed += count,
            Ok((0, Arrived::Stopped(_))) => break,
            other => panic!("{other:?}"),
        }
    }
    worker.join();
    assert_eq!((missed, got + missed), (dropped, count));
}
