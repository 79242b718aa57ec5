//! Many messages at once.

use std::cell::RefCell;
use std::thread;

use homing_core::{EncodeError, SendErrorKind};
use serde::{Deserialize, Serialize, Serializer};

use super::*;

pub fn all_arrive_in_order_among_those_of_others<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let workers: Vec<_> = (0..3u32)
        .map(|pipe| {
            let mut sender = sender::<(u32, ByteBuf), R::Sink>(&factory, pipe, Overflow::Wait);
            let lens = |n: u32| match n % 1000 {
                0 => 100_000,
                1..5 => 5000,
                _ => n as usize % 200,
            };
            thread::spawn(move || {
                sender.send_all((0..20_000u32).map(|n| (n, filled(7, lens(n))))).unwrap();
                assert_eq!(sender.counters().sent, 20_000);
            })
        })
        .collect();
    drop(factory);
    let mut next = [0u32; 3];
    let (got, end) = foreground.until_end();
    assert_eq!(end, LinkEnd::gone());
    for got in got {
        if let Got::Message(pipe, bytes) = got {
            let n = &mut next[pipe as usize];
            let lens = match *n % 1000 {
                0 => 100_000,
                1..5 => 5000,
                _ => *n as usize % 200,
            };
            assert!(Got::Message(pipe, bytes) == Got::message(pipe, &(*n, filled(7, lens))));
            *n += 1;
        }
    }
    assert_eq!(next, [20_000; 3]);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

/// Cannot be encoded when it is 13.
#[derive(Debug, Deserialize, PartialEq)]
struct Unlucky(u32);

impl Serialize for Unlucky {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            13 => Err(serde::ser::Error::custom("13")),
            n => serializer.serialize_u32(n),
        }
    }
}

pub fn what_cannot_be_sent_comes_back_after_all_before_it<R: SinkRig>() {
    let (factory, mut foreground) = R::link(4);
    let mut unlucky = sender::<Unlucky, R::Sink>(&factory, 0, Overflow::Wait);
    let mut long = sender::<ByteBuf, R::Sink>(&factory, 1, Overflow::Wait);
    thread::spawn(move || {
        let mut all = (0..20).map(Unlucky);
        let error = unlucky.send_all(&mut all).unwrap_err();
        assert_eq!(error.kind(), EncodeError::Refused.into());
        assert_eq!(error.into_message(), Unlucky(13));
        assert_eq!(unlucky.counters().sent, 13);
        unlucky.send_all(&mut all).unwrap();
        assert_eq!(unlucky.counters().sent, 19);
        let error = long.send_all([filled(1, 1), filled(2, 4), filled(3, 1)]).unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::TooLarge { len: 5, max: 4 });
        assert_eq!(error.into_message(), filled(2, 4));
        assert_eq!(long.counters().sent, 1);
    })
    .join()
    .unwrap();
    let mut got = foreground.until_stopped(1);
    got.retain(|got| matches!(got, Got::Message(..)));
    let mut expected: Vec<_> =
        (0..20).filter(|n| *n != 13).map(|n: u32| Got::message(0, &n)).collect();
    expected.push(Got::message(1, &vec![1u8]));
    assert_eq!(got, expected);
}

pub fn a_foreground_that_goes_is_told_once_and_counted_right<R: SinkRig>() {
    let (factory, foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<u64, R::Sink>(&factory, 0, Overflow::Wait);
    let worker = thread::spawn(move || {
        let mut numbers = 0..;
        let error = sender.send_all(&mut numbers).unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::Disconnected);
        // Nothing that the iterator still has was taken.
        assert_eq!(numbers.next(), Some(error.into_message() + 1));
        let sent = sender.counters().sent;
        assert!(sent < numbers.start);
        assert!(sender.send_all([1]).unwrap_err().is_disconnected());
        assert_eq!(sender.counters().sent, sent);
        sent
    });
    thread::sleep(Duration::from_millis(20));
    foreground.hang_up();
    worker.join().unwrap();
}

pub fn what_was_taken_before_a_panic_arrives<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<u8, R::Sink>(&factory, 0, Overflow::Wait);
    let worker = thread::spawn(move || {
        sender.send_all((0..5).inspect(|n| {
            if *n == 3 {
                std::panic::resume_unwind(Box::new("an iterator's"));
            }
        }))
    });
    assert!(worker.join().is_err());
    let mut expected = vec![Got::started(0)];
    expected.extend((0..3u8).map(|n| Got::message(0, &n)));
    expected.push(Got::Stopped(0, End::Panicked(homing_core::Panic::default())));
    assert_eq!(foreground.until_stopped(0), expected);
}

pub fn a_message_may_send_another_while_it_is_encoded<R: SinkRig>() {
    thread_local! {
        static OTHER: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
    }
    #[derive(Deserialize)]
    struct Nested(u8);
    impl Serialize for Nested {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            OTHER.with_borrow_mut(|send| send.as_mut().unwrap()());
            serializer.serialize_u8(self.0)
        }
    }
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut inner = sender::<u8, R::Sink>(&factory, 1, Overflow::Wait);
    OTHER.set(Some(Box::new(move || inner.send(9).unwrap())));
    let mut outer = sender::<Nested, R::Sink>(&factory, 0, Overflow::Wait);
    outer.send(Nested(1)).unwrap();
    drop(outer);
    let got = foreground.until_stopped(0);
    assert_eq!(got[2..4], [Got::message(1, &9u8), Got::message(0, &1u8)]);
    OTHER.set(None);
}
