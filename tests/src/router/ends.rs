//! B13: one terminal event per pipe, after its last message. B16: no wake-up is lost.
//!
//! That nothing follows an end is checked by [`App`](crate::foreground::App) in every check.

use homing_core::{End, Event, Lost, Panic};

use crate::background::panic_quietly;
use crate::event_loops::EventLoopRig;
use crate::foreground::{Foreground, open, record};
use crate::rig::TransportRig;

/// B13: pipes that finish, panic, are lost and are closed, side by side on one link, each
/// with messages right before its end: each receiver gets all of them, then its own end,
/// once.
///
/// Typical cause of failure: an end overtakes messages, or the wrong one is told.
pub fn b13_each_pipe_ends_once<T: TransportRig, H: EventLoopRig>() {
    const ROUNDS: usize = 20;
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut workers = Vec::new();
    let mut closed = Vec::new();
    for round in 0..ROUNDS {
        let [mut finishes, mut panics] = [0, 1].map(|n| open::<T>(&link, round * 10 + n));
        let (lost, _) = record::<T>(&link, round * 10 + 2);
        let (open, id) = record::<T>(&link, round * 10 + 3);
        closed.push((open, id));
        workers.push(foreground.spawn(move || {
            finishes.send_all(0..10).unwrap();
            drop(lost);
            for message in 0..10 {
                panics.send(message).unwrap();
            }
            finishes.stop().unwrap();
            panic_quietly();
        }));
    }
    for (_, id) in &closed {
        foreground.router.close_pipe(&mut foreground.app, *id).unwrap();
    }
    foreground.until("all ends", |app| app.ended() == ROUNDS * 4);
    for worker in workers {
        foreground.try_join::<()>(worker).unwrap_err();
    }
    drop(closed);
    foreground.run_pending();
    for round in 0..ROUNDS {
        let app = &foreground.app;
        let ends = [
            End::Finished,
            End::Panicked(Panic::default()),
            End::Lost(Lost::default()),
            End::Closed,
        ];
        for (n, end) in ends.into_iter().enumerate() {
            assert_eq!(app.end(round * 10 + n), Some(end));
            let expected = if n < 2 { 10 } else { 0 };
            assert!(app.messages(round * 10 + n).iter().copied().eq(0..expected));
        }
    }
    assert_eq!(foreground.router.open_pipes(), 0);
}

/// B13: a pipe that is idle between others that come and go ends once as well, and a link
/// outlives its pipes.
pub fn b13_a_link_outlives_its_pipes<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut idle = open::<T>(&link, 0);
    for pipe in 1..50 {
        let mut sender = open::<T>(&link, pipe);
        sender.send(1).unwrap();
        sender.stop().unwrap();
        assert_eq!(foreground.end_of(pipe), End::Finished);
    }
    assert_eq!(foreground.router.open_pipes(), 1);
    assert!(link.is_open());
    idle.send(7).unwrap();
    idle.stop().unwrap();
    assert_eq!(foreground.end_of(0), End::Finished);
    assert!(link.is_open());
}

/// B13: a mailbox ends once too: its messages, the end, then nothing.
pub fn b13_a_mailbox_ends_once<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (mut sender, mut mailbox) = link.mailbox::<u64>().unwrap();
    let mut after = open::<T>(&link, 0);
    sender.start().unwrap();
    sender.send(1).unwrap();
    sender.stop().unwrap();
    after.stop().unwrap();
    foreground.end_of(0);
    // Pipes of one link may be served in any order.
    foreground.until("the end of a mailbox", {
        let router = foreground.router.clone();
        move |_| router.open_pipes() == 0
    });
    assert!(!mailbox.is_over());
    assert_eq!(mailbox.try_recv(), Some(Event::Message(1)));
    assert_eq!(mailbox.try_recv(), Some(Event::Ended(End::Finished)));
    assert!(mailbox.is_over());
    assert_eq!(mailbox.try_recv(), None);
    assert_eq!(mailbox.try_recv(), None);
}

/// B16: a foreground that sleeps between any two messages is woken for each: no wake-up is
/// lost. Two links take turns, so that each is asleep while the other is awake.
///
/// A failure shows as a hang here: see `homing_core::wake` for the protocol.
pub fn b16_no_wake_up_is_lost<T: TransportRig, H: EventLoopRig>() {
    const ROUNDS: u64 = 2000;
    let mut foreground = Foreground::<H>::started();
    let mut workers = Vec::new();
    let mut go = Vec::new();
    for pipe in [0, 1] {
        let link = foreground.link::<T>();
        let mut sender = open::<T>(&link, pipe);
        let (send, may_go) = std::sync::mpsc::channel();
        go.push(send);
        workers.push(foreground.spawn(move || {
            while let Ok(message) = may_go.recv() {
                sender.send(message).unwrap();
            }
        }));
    }
    for round in 0..ROUNDS {
        let pipe = (round / 3 % 2) as usize;
        go[pipe].send(round).unwrap();
        foreground.until("a message", |app| app.total() as u64 > round);
    }
    drop(go);
    foreground.until("two ends", |app| app.ended() == 2);
    for worker in workers {
        worker.join();
    }
}
