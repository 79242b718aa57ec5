//! B7: the foreground is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use homing_core::{Overflow, SendErrorKind, SenderError, SenderState};

use homing_router::Router;

use crate::background::background;
use crate::event_loops::EventLoopRig;
use crate::foreground::{Foreground, open, open_with, record};
use crate::rig::TransportRig;

/// Every policy.
const POLICIES: [Overflow; 5] = [
    Overflow::Wait,
    Overflow::GiveBack,
    Overflow::DropNewest,
    Overflow::DropOldest,
    Overflow::LatestWins,
];

/// B7: when the router has stopped, `send` gives the message back as `Disconnected`, under
/// every policy, `start` and `stop` say the same, and the sender is closed after them.
///
/// Typical cause of failure: a worker goes on although nothing it sends is received.
pub fn b07_senders_learn_that_the_router_has_stopped<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut pipes = 0..;
    let mut number = || pipes.next().unwrap();
    let senders = POLICIES.map(|overflow| {
        let sends = open_with::<T>(&link, overflow, number());
        (overflow, sends, open_with::<T>(&link, overflow, number()))
    });
    let (initial, _) = record::<T>(&link, number());
    foreground.router.stop(&mut foreground.app).unwrap();
    assert_eq!(foreground.app.ended(), 11);

    let worker = background(move || {
        for (overflow, mut sends, mut stops) in senders {
            let error = sends.send(5).unwrap_err();
            assert_eq!(error.kind(), SendErrorKind::Disconnected, "{overflow:?}");
            assert_eq!(error.into_message(), 5);
            let error = sends.try_send(6).unwrap_err();
            assert_eq!(error.kind(), SendErrorKind::Disconnected, "{overflow:?}");
            assert_eq!(sends.send_all([7, 8]).unwrap_err().kind(), SendErrorKind::Disconnected);
            // A router that stops is no error of its workers.
            assert_eq!(stops.stop(), Ok(()), "{overflow:?}");
            assert_eq!(stops.state(), SenderState::Closed);
        }
        let mut initial = initial;
        assert_eq!(initial.start(), Err(SenderError::Disconnected));
        assert_eq!(initial.state(), SenderState::Closed);
    });
    worker.join();
}

/// B7: a sender that waits for room when the router stops gets its message back, at once.
///
/// Typical cause of failure: the worker hangs at the end of the application.
pub fn b07_a_waiting_sender_learns_that_the_router_has_stopped<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut sender = open::<T>(&link, 0);
    let worker = foreground.spawn(move || {
        for message in 0.. {
            if let Err(error) = sender.send(message) {
                assert_eq!(
                    (error.kind(), error.into_message()),
                    (SendErrorKind::Disconnected, message)
                );
                return;
            }
        }
    });
    foreground.until("a message", |app| app.count(0) > 0);
    // Nothing is taken from now on, so most likely the sender waits by the time of the stop.
    std::thread::sleep(std::time::Duration::from_millis(20));
    foreground.router.stop(&mut foreground.app).unwrap();
    worker.join();
}

/// B7: so does one whose router is dropped without having been stopped.
pub fn b07_a_waiting_sender_learns_that_the_router_is_gone<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut sender = open::<T>(&link, 0);
    let waits = Arc::new(AtomicBool::new(false));
    let about_to = Arc::clone(&waits);
    let worker = background(move || {
        for message in 0.. {
            about_to.store(message > 1, Ordering::Relaxed);
            if let Err(error) = sender.send(message) {
                assert_eq!(error.kind(), SendErrorKind::Disconnected);
                return;
            }
        }
    });
    foreground.until("a message", |app| app.count(0) > 0);
    std::thread::sleep(std::time::Duration::from_millis(20));
    // The link holds a handle of the router, the foreground the last other one.
    drop(link);
    foreground.router = Router::new(foreground.event_loop.binding());
    worker.join();
}
