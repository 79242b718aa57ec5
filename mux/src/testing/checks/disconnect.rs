//! When the foreground is gone, senders learn it at once.

use std::thread;

use homing_core::{SendErrorKind, SenderError};

use super::*;

const ALL: [Overflow; 5] = [
    Overflow::Wait,
    Overflow::GiveBack,
    Overflow::DropNewest,
    Overflow::DropOldest,
    Overflow::LatestWins,
];

pub fn every_policy_gives_the_message_back<R: SinkRig>() {
    for overflow in ALL {
        for len in [1, 10_000, 200_000] {
            let (factory, foreground) = R::link(DEFAULT_LIMIT);
            let mut open = sender::<ByteBuf, R::Sink>(&factory, 0, overflow);
            let mut initial = initial::<u8, R::Sink>(&factory, 1, overflow);
            foreground.hang_up();
            let error = open.send(filled(2, len)).unwrap_err();
            assert_eq!(error.kind(), SendErrorKind::Disconnected, "{overflow:?}");
            assert_eq!(error.into_message(), filled(2, len), "{overflow:?}");
            let error = open.try_send(filled(2, len)).unwrap_err();
            assert_eq!(error.kind(), SendErrorKind::Disconnected, "{overflow:?}");
            assert_eq!(open.stop(), Ok(()), "{overflow:?}");
            assert_eq!(initial.start(), Err(SenderError::Disconnected), "{overflow:?}");
        }
    }
}

pub fn queued_messages_are_no_reason_to_wait_for_a_peer_that_is_gone<R: SinkRig>() {
    for overflow in [Overflow::DropOldest, Overflow::LatestWins] {
        let (factory, foreground) = R::link(DEFAULT_LIMIT);
        let mut sender = sender::<u8, R::Sink>(&factory, 0, overflow);
        let _full = fill(&factory);
        sender.send(1).unwrap();
        let worker = thread::spawn(move || sender.stop());
        thread::sleep(Duration::from_millis(20));
        foreground.hang_up();
        assert_eq!(worker.join().unwrap(), Ok(()));
    }
}

pub fn a_sender_that_waits_gets_the_message_back<R: SinkRig>() {
    for len in [1, 10_000, 200_000] {
        let (factory, foreground) = R::link(200_010);
        let _full = fill(&factory);
        let workers: Vec<_> = (0..3)
            .map(|pipe| {
                let mut sender = initial::<ByteBuf, R::Sink>(&factory, pipe, Overflow::Wait);
                thread::spawn(move || match sender.start() {
                    Ok(()) => loop {
                        if let Err(error) = sender.send(filled(2, len)) {
                            return Some(error);
                        }
                    },
                    Err(SenderError::Disconnected) => None,
                    Err(other) => panic!("{other}"),
                })
            })
            .collect();
        // Most likely they wait by now; if not, the test says less, but nothing wrong.
        thread::sleep(Duration::from_millis(20));
        foreground.hang_up();
        for worker in workers {
            if let Some(error) = worker.join().unwrap() {
                assert_eq!(error.kind(), SendErrorKind::Disconnected);
                assert_eq!(error.into_message(), filled(2, len));
            }
        }
    }
}

/// For links with a doorbell, whose inlets are filled by what watches it. Not in the suite.
pub fn a_pump_that_goes_without_a_word_has_broken_the_link<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let _sender = sender::<u8, R::Sink>(&factory, 0, Overflow::Wait);
    foreground.pump();
    foreground.unwatch();
    assert_eq!(foreground.recv(), Ok(Got::started(0)));
    assert_eq!(foreground.recv(), Err(LinkEnd::Refused(homing_core::ProtocolError::Broken)));
}

pub fn a_foreground_that_goes_at_any_moment_blocks_no_sender<R: SinkRig>() {
    for round in 0..20 {
        let (factory, mut foreground) = R::link(200_010);
        let workers: Vec<_> = (0..10)
            .map(|pipe| {
                let overflow = ALL[pipe % ALL.len()];
                let mut sender = initial::<ByteBuf, R::Sink>(&factory, pipe as u32, overflow);
                thread::spawn(move || {
                    if sender.start().is_err() {
                        return;
                    }
                    for n in pipe.. {
                        let message = filled(0, [1, 200, 9000, 80_000, 200_000][n % 5]);
                        let sent = match n % 7 {
                            0 => sender.send_all([message.clone(), message]),
                            1 => sender.try_send(message),
                            _ => sender.send(message),
                        };
                        match sent {
                            Err(error) if error.is_disconnected() => return,
                            Err(error) => assert!(error.is_full()),
                            Ok(()) => {}
                        }
                    }
                })
            })
            .collect();
        for _ in 0..round * 10 {
            foreground.recv().unwrap();
        }
        foreground.hang_up();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    }
}
