//! When the foreground is gone, senders learn it at once.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use homing_core::{SendErrorKind, SenderError};

use super::*;

/// Says when it is dropped.
struct Watched(Arc<AtomicUsize>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn every_policy_gives_the_message_back() {
    use Overflow::*;
    for overflow in [Wait, GiveBack, DropNewest, DropOldest, LatestWins] {
        // Once with a queue that the inlet knows, once with one that it never heard of.
        for known in [true, false] {
            let (factory, mut inlet) = link(2);
            let mut open = sender::<u8>(&factory, 0, overflow);
            let mut initial = initial::<u8>(&factory, 1, overflow);
            open.send(1).unwrap();
            if known {
                assert_eq!(drain::<u8>(&mut inlet), [Got::Message(0, 1)]);
            }
            drop(inlet);
            let error = open.send(2).unwrap_err();
            assert_eq!(error.kind(), SendErrorKind::Disconnected, "{overflow:?}");
            assert_eq!(error.into_message(), 2, "{overflow:?}");
            assert_eq!(open.stop(), Ok(()), "{overflow:?}");
            assert_eq!(initial.start(), Err(SenderError::Disconnected), "{overflow:?}");
        }
    }
}

#[test]
fn a_waiting_sender_gets_its_message_back() {
    let (factory, inlet) = link(1);
    let mut sender = sender::<u8>(&factory, 0, Overflow::Wait);
    let worker = thread::spawn(move || {
        sender.send(1).unwrap();
        sender.send(2).unwrap_err()
    });
    // Most likely it waits by now; if it does not, the test says less, but nothing wrong.
    thread::sleep(Duration::from_millis(20));
    drop(inlet);
    let error = worker.join().unwrap();
    assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Disconnected, 2));
}

#[test]
fn a_road_outlives_its_inlet() {
    let (factory, inlet) = link(1);
    drop(inlet);
    for overflow in [Overflow::Wait, Overflow::LatestWins] {
        assert_eq!(
            initial::<u8>(&factory, 0, overflow).start(),
            Err(SenderError::Disconnected),
            "{overflow:?}"
        );
    }
}

#[test]
fn what_waits_is_dropped_with_the_inlet() {
    use Overflow::*;
    for overflow in [Wait, DropOldest, LatestWins] {
        for known in [true, false] {
            let dropped = Arc::new(AtomicUsize::new(0));
            let (factory, mut inlet) = link(4);
            let mut sender = sender(&factory, 0, overflow);
            if known {
                assert!(matches!(inlet.poll(), Ok(None)));
            }
            sender.send(Watched(dropped.clone())).unwrap();
            drop(inlet);
            assert_eq!(dropped.load(Ordering::SeqCst), 1, "{overflow:?}");
            drop((factory, sender));
            assert_eq!(dropped.load(Ordering::SeqCst), 1, "{overflow:?}");
        }
    }
}

/// A worker that waits for the answer to a message learns that none will come.
#[test]
fn a_worker_that_waits_for_an_answer_is_released() {
    let (factory, inlet) = link(4);
    let mut sender = sender::<mpsc::Sender<u8>>(&factory, 0, Overflow::Wait);
    let (sent, was_sent) = mpsc::channel();
    let worker = thread::spawn(move || {
        let (reply, answer) = mpsc::channel();
        sender.send(reply).unwrap();
        sent.send(()).unwrap();
        answer.recv_timeout(Duration::from_secs(60))
    });
    was_sent.recv().unwrap();
    drop(inlet);
    assert_eq!(worker.join().unwrap(), Err(mpsc::RecvTimeoutError::Disconnected));
}
