//! Messages of any size up to the limit.

use std::thread;

use homing_core::SendErrorKind;

use super::*;

/// A message of `len` bytes when encoded.
fn message(len: usize) -> ByteBuf {
    let prefix = match len {
        ..=128 => 1,
        129..=16_385 => 2,
        16_386..=2_097_154 => 3,
        _ => 4,
    };
    ByteBuf::from((0..len - prefix).map(|n| (n * n) as u8).collect::<Vec<u8>>())
}

pub fn any_size_up_to_the_limit_arrives<R: SinkRig>() {
    let limit = 4 << 20;
    let (factory, mut foreground) = R::link(limit);
    let mut sender = sender::<ByteBuf, R::Sink>(&factory, 0, Overflow::Wait);
    let sizes = move || {
        let around = [128, 4072, 4096, 65_536, 65_536 * 2, 1 << 20, limit];
        around.into_iter().flat_map(|len| [len - 1, len, len + 1].into_iter())
    };
    let worker = thread::spawn(move || {
        for len in sizes() {
            let sent = sender.send(message(len));
            if len > limit {
                let error = sent.unwrap_err();
                assert_eq!(error.kind(), SendErrorKind::TooLarge { len, max: limit });
                assert!(error.into_message() == message(len));
            } else {
                sent.unwrap();
            }
        }
    });
    foreground.recv().unwrap();
    for len in sizes().filter(|len| *len <= limit) {
        let got = foreground.recv().unwrap();
        assert!(got == Got::message(0, &message(len)), "{len}");
    }
    assert_eq!(foreground.recv(), Ok(Got::Stopped(0, End::Dropped)));
    worker.join().unwrap();
}

pub fn a_chosen_limit_is_kept<R: SinkRig>() {
    let (factory, mut foreground) = R::link(100);
    let mut sender = sender::<ByteBuf, R::Sink>(&factory, 0, Overflow::Wait);
    sender.send(message(100)).unwrap();
    let error = sender.send(message(101)).unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::TooLarge { len: 101, max: 100 });
    drop(sender);
    assert_eq!(foreground.until_stopped(0).len(), 3);
}

pub fn small_messages_pass_a_large_one<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut large = sender::<ByteBuf, R::Sink>(&factory, 0, Overflow::Wait);
    let mut small = sender::<u8, R::Sink>(&factory, 1, Overflow::Wait);
    let worker = thread::spawn(move || large.send(filled(1, 8 << 20)).unwrap());
    // Only this loop reads, so the large message cannot come to its end before one of
    // the attempts to send a small one in between has had room.
    let mut passed = false;
    loop {
        passed |= small.try_send(0).is_ok();
        foreground.pump();
        match foreground.poll().unwrap() {
            Some(Got::Message(0, bytes)) => break assert_eq!(bytes.len(), (8 << 20) + 4),
            Some(Got::Message(1, _)) => passed = true,
            _ => {}
        }
    }
    assert!(passed);
    worker.join().unwrap();
}

pub fn more_large_messages_than_may_be_on_their_way_take_turns<R: SinkRig>() {
    let (factory, mut foreground) = R::link(300_000);
    let workers: Vec<_> = (0..5)
        .map(|pipe| {
            let mut sender = sender::<ByteBuf, R::Sink>(&factory, pipe, Overflow::Wait);
            thread::spawn(move || {
                for _ in 0..20 {
                    sender.send(filled(pipe as u8, 200_000 + pipe as usize * 20_000)).unwrap();
                }
            })
        })
        .collect();
    drop(factory);
    let (got, end) = foreground.until_end();
    assert_eq!(end, LinkEnd::gone());
    assert_eq!(got.len(), 5 * (20 + 2));
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

pub fn a_large_message_that_finds_no_space_in_the_middle_is_taken_back<R: SinkRig>() {
    let (factory, mut foreground) = R::link(300_000);
    let mut sender = sender::<ByteBuf, R::Sink>(&factory, 0, Overflow::GiveBack);
    for _ in 0..100 {
        let error = sender.send(filled(3, 200_000)).unwrap_err();
        assert!(error.is_full());
        assert_eq!(error.into_message().len(), 200_000);
        foreground.pump();
        while let Some(got) = foreground.poll().unwrap() {
            assert_eq!(got, Got::started(0));
        }
    }
    // The budget of messages in fragments was released each time, at both ends.
    while let Err(error) = sender.send(filled(4, 10_000)) {
        // What was taken back is still on its way.
        assert!(error.is_full());
        foreground.pump();
        while let Some(got) = foreground.poll().unwrap() {
            assert_eq!(got, Got::started(0));
        }
    }
    sender.stop().unwrap();
    let got = foreground.until_stopped(0);
    assert_eq!(got, [Got::message(0, &filled(4, 10_000)), Got::Stopped(0, End::Finished)]);
}
