//! Every pipe ends once, after its last message, and neither waits nor starves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;

#[test]
fn the_end_comes_after_the_last_message() {
    for overflow in [Overflow::Wait, Overflow::DropOldest, Overflow::LatestWins] {
        let (factory, mut inlet) = link(8);
        let mut sender = sender(&factory, 3, overflow);
        sender.send(1).unwrap();
        sender.stop().unwrap();
        drop(sender);
        let expected = [Got::Message(3, 1), Got::Stopped(3, End::Finished)];
        assert_eq!(drain(&mut inlet), expected, "{overflow:?}");
    }
}

#[test]
fn a_sender_leaves_a_full_queue_on_the_foregrounds_own_thread() {
    let (factory, mut inlet) = link(2);
    let mut sender = sender(&factory, 0, Overflow::Wait);
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert!(sender.send(3).unwrap_err().is_full());
    drop(sender);
    let expected = [Got::Message(0, 1), Got::Message(0, 2), Got::Stopped(0, End::Dropped)];
    assert_eq!(drain(&mut inlet), expected);
}

#[test]
fn ends_keep_their_places_among_the_messages_of_others() {
    let (factory, mut inlet) = link(8);
    let mut senders: Vec<_> = (0..3).map(|pipe| sender(&factory, pipe, Overflow::Wait)).collect();
    for (n, sender) in senders.iter_mut().enumerate() {
        sender.send(n).unwrap();
    }
    drop(senders.remove(0));
    drop(senders.remove(0));
    senders[0].send(9).unwrap();
    let got = drain(&mut inlet);
    for pipe in [0, 1] {
        let end = got.iter().position(|got| *got == Got::Stopped(pipe, End::Dropped)).unwrap();
        let last = got.iter().position(|got| *got == Got::Message(pipe, pipe as usize)).unwrap();
        assert!(last < end, "{got:?}");
    }
    assert_eq!(got.len(), 6);
}

#[test]
fn a_flood_on_the_same_queue_does_not_starve_the_end() {
    const CAPACITY: usize = 64;
    let (factory, mut inlet) = link(CAPACITY);
    let mut quiet = sender::<u64>(&factory, 0, Overflow::Wait);
    let mut flood = sender::<u64>(&factory, 1, Overflow::GiveBack);
    // The queue is never empty, as it is filled up before each arrival is taken.
    let mut arrivals = 0;
    let mut left = None;
    loop {
        while flood.send(0).is_ok() {}
        match take::<u64>(&mut inlet).unwrap() {
            Some(Got::Message(..)) => arrivals += 1,
            Some(Got::Stopped(0, End::Finished)) => break,
            other => panic!("{other:?}"),
        }
        if arrivals == 100 {
            assert_eq!(quiet.stop(), Ok(()));
            left = Some(arrivals);
        }
        // All that waited, and what else of the turn was left before the end was noticed.
        assert!(left.is_none_or(|left| arrivals <= left + CAPACITY + 32), "the end starves");
    }
}

#[test]
fn a_flood_from_another_thread_does_not_starve_the_end() {
    let (factory, mut inlet) = link(16);
    let done = Arc::new(AtomicBool::new(false));
    let mut flood = sender::<u64>(&factory, 1, Overflow::Wait);
    let flooding = thread::spawn({
        let done = done.clone();
        move || {
            while !done.load(Ordering::Relaxed) && flood.send(0).is_ok() {}
        }
    });
    for pipe in 2..200 {
        let mut quiet = sender::<u64>(&factory, pipe, Overflow::Wait);
        thread::spawn(move || quiet.send(1).unwrap());
        let mut heard = false;
        loop {
            match take::<u64>(&mut inlet).unwrap() {
                Some(Got::Message(1, 0)) | None => {}
                Some(Got::Message(from, 1)) if from == pipe && !heard => heard = true,
                Some(Got::Stopped(from, End::Dropped)) if from == pipe && heard => break,
                other => panic!("{other:?}"),
            }
        }
    }
    done.store(true, Ordering::Relaxed);
    drop(inlet);
    flooding.join().unwrap();
}

#[test]
fn a_panic_is_reported() {
    let (factory, mut inlet) = link(8);
    let mut sender = sender(&factory, 0, Overflow::Wait);
    let worker = thread::spawn(move || {
        sender.send(1).unwrap();
        panic!("index {} of 5", sender.state() as u8 + 6);
    });
    assert!(worker.join().is_err());
    let got = drain(&mut inlet);
    let [Got::Message(0, 1), Got::Stopped(0, End::Panicked(panic))] = got.as_slice() else {
        panic!("{got:?}");
    };
    assert_eq!(panic.message, "index 7 of 5");
    assert!(panic.location.as_str().starts_with(file!()), "{panic}");
}

#[test]
fn a_panic_on_the_foregrounds_own_thread_is_reported() {
    let (factory, mut inlet) = link(8);
    let sender = sender::<u8>(&factory, 0, Overflow::Wait);
    let panicking = AssertUnwindSafe(move || {
        let _sender = sender;
        std::panic::resume_unwind(Box::new("a handler's"));
    });
    assert!(catch_unwind(panicking).is_err());
    assert_eq!(drain::<u8>(&mut inlet), [Got::Stopped(0, End::Panicked(Panic::default()))]);
}

#[test]
fn a_sender_that_was_never_started_is_lost() {
    for overflow in [Overflow::Wait, Overflow::LatestWins] {
        let (factory, mut inlet) = link(8);
        drop(initial::<u8>(&factory, 0, overflow));
        assert_eq!(drain::<u8>(&mut inlet), [Got::Stopped(0, End::Lost(Lost::default()))]);
    }
}
