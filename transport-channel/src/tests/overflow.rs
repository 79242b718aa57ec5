//! What becomes of a message for which there is no room, and how it is counted.

use std::thread;

use homing_core::{SendErrorKind, SenderCounters};

use super::*;

const POLICIES: [Overflow; 5] = [
    Overflow::Wait,
    Overflow::GiveBack,
    Overflow::DropNewest,
    Overflow::DropOldest,
    Overflow::LatestWins,
];

#[test]
fn every_policy_on_a_full_queue() {
    use Overflow::*;
    // The policy, what arrives of 1..=5 where 3 may wait, what was sent and dropped.
    let cases: [(Overflow, &[u8], u64, u64); 5] = [
        (Wait, &[1, 2, 3], 3, 0), // this is the foreground's own thread
        (GiveBack, &[1, 2, 3], 3, 0),
        (DropNewest, &[1, 2, 3], 5, 2),
        (DropOldest, &[3, 4, 5], 5, 2),
        (LatestWins, &[5], 5, 4),
    ];
    for (overflow, arrives, sent, dropped) in cases {
        let (factory, mut inlet) = link(3);
        let mut sender = sender::<u8>(&factory, 0, overflow);
        for n in 1..=5 {
            match sender.send(n) {
                Ok(()) => {}
                Err(error) => {
                    assert_eq!(error.kind(), SendErrorKind::Full, "{overflow:?}");
                    assert_eq!(error.into_message(), n, "{overflow:?}");
                }
            }
        }
        let counters = sender.counters();
        assert_eq!((counters.sent, counters.dropped), (sent, dropped), "{overflow:?}");
        drop(sender);

        let mut expected: Vec<_> = arrives.iter().map(|n| Got::Message(0, *n)).collect();
        if dropped > 0 {
            expected.push(Got::Missed(0, dropped));
        }
        expected.push(Got::Stopped(0, End::Dropped));
        assert_eq!(drain(&mut inlet), expected, "{overflow:?}");
    }
}

#[test]
fn without_patience_nothing_waits() {
    for overflow in [Overflow::Wait, Overflow::GiveBack] {
        let (factory, _inlet) = link(1);
        let mut sender = sender::<u8>(&factory, 0, overflow);
        let worker = thread::spawn(move || {
            sender.try_send(1).unwrap();
            sender.try_send(2).unwrap_err()
        });
        let error = worker.join().unwrap();
        assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Full, 2));
    }
}

#[test]
fn a_waiting_sender_goes_on_when_there_is_room() {
    let (factory, mut inlet) = link(1);
    let mut sender = sender::<u32>(&factory, 0, Overflow::Wait);
    let worker = thread::spawn(move || (0..100).for_each(|n| sender.send(n).unwrap()));
    let mut next = 0;
    loop {
        match take::<u32>(&mut inlet).unwrap() {
            Some(Got::Message(0, n)) => {
                assert_eq!(n, next);
                next += 1;
            }
            Some(Got::Stopped(0, End::Dropped)) => break,
            Some(other) => panic!("{other:?}"),
            // Long enough for the sender to fall asleep now and then.
            None => thread::sleep(std::time::Duration::from_micros(50)),
        }
    }
    assert_eq!(next, 100);
    worker.join().unwrap();
}

#[test]
fn what_is_dropped_while_the_foreground_takes_is_counted_once() {
    const MESSAGES: u64 = 100_000;
    for overflow in [Overflow::DropNewest, Overflow::DropOldest, Overflow::LatestWins] {
        let (factory, mut inlet) = link(4);
        let mut sender = sender::<u64>(&factory, 0, overflow);
        let worker = thread::spawn(move || {
            (0..MESSAGES).for_each(|n| sender.send(n).unwrap());
            sender.counters()
        });
        let (mut arrived, mut missed, mut last) = (0, 0, None);
        loop {
            match take(&mut inlet).unwrap() {
                Some(Got::Message(0, n)) => {
                    assert!(last < Some(n), "{overflow:?}");
                    (arrived, last) = (arrived + 1, Some(n));
                }
                Some(Got::Missed(0, count)) => missed += count,
                Some(Got::Stopped(0, End::Dropped)) => break,
                Some(other) => panic!("{other:?}"),
                None => thread::yield_now(),
            }
        }
        assert_eq!(arrived + missed, MESSAGES, "{overflow:?}");
        if overflow != Overflow::DropNewest {
            assert_eq!(last, Some(MESSAGES - 1), "{overflow:?}: the newest always arrives");
        }
        let SenderCounters { sent, dropped, .. } = worker.join().unwrap();
        assert_eq!((sent, dropped), (MESSAGES, missed), "{overflow:?}");
    }
}

#[test]
fn a_private_queue_is_full_with_its_own_messages_only() {
    let (factory, mut inlet) = link(2);
    let mut shared = sender::<u8>(&factory, 0, Overflow::Wait);
    let mut own = sender::<u8>(&factory, 1, Overflow::DropOldest);
    shared.send(1).unwrap();
    shared.send(2).unwrap();
    own.send(3).unwrap();
    own.send(4).unwrap();
    assert_eq!(own.counters().dropped, 0);
    assert_eq!(drain::<u8>(&mut inlet).len(), 4);
}

#[test]
fn a_queue_of_its_own_goes_with_its_pipe() {
    let (factory, mut inlet) = link(2);
    for pipe in 0..1000 {
        sender::<u8>(&factory, pipe, Overflow::LatestWins).send(1).unwrap();
        assert_eq!(
            drain::<u8>(&mut inlet),
            [Got::Message(pipe, 1), Got::Stopped(pipe, End::Dropped)]
        );
    }
    assert!(format!("{inlet:?}").contains("queues: 1,"), "{inlet:?}");
}

#[test]
fn an_idle_pipe_costs_little_beside_its_queue() {
    assert!(size_of::<Sender<[u8; 1024]>>() <= 256);
    for overflow in POLICIES {
        let (factory, mut inlet) = link(2);
        let senders: Vec<Sender<u8>> =
            (0..100).map(|pipe| sender(&factory, pipe, overflow)).collect();
        assert_eq!(drain::<u8>(&mut inlet), []);
        drop(senders);
        assert_eq!(drain::<u8>(&mut inlet).len(), 100, "{overflow:?}");
    }
}
