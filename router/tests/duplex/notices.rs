//! What workers on channels are told: also those of pipes without a way back.

use std::thread;
use std::time::Duration;

use homing_core::{Overflow, SendErrorKind, SenderState};

use super::*;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_sender_learns_that_its_pipe_was_closed() {
    let router = router();
    let mut app = App::new();
    let link = router.link(Channel::new()).unwrap();
    for overflow in [Overflow::Wait, Overflow::DropOldest] {
        let (mut handled, pipe) = link.pipe_with(overflow, on_event).unwrap();
        let (mut read, mailbox) = link.mailbox_with::<u32>(overflow, 5).unwrap();
        let (mut open, _) = link.pipe_with(overflow, on_event).unwrap();
        for sender in [&mut handled, &mut read, &mut open] {
            sender.start().unwrap();
        }
        router.close_pipe(&mut app, pipe).unwrap();
        drop(mailbox);
        for mut closed in [handled, read] {
            assert!(closed.is_closed() && !closed.is_cancelled());
            assert_eq!(closed.send(1).unwrap_err().kind(), SendErrorKind::Closed);
            assert_eq!(closed.state(), SenderState::Open);
        }
        assert!(!open.is_closed());
        open.send(2).unwrap();
    }
}

/// A worker that is told that the foreground is about to stop can report and end its pipe.
#[test]
fn shutdown_lets_workers_report() {
    let router = router();
    let mut app = App::new();
    let (mut orders, mut sender, _remote) = one_pipe(&router);
    let link = router.link(Channel::new()).unwrap();
    let (mut one_way, _) = link.pipe(on_event).unwrap();
    let worker = thread::spawn(move || {
        assert_eq!(orders.recv().err(), Some(homing_core::RecvError::Cancelled));
        assert!(sender.is_stopping());
        sender.send(1).unwrap();
        sender.stop().unwrap();
    });
    one_way.start().unwrap();
    router.shutdown(&mut app, LONG).unwrap();
    worker.join().unwrap();
    // A link without a duplex pipe is closed at once.
    assert_eq!(app, [Told::Ended(End::Closed), Told::Message(1), Told::Ended(End::Finished)]);
    assert_eq!(one_way.send(2).unwrap_err().kind(), SendErrorKind::Disconnected);
}

#[test]
fn shutdown_stops_when_the_grace_is_over() {
    let router = router();
    let mut app = App::new();
    let (mut orders, sender, remote) = one_pipe(&router);
    remote.ask(Order::Ask, on_answer).unwrap();
    router.shutdown(&mut app, Duration::from_millis(10)).unwrap();
    assert_eq!(app, [Told::Unanswered(End::Closed), Told::Ended(End::Closed)]);
    assert!(sender.is_stopping());
    assert_eq!(orders.try_recv().err(), Some(homing_core::RecvError::Disconnected));
}
