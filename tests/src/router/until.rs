//! B12: driving a router by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use homing_core::{End, Event, Overflow, RouterState};
use homing_router::{Budget, Dispatched, RouteError};

use crate::deadline::deadline;
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground, open, record};
use crate::rig::TransportRig;

fn route<H: EventLoopRig>(
    foreground: &mut Foreground<H>,
    condition: impl FnMut(&mut App) -> bool,
    timeout: Option<Duration>,
) -> Result<(), RouteError> {
    foreground.router.route_until(&mut foreground.app, condition, timeout)
}

/// B12: a router is driven until a condition holds, and is looked at after each message: no
/// message after it is routed.
pub fn b12_routes_until_the_condition_holds<T: TransportRig, H: EventLoopRig>() {
    for timeout in [None, Some(deadline())] {
        let mut foreground = Foreground::<H>::started();
        let link = foreground.small_link::<T>();
        let mut sender = open::<T>(&link, 0);
        let worker = foreground.spawn(move || {
            for message in 0..100 {
                sender.send(message).unwrap();
            }
        });
        route(&mut foreground, |app| app.count(0) == 50, timeout).unwrap();
        assert_eq!(foreground.app.count(0), 50);
        assert_eq!(foreground.router.state(), RouterState::Manual);
        route(&mut foreground, |app| app.end(0).is_some(), timeout).unwrap();
        assert!(foreground.app.messages(0).iter().copied().eq(0..100));
        worker.join();
    }
}

/// B12: when the condition holds on entry, nothing is routed; and the event loop routes
/// nothing after that, whatever pings were on the way or still come.
///
/// An implementation that fails it runs handlers in the middle of a shutdown.
pub fn b12_unlinks_for_good<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    sender.send(1).unwrap();
    route(&mut foreground, |_| true, None).unwrap();
    assert_eq!(foreground.app.total(), 0);
    sender.send(2).unwrap();
    foreground.run_pending();
    assert_eq!(foreground.router.dispatch(&mut foreground.app), Dispatched::Idle);
    sender.stop().unwrap();
    foreground.run_pending();
    assert_eq!(foreground.app.total(), 0);
    route(&mut foreground, |app| app.end(0).is_some(), None).unwrap();
    assert_eq!(foreground.app.messages(0), [1, 2]);
    assert_eq!(foreground.app.end(0), Some(End::Finished));
}

/// B12: what was queued is routed even with a timeout of zero, and then the time is over.
///
/// An implementation that fails it loses results that had arrived before the shutdown began.
pub fn b12_a_timeout_of_zero_routes_what_is_queued<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    // On a busy machine the time of a budget is over before anything was routed.
    foreground.router.set_budget(Budget { time: None, ..foreground.router.budget() });
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    let error = route(&mut foreground, |_| false, Some(Duration::ZERO)).unwrap_err();
    assert!(matches!(error, RouteError::TimedOut), "{error:?}");
    for message in 0..10 {
        sender.send(message).unwrap();
    }
    let error = route(&mut foreground, |_| false, Some(Duration::ZERO)).unwrap_err();
    assert!(matches!(error, RouteError::TimedOut), "{error:?}");
    assert_eq!(foreground.app.count(0), 10);
    sender.send(10).unwrap();
    route(&mut foreground, |app| app.count(0) == 11, Some(Duration::ZERO)).unwrap();
}

/// B12: a timeout is an error, also when nothing ever comes, after which it can be called
/// again.
pub fn b12_a_timeout_is_an_error<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    for _ in 0..2 {
        let short = Some(Duration::from_millis(5));
        let error = route(&mut foreground, |_| false, short).unwrap_err();
        assert!(matches!(error, RouteError::TimedOut), "{error:?}");
    }
    let worker = foreground.spawn(move || sender.send(1).unwrap());
    route(&mut foreground, |app| app.end(0).is_some(), Some(deadline())).unwrap();
    assert_eq!(foreground.app.messages(0), [1]);
    worker.join();
}

/// B12: a worker that keeps the queue full cannot defeat a timeout.
pub fn b12_a_flood_cannot_defeat_the_timeout<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    let worker = foreground.spawn(move || {
        for message in 0.. {
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    for timeout in [Duration::ZERO, Duration::from_millis(20)] {
        let error = route(&mut foreground, |_| false, Some(timeout)).unwrap_err();
        assert!(matches!(error, RouteError::TimedOut), "{error:?}");
    }
    foreground.router.stop(&mut foreground.app).unwrap();
    worker.join();
}

/// B12: without a timeout, and with no worker left that could send, it returns an error
/// rather than wait for ever: with no pipe at all, and after the last has ended. What was
/// queued is routed before.
pub fn b12_nobody_left_is_an_error<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let error = route(&mut foreground, |_| false, None).unwrap_err();
    assert!(matches!(error, RouteError::NoLiveSenders), "{error:?}");
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    sender.send(1).unwrap();
    sender.stop().unwrap();
    let error = route(&mut foreground, |_| false, None).unwrap_err();
    assert!(matches!(error, RouteError::NoLiveSenders), "{error:?}");
    assert_eq!(foreground.app.messages(0), [1]);
    assert_eq!(foreground.app.end(0), Some(End::Finished));
}

/// B12: without a timeout, when all that waits is for a mailbox that is not read meanwhile,
/// it returns an error rather than wait for ever. A condition that reads it is fine.
pub fn b12_a_full_mailbox_is_an_error<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let (mut sender, mut mailbox) = link.mailbox_with::<u64>(Overflow::Wait, 2).unwrap();
    sender.start().unwrap();
    let worker = foreground.spawn(move || {
        for message in 0..20 {
            sender.send(message).unwrap();
        }
    });
    let error = route(&mut foreground, |_| false, None).unwrap_err();
    assert!(matches!(error, RouteError::MailboxFull), "{error:?}");
    assert_eq!(mailbox.len(), 2);
    let mut got = Vec::new();
    let read = |_: &mut App| {
        got.extend(mailbox.drain());
        got.last().is_some_and(|event: &Event<u64>| event.ended().is_some())
    };
    route(&mut foreground, read, None).unwrap();
    let numbers: Vec<_> = got.into_iter().filter_map(Event::message).collect();
    assert!(numbers.into_iter().eq(0..20));
    worker.join();
}

/// B12: handlers may make and close pipes while the router is driven by hand, and stop it:
/// then routing is over.
pub fn b12_a_handler_stops_a_router_that_is_driven_by_hand<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let router = foreground.router.clone();
    let (mut sender, _) = link
        .pipe(move |app: &mut App, event: Event<u64>| {
            app.record(0, &event);
            if event.ended().is_none() {
                router.stop(app).unwrap();
            }
        })
        .unwrap();
    let (_other, _) = record::<T>(&link, 1);
    sender.start().unwrap();
    sender.send(1).unwrap();
    let error = route(&mut foreground, |_| false, None).unwrap_err();
    assert!(matches!(error, RouteError::WrongState(_)), "{error:?}");
    assert_eq!(foreground.app.messages(0), [1]);
    assert_eq!(foreground.app.end(0), Some(End::Closed));
    assert_eq!(foreground.app.end(1), Some(End::Closed));
}

/// B12, B16: a router that is driven by hand sleeps, and is woken by each message; none of
/// the wake-ups is lost.
pub fn b12_wakes_for_each_message<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    let given_up = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&given_up);
    let (go, may_go) = std::sync::mpsc::channel();
    let worker = foreground.spawn(move || {
        while let Ok(message) = may_go.recv() {
            // Some find a loop that looks once more before it sleeps, the others one that sleeps.
            if message % 2 == 1 {
                thread::sleep(Duration::from_micros(100));
            }
            sender.send(message).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    for message in 0..500 {
        go.send(message).unwrap();
        let arrived = |app: &mut App| app.count(0) as u64 > message;
        route(&mut foreground, arrived, Some(deadline())).unwrap();
    }
    assert!(!given_up.load(Ordering::Relaxed));
    drop(go);
    route(&mut foreground, |app| app.end(0).is_some(), None).unwrap();
    worker.join();
}
