//! Messages that are written piece by piece.

use std::thread;

use homing_core::{EncodeError, SendErrorKind, SenderState};

use super::*;
use crate::{MuxFactory, MuxOutlet, ReservingSender};

fn bytes<R: SinkRig>(
    factory: &MuxFactory<R::Sink>,
    overflow: Overflow,
) -> ReservingSender<Vec<u8>, MuxOutlet<R::Sink>> {
    factory.handle().reserving_sender(ticket(0, overflow))
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * n + n / 251) as u8).collect()
}

pub fn what_arrives_is_an_ordinary_message<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = bytes::<R>(&factory, Overflow::Wait);
    assert_eq!(sender.reserve(1).unwrap_err(), SendErrorKind::NotOpen(SenderState::Initial),);
    sender.start().unwrap();
    let lens = [0, 1, 127, 128, 4090, 4094, 4095, 4096, 5000, 70_000, 300_000];
    let pieces = [1, 7, 4096, 5000, usize::MAX];
    let worker = thread::spawn(move || {
        let mut sent = 0;
        for len in lens {
            for piece in pieces {
                if piece == 1 && len > 5000 {
                    continue;
                }
                let content = content(len);
                let mut message = sender.reserve(len).unwrap();
                for piece in content.chunks(piece) {
                    message.write(piece).unwrap();
                }
                assert_eq!(message.missing(), 0);
                message.write(&[]).unwrap();
                assert!(message.write(&[1]).is_err());
                message.commit().unwrap();
                sender.send(content).unwrap();
                sent += 2;
                assert_eq!(sender.counters().sent, sent);
            }
        }
    });
    assert_eq!(foreground.recv(), Ok(Got::started(0)));
    for len in lens {
        for piece in pieces {
            if piece == 1 && len > 5000 {
                continue;
            }
            for _ in 0..2 {
                let got = foreground.recv().unwrap();
                assert!(got == Got::message(0, &content(len)), "{len} {piece}");
            }
        }
    }
    assert_eq!(foreground.recv(), Ok(Got::Stopped(0, End::Dropped)));
    worker.join().unwrap();
}

pub fn a_message_that_is_dropped_was_never_sent<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = bytes::<R>(&factory, Overflow::Wait);
    sender.start().unwrap();
    let worker = thread::spawn(move || {
        for n in 0..100 {
            let mut message = sender.reserve(200_000).unwrap();
            message.write(&content(n * 2000)).unwrap();
            if n % 2 == 0 {
                assert_eq!(message.commit(), Err(EncodeError::Incomplete.into()));
            }
        }
        assert_eq!(sender.counters().sent, 0);
        sender.send(vec![1]).unwrap();
        let error = sender.reserve(16 << 20).unwrap_err();
        assert_eq!(error, SendErrorKind::TooLarge { len: (16 << 20) + 4, max: 16 << 20 });
    });
    let got = foreground.until_stopped(0);
    let message = Got::message(0, &vec![1u8]);
    assert_eq!(got, [Got::started(0), message, Got::Stopped(0, End::Dropped)]);
    worker.join().unwrap();
}

pub fn nothing_waits_where_nothing_may<R: SinkRig>() {
    for overflow in [Overflow::Wait, Overflow::GiveBack, Overflow::LatestWins] {
        let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
        // On the foreground's own thread.
        let mut sender = bytes::<R>(&factory, overflow);
        sender.start().unwrap();
        let mut message = sender.reserve(1_000_000).unwrap();
        assert_eq!(message.write(&content(1_000_000)), Err(SendErrorKind::Full));
        assert!(message.commit().is_err());
        // Refused at once, or with its first bytes.
        let again = sender.reserve(40_000).and_then(|mut message| message.write(&content(40_000)));
        assert_eq!(again, Err(SendErrorKind::Full));
        assert_eq!(foreground.recv(), Ok(Got::started(0)));
        while foreground.poll().unwrap().is_some() {}
        let mut message = sender.reserve(40_000).unwrap();
        message.write(&content(40_000)).unwrap();
        message.commit().unwrap();
        assert!(foreground.recv() == Ok(Got::message(0, &content(40_000))));
    }
}

pub fn a_foreground_that_goes_is_told<R: SinkRig>() {
    let (factory, foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = bytes::<R>(&factory, Overflow::Wait);
    sender.start().unwrap();
    let worker = thread::spawn(move || {
        let mut message = sender.reserve(1_000_000).unwrap();
        assert_eq!(message.write(&content(1_000_000)), Err(SendErrorKind::Disconnected));
        assert_eq!(message.commit(), Err(SendErrorKind::Disconnected));
        assert_eq!(sender.reserve(1).unwrap_err(), SendErrorKind::Disconnected);
    });
    thread::sleep(Duration::from_millis(20));
    foreground.hang_up();
    worker.join().unwrap();
}
