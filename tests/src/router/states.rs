//! B8: a router's life.

use homing_core::{ClosePipeError, End, PipeErrorKind, RouterState, WrongState};
use homing_router::{LinkError, RouteError};

use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground, open, record};
use crate::rig::TransportRig;

/// B8: what needs a running router names the state in its error when it does not run: before
/// the start, and after the stop.
pub fn b08_a_router_that_does_not_run_says_so<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::stopped();
    let stopped = RouterState::Stopped;
    assert_eq!(foreground.router.state(), stopped);
    assert_eq!(
        foreground.router.stop(&mut foreground.app),
        Err(WrongState { state: stopped }.into())
    );
    refuses_links::<T, H>(&mut foreground);

    foreground.router.start().unwrap();
    assert_eq!(foreground.router.state(), RouterState::Linked);
    let link = foreground.link::<T>();
    let (_sender, pipe) = record::<T>(&link, 0);
    foreground.router.stop(&mut foreground.app).unwrap();
    assert_eq!(foreground.router.state(), stopped);
    assert_eq!(
        foreground.router.stop(&mut foreground.app),
        Err(WrongState { state: stopped }.into())
    );
    refuses_links::<T, H>(&mut foreground);
    let refused = link.pipe(|_: &mut App, _: homing_core::Event<u64>| {});
    assert_eq!(refused.err(), Some(PipeErrorKind::NotRunning));
    assert_eq!(link.mailbox::<u64>().err(), Some(PipeErrorKind::NotRunning));
    assert_eq!(
        foreground.router.close_pipe(&mut foreground.app, pipe),
        Err(ClosePipeError::NotRunning)
    );
    assert!(!link.is_open());
    assert!(!foreground.router.has_pipe(pipe));
}

fn refuses_links<T: TransportRig, H: EventLoopRig>(foreground: &mut Foreground<H>) {
    let error = foreground.router.link(T::transport()).err().expect("it does not run");
    assert!(matches!(error, LinkError::WrongState(WrongState { state: RouterState::Stopped })));
    assert!(error.to_string().contains("stopped"), "{error}");
    let error = foreground.router.route_until(&mut foreground.app, |_| true, None);
    let error = error.expect_err("it does not run");
    assert!(matches!(error, RouteError::WrongState(WrongState { state: RouterState::Stopped })));
    assert!(error.to_string().contains("stopped"), "{error}");
}

/// B8: a router starts once, whichever way it runs.
pub fn b08_a_router_starts_once<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let state = RouterState::Linked;
    assert_eq!(foreground.router.start(), Err(WrongState { state }));
    foreground.router.route_until(&mut foreground.app, |_| true, None).unwrap();
    let state = RouterState::Manual;
    assert_eq!(foreground.router.state(), state);
    assert_eq!(foreground.router.start(), Err(WrongState { state }));
}

/// A stopped router can be started again. It is a new run: linked to its event loop, and
/// without anything of the run before. Old links and pipes are not mistaken for new ones.
pub fn b08_a_router_starts_again<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (mut old, old_pipe) = record::<T>(&link, 0);
    old.start().unwrap();
    old.send(1).unwrap();
    foreground.router.route_until(&mut foreground.app, |_| true, None).unwrap();
    foreground.router.stop(&mut foreground.app).unwrap();
    assert_eq!(foreground.app.end(0), Some(End::Closed));

    foreground.router.start().unwrap();
    assert_eq!(foreground.router.state(), RouterState::Linked);
    assert_eq!((foreground.router.links(), foreground.router.open_pipes()), (0, 0));
    let refused = link.pipe(|_: &mut App, _: homing_core::Event<u64>| {});
    assert_eq!(refused.err(), Some(PipeErrorKind::NoSuchLink));
    let new_link = foreground.link::<T>();
    let (mut new, new_pipe) = record::<T>(&new_link, 1);
    assert_ne!(old_pipe, new_pipe);
    assert_eq!(
        foreground.router.close_pipe(&mut foreground.app, old_pipe),
        Err(ClosePipeError::NoSuchPipe)
    );
    assert!(old.send(2).unwrap_err().is_disconnected());
    new.start().unwrap();
    new.send(3).unwrap();
    new.stop().unwrap();
    assert_eq!(foreground.end_of(1), End::Finished);
    assert_eq!(foreground.app.messages(1), [3]);
    assert_eq!(foreground.app.count(0), 0);
}

/// A router counts what it does: open pipes, links, messages.
pub fn b08_a_router_counts<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let (one, two) = (foreground.link::<T>(), foreground.link::<T>());
    assert_eq!(foreground.router.links(), 2);
    let mut senders = [open::<T>(&one, 0), open::<T>(&one, 1), open::<T>(&two, 2)];
    assert_eq!(foreground.router.open_pipes(), 3);
    for sender in &mut senders {
        sender.send(1).unwrap();
        sender.stop().unwrap();
    }
    foreground.until("three ends", |app| app.ended() == 3);
    assert_eq!(foreground.router.open_pipes(), 0);
    let counters = foreground.router.counters();
    assert_eq!((counters.routed, counters.most_pipes), (3, 3));
    assert_eq!((counters.discarded_closed, counters.missed, counters.refused_links), (0, 0, 0));
}
