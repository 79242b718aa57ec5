//! Senders that tasks use.

use std::thread;

use homing_core::{Reply, SendErrorKind};

use super::*;
use crate::testing::MOMENT;
use crate::testing::task::{block_on, poll_at_most};

/// Lengths of messages: short, of a frame, of some, and longer than any link of the suite.
const LENS: [usize; 6] = [0, 100, 5_000, 40_000, 200_000, 2 << 20];

fn message(number: usize) -> Vec<u8> {
    let mut message = vec![number as u8; 8 + LENS[number % LENS.len()]];
    message[..8].copy_from_slice(&number.to_le_bytes());
    message
}

pub fn a_task_sends_messages_of_any_size_in_order<R: SinkRig>() {
    const COUNT: usize = 24;
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<Vec<u8>, R::Sink>(&factory, 0, Overflow::Wait);
    let worker = thread::spawn(move || {
        block_on(async {
            for number in 0..COUNT {
                sender.send_async(message(number)).await.unwrap();
            }
            assert_eq!(sender.counters().sent, COUNT as u64);
            sender.stop_async().await.unwrap();
        });
    });
    assert_eq!(foreground.recv(), Ok(Got::started(0)));
    for number in 0..COUNT {
        assert!(foreground.recv().unwrap() == Got::message(0, &message(number)), "{number}");
    }
    assert_eq!(foreground.recv(), Ok(Got::Stopped(0, End::Finished)));
    worker.join().unwrap();
}

/// Those that block and those that do not come to their turn beside each other.
pub fn tasks_and_threads_share_a_link<R: SinkRig>() {
    const COUNT: usize = 12;
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let workers: Vec<_> = (0..4)
        .map(|pipe| {
            let mut sender = sender::<Vec<u8>, R::Sink>(&factory, pipe, Overflow::Wait);
            thread::spawn(move || {
                for number in 0..COUNT {
                    match pipe % 2 {
                        0 => sender.send(message(number)).unwrap(),
                        _ => block_on(sender.send_async(message(number))).unwrap(),
                    }
                }
                sender.stop().unwrap();
            })
        })
        .collect();
    drop(factory);
    let (got, end) = foreground.until_end();
    assert_eq!(end, LinkEnd::gone());
    for pipe in 0..4 {
        let mut of_pipe =
            got.iter().filter(|got| matches!(got, Got::Message(..)) && got.pipe() == pipe);
        for number in 0..COUNT {
            assert!(of_pipe.next() == Some(&Got::message(pipe, &message(number))), "{number}");
        }
    }
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

/// What a future that is dropped leaves is a whole message or none, and the counters say which.
pub fn a_dropped_future_tears_nothing<R: SinkRig>() {
    const COUNT: usize = 120;
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<Vec<u8>, R::Sink>(&factory, 0, Overflow::Wait);
    let worker = thread::spawn(move || {
        let mut sent = Vec::new();
        for number in 0..COUNT {
            let before = sender.counters().sent;
            let polls = 1 + number * 7 % 3;
            let put = poll_at_most(polls, sender.send_async(message(number)));
            if sender.counters().sent > before {
                sent.push(number);
            } else {
                assert!(put.is_none());
            }
            if number % 20 == 0 {
                sender.send(message(number)).unwrap();
                sent.push(number);
            }
        }
        sender.stop().unwrap();
        sent
    });
    let got = foreground.until_stopped(0);
    let sent = worker.join().unwrap();
    assert_eq!(got.len(), sent.len() + 2);
    for (number, got) in sent.iter().zip(&got[1..]) {
        assert!(*got == Got::message(0, &message(*number)), "{number}");
    }
}

/// A future that is neither finished nor dropped has its message sent, and no later one overtakes.
pub fn a_leaked_future_keeps_the_order<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<Vec<u8>, R::Sink>(&factory, 0, Overflow::Wait);
    let full = fill(&factory);
    let mut leaked = Box::pin(sender.send_async(message(5)));
    let waker = std::task::Waker::noop();
    let polled = leaked.as_mut().poll(&mut std::task::Context::from_waker(waker));
    assert!(polled.is_pending());
    std::mem::forget(leaked);
    let worker = thread::spawn(move || {
        if let Err(error) = sender.try_send(message(1)) {
            assert!(error.is_full());
            sender.send(message(1)).unwrap();
        }
        block_on(sender.send_async(message(2))).unwrap();
        sender.stop().unwrap();
    });
    let got: Vec<_> =
        foreground.until_stopped(0).into_iter().filter(|got| got.pipe() == 0).collect();
    assert_eq!(got.len(), 5);
    for (number, got) in [5, 1, 2].into_iter().zip(&got[1..]) {
        assert!(*got == Got::message(0, &message(number)), "{number}");
    }
    worker.join().unwrap();
    drop(full);
}

/// Nothing blocks the thread that must not wait, while its task does.
pub fn a_task_of_the_foreground_waits<R: SinkRig>() {
    for number in 0..LENS.len() {
        let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
        let mut sender = sender::<Vec<u8>, R::Sink>(&factory, 0, Overflow::Wait);
        let full = fill(&factory);
        let mut sending = Box::pin(sender.send_async(message(number)));
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        assert!(sending.as_mut().poll(&mut context).is_pending(), "{number}");
        loop {
            let got = foreground.recv().unwrap();
            if matches!(got, Got::Message(0, _)) {
                break assert!(got == Got::message(0, &message(number)), "{number}");
            }
        }
        while sending.as_mut().poll(&mut context).is_pending() {
            thread::yield_now();
        }
        drop((sending, full));
    }
}

pub fn a_task_that_waits_learns_that_the_peer_is_gone<R: SinkRig>() {
    for number in 0..LENS.len() {
        let (factory, foreground) = R::link(DEFAULT_LIMIT);
        let _full = fill(&factory);
        let mut sender = sender::<Vec<u8>, R::Sink>(&factory, 0, Overflow::Wait);
        let worker = thread::spawn(move || {
            let error = block_on(async {
                loop {
                    if let Err(error) = sender.send_async(message(number)).await {
                        return error;
                    }
                }
            });
            assert_eq!(block_on(sender.stop_async()), Ok(()));
            error
        });
        thread::sleep(MOMENT);
        foreground.hang_up();
        let error = worker.join().unwrap();
        assert_eq!(error.kind(), SendErrorKind::Disconnected);
        assert!(error.into_message() == message(number));
    }
}

/// A sender that has found no space is ready when there is some, and one that has not is at once.
pub fn ready_waits_for_space<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<Vec<u8>, R::Sink>(&factory, 0, Overflow::Wait);
    block_on(sender.ready());
    let full = fill(&factory);
    assert!(sender.try_send(message(0)).unwrap_err().is_full());
    assert_eq!(poll_at_most(1, sender.ready()), None);
    let worker = thread::spawn(move || {
        block_on(async {
            loop {
                sender.ready().await;
                match sender.try_send(message(0)) {
                    Ok(()) => return sender.stop_async().await.unwrap(),
                    Err(error) => assert!(error.is_full()),
                }
            }
        });
    });
    let got = foreground.until_stopped(0);
    assert!(got.contains(&Got::message(0, &message(0))));
    worker.join().unwrap();
    drop(full);
    // Nor does a peer that is gone keep a task.
    let mut sender = super::sender::<Vec<u8>, R::Sink>(&factory, 1, Overflow::Wait);
    let full = fill(&factory);
    assert!(sender.try_send(message(0)).unwrap_err().is_full());
    let worker = thread::spawn(move || block_on(sender.ready()));
    thread::sleep(MOMENT);
    foreground.hang_up();
    worker.join().unwrap();
    drop(full);
}

/// Also when the future that has ended the pipe is dropped.
pub fn an_end_is_told_although_its_task_did_not_wait<R: SinkRig>() {
    for overflow in [Overflow::Wait, Overflow::DropOldest] {
        let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
        let mut sender = sender::<Vec<u8>, R::Sink>(&factory, 0, overflow);
        let full = fill(&factory);
        if overflow.is_lossy() {
            block_on(sender.send_async(message(1))).unwrap();
        }
        assert_eq!(poll_at_most(1, sender.stop_async()), None);
        drop(sender);
        let got = foreground.until_stopped(0);
        assert_eq!(got.last(), Some(&Got::Stopped(0, End::Finished)));
        drop(full);
    }
}

/// Under a policy that drops messages a task does not wait, but for the answer to a question, which
/// is not dropped.
pub fn an_answer_waits_behind_messages<R: SinkRig>() {
    for len in [10, 300_000] {
        let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
        let mut sender = sender::<Vec<u8>, R::Sink>(&factory, 0, Overflow::LatestWins);
        let full = fill(&factory);
        block_on(sender.send_async(message(1))).unwrap();
        let answer = "x".repeat(len);
        let reply = Reply::new(7);
        assert!(poll_at_most(1, sender.answer_async(reply, answer.clone())).is_none());
        block_on(sender.send_async(message(7))).unwrap();
        let worker = thread::spawn(move || block_on(sender.stop_async()).unwrap());
        let got = foreground.until_stopped(0);
        let encoded = postcard::to_allocvec(&answer).unwrap();
        assert_eq!(got.iter().filter(|got| **got == Got::Answer(0, 7, encoded.clone())).count(), 1);
        assert!(got.contains(&Got::message(0, &message(7))));
        worker.join().unwrap();
        drop(full);
    }
}
