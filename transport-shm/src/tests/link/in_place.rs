//! Messages that are written piece by piece.

use std::thread;

use homing_core::{SendErrorKind, SenderState};

use super::*;
use crate::BytesSender;

fn bytes(factory: &ShmFactory, pipe: u32, overflow: Overflow) -> BytesSender<Vec<u8>> {
    let connection = ConnectionId::from_parts(pipe, 0);
    let ticket = Ticket::new(connection, Nonce::new(u128::from(pipe) + 7));
    factory.worker_end().bytes_sender(ticket.with_overflow(overflow))
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * n + n / 251) as u8).collect()
}

#[test]
fn what_arrives_is_an_ordinary_message() {
    for ring in [4096, 64 * 1024, 1 << 20] {
        let (factory, mut foreground) = link(Shm::new().ring(ring));
        let mut sender = bytes(&factory, 0, Overflow::Wait);
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
        assert_eq!(foreground.next(), Ok(Got::Started(0, 7)));
        for len in lens {
            for piece in pieces {
                if piece == 1 && len > 5000 {
                    continue;
                }
                for _ in 0..2 {
                    let got = foreground.next().unwrap();
                    assert!(got == Got::message(0, &content(len)), "{ring} {len} {piece}");
                }
            }
        }
        assert_eq!(foreground.next(), Ok(Got::Stopped(0, End::Finished)));
        worker.join().unwrap();
    }
}

#[test]
fn what_is_dropped_was_never_sent() {
    let (factory, mut foreground) = link(small());
    let mut sender = bytes(&factory, 0, Overflow::Wait);
    sender.start().unwrap();
    let worker = thread::spawn(move || {
        for n in 0..100 {
            let mut message = sender.reserve(200_000).unwrap();
            message.write(&content(n * 2000)).unwrap();
            if n % 2 == 0 {
                assert_eq!(message.commit(), Err(SendErrorKind::Unencodable));
            }
        }
        assert_eq!(sender.counters().sent, 0);
        sender.send(vec![1]).unwrap();
        let error = sender.reserve(16 << 20).unwrap_err();
        assert_eq!(error, SendErrorKind::TooLarge { len: (16 << 20) + 4, max: 16 << 20 });
    });
    let got = foreground.until_stopped(0);
    let message = Got::message(0, &vec![1u8]);
    assert_eq!(got, [Got::Started(0, 7), message, Got::Stopped(0, End::Finished)]);
    worker.join().unwrap();
}

#[test]
fn nothing_waits_where_nothing_may() {
    for overflow in [Overflow::Wait, Overflow::GiveBack, Overflow::LatestWins] {
        let (factory, mut foreground) = link(small());
        // On the foreground's own thread.
        let mut sender = bytes(&factory, 0, overflow);
        sender.start().unwrap();
        let mut message = sender.reserve(1_000_000).unwrap();
        assert_eq!(message.write(&content(1_000_000)), Err(SendErrorKind::Full));
        assert!(message.commit().is_err());
        assert_eq!(sender.reserve(40_000).unwrap_err(), SendErrorKind::Full);
        assert_eq!(foreground.next(), Ok(Got::Started(0, 7)));
        while foreground.poll().unwrap().is_some() {}
        let mut message = sender.reserve(40_000).unwrap();
        message.write(&content(40_000)).unwrap();
        message.commit().unwrap();
        assert!(foreground.next() == Ok(Got::message(0, &content(40_000))));
    }
}

#[test]
fn a_foreground_that_goes_is_told() {
    let (factory, foreground) = link(small());
    let mut sender = bytes(&factory, 0, Overflow::Wait);
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
