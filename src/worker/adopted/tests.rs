//! Tasks on a registered transport.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::pin::pin;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::Waker;

use homing_core::{ConnectionId, Nonce, Sender};
use homing_process::EncodedOutlet;

use super::*;

/// A transport that holds one message. The end of its pipe is an empty one.
struct One(SyncSender<Vec<u8>>);

struct Link(Mutex<Option<One>>);

impl AdoptedLink for Link {
    fn outlet(&self, _: Ticket<()>) -> Box<dyn EncodedOutlet> {
        Box::new(self.0.lock().unwrap().take().unwrap())
    }
}

impl EncodedOutlet for One {
    fn open(&mut self) -> Result<(), Disconnected> {
        Ok(())
    }

    fn put(&mut self, encoded: &[u8], blocking: Blocking) -> Result<u64, SendErrorKind> {
        let message = encoded.to_vec();
        let put = match blocking {
            Blocking::Allowed => self.0.send(message).map_err(|_| SendErrorKind::Disconnected),
            Blocking::Never => self.0.try_send(message).map_err(|error| match error {
                TrySendError::Full(_) => SendErrorKind::Full,
                TrySendError::Disconnected(_) => SendErrorKind::Disconnected,
            }),
        };
        put.map(|()| 0)
    }

    fn close(&mut self, _: CloseReason) -> Result<(), Disconnected> {
        self.0.send(Vec::new()).map_err(|_| Disconnected)
    }
}

fn pipe() -> (Sender<u8, AdoptedOutlet>, Receiver<Vec<u8>>) {
    let (one, got) = sync_channel(1);
    let link = Arc::new(Link(Mutex::new(Some(One(one)))));
    let link = Adopted { link, limit: 100, depth: 8, guard: ForkGuard::new() };
    let ticket = Ticket::<u8>::new(ConnectionId::from_parts(0, 0), Nonce::new(0));
    let mut sender = Sender::new(ticket.connection(), link.outlet(ticket));
    sender.start().unwrap();
    (sender, got)
}

/// Polls a future once, and drops it.
fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn a_task_waits_for_room() {
    let (mut sender, got) = pipe();
    let worker = std::thread::spawn(move || {
        smol::block_on(async {
            for number in 0..100 {
                sender.send_async(number).await.unwrap();
            }
            sender.stop_async().await.unwrap();
        });
    });
    for number in 0..100 {
        assert_eq!(got.recv().unwrap(), [number]);
    }
    assert_eq!(got.recv().unwrap(), []);
    worker.join().unwrap();
}

#[test]
fn what_a_dropped_future_has_begun_is_sent_before_all_else() {
    let (mut sender, got) = pipe();
    assert_eq!(poll_once(sender.send_async(0)), Some(Ok(())));
    assert_eq!(poll_once(sender.send_async(1)), None);
    assert_eq!(sender.counters().sent, 2);
    // Neither of these can overtake it; the second is not begun.
    assert_eq!(poll_once(sender.send_async(9)), None);
    assert_eq!(sender.counters().sent, 2);
    assert_eq!(poll_once(sender.stop_async()), None);
    let worker = std::thread::spawn(move || drop(sender));
    let all: Vec<_> = got.iter().collect();
    assert_eq!(all, [vec![0], vec![1], vec![]]);
    worker.join().unwrap();
}

#[test]
fn a_task_that_waits_gets_its_message_back() {
    let (mut sender, got) = pipe();
    sender.send(0).unwrap();
    let worker = std::thread::spawn(move || smol::block_on(sender.send_async(1)));
    drop(got);
    let error = worker.join().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Disconnected, 1));
}
