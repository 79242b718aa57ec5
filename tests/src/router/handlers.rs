//! B11: what handlers may do.

use std::panic::{AssertUnwindSafe, catch_unwind};

use homing_core::{End, Event, RouterState};
use homing_router::{Budget, Dispatched, PipeId, RouteError};

use crate::background::panic_quietly;
use crate::deadline::deadline;
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground, open, record};
use crate::rig::TransportRig;

/// B11: a handler makes pipes, on its own link and on a new one; they work.
pub fn b11_a_handler_makes_pipes<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (router, own_link) = (foreground.router.clone(), foreground.link::<T>());
    let (mut sender, _) = own_link
        .pipe({
            let link = link;
            move |app: &mut App, event: Event<u64>| {
                if let Event::Message(pipe) = event {
                    let new_link = router.link(T::transport()).unwrap();
                    for (link, pipe) in [(&link, pipe as usize), (&new_link, pipe as usize + 1)] {
                        let mut sender = open::<T>(link, pipe);
                        sender.send(7).unwrap();
                        sender.stop().unwrap();
                    }
                }
                app.record(0, &event);
            }
        })
        .unwrap();
    sender.start().unwrap();
    sender.send(10).unwrap();
    sender.send(20).unwrap();
    sender.stop().unwrap();
    foreground.until("the handler's own pipes", |app| app.ended() == 5);
    for pipe in [10, 11, 20, 21] {
        assert_eq!(foreground.app.messages(pipe), [7]);
        assert_eq!(foreground.app.end(pipe), Some(End::Finished));
    }
}

/// B11: a handler closes its own pipe: it is told so when it returns, and of nothing after.
pub fn b11_a_handler_closes_its_own_pipe<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let router = foreground.router.clone();
    let own = std::rc::Rc::new(std::cell::OnceCell::<PipeId>::new());
    let id = std::rc::Rc::clone(&own);
    let (mut sender, pipe) = link
        .pipe(move |app: &mut App, event: Event<u64>| {
            if event == Event::Message(2) {
                router.close_pipe(app, id.get().copied().unwrap()).unwrap();
                assert_eq!(app.end(0), None, "it is told when it returns");
            }
            app.record(0, &event);
        })
        .unwrap();
    own.set(pipe).unwrap();
    sender.start().unwrap();
    let mut after = open::<T>(&link, 1);
    for message in [1, 2, 3] {
        sender.send(message).unwrap();
    }
    after.stop().unwrap();
    foreground.end_of(1);
    foreground.end_of(0);
    assert_eq!(foreground.app.messages(0), [1, 2]);
    assert_eq!(foreground.app.end(0), Some(End::Closed));
    assert!(!foreground.router.has_pipe(pipe));
}

/// B11: a handler closes another pipe: its receiver is told there and then.
pub fn b11_a_handler_closes_another_pipe<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let router = foreground.router.clone();
    let (mut other, other_id) = record::<T>(&link, 1);
    other.start().unwrap();
    let (mut sender, _) = link
        .pipe(move |app: &mut App, event: Event<u64>| {
            if let Event::Message(_) = event {
                router.close_pipe(app, other_id).unwrap();
                assert_eq!(app.end(1), Some(End::Closed));
            }
            app.record(0, &event);
        })
        .unwrap();
    sender.start().unwrap();
    sender.send(1).unwrap();
    other.send(2).unwrap();
    other.stop().unwrap();
    sender.stop().unwrap();
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.router.open_pipes(), 0);
}

/// B11: a handler stops the router. It is told `Closed` when it returns, others before that;
/// nothing is routed any more, and what waits is dropped.
pub fn b11_a_handler_stops_the_router<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let router = foreground.router.clone();
    let mut other = open::<T>(&link, 1);
    let (mut sender, _) = link
        .pipe(move |app: &mut App, event: Event<u64>| {
            if event == Event::Message(2) {
                router.stop(app).unwrap();
                assert_eq!(app.end(1), Some(End::Closed));
                assert_eq!(app.end(0), None);
            }
            app.record(0, &event);
        })
        .unwrap();
    sender.start().unwrap();
    for message in [1, 2, 3] {
        sender.send(message).unwrap();
    }
    foreground.end_of(0);
    assert_eq!(foreground.app.messages(0), [1, 2]);
    assert_eq!(foreground.app.end(0), Some(End::Closed));
    assert_eq!(foreground.router.state(), RouterState::Stopped);
    assert_eq!(foreground.router.dispatch(&mut foreground.app), Dispatched::Idle);
    foreground.run_pending();
    assert_eq!(foreground.app.total(), 2);
    assert!(other.send(1).unwrap_err().is_disconnected());
}

/// B11: a handler that is told the end of its pipe stops the router, and starts it again.
pub fn b11_a_handler_stops_at_the_end<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let router = foreground.router.clone();
    let _other = open::<T>(&link, 1);
    let (mut sender, _) = link
        .pipe(move |app: &mut App, event: Event<u64>| {
            app.record(0, &event);
            if event.ended().is_some() {
                router.stop(app).unwrap();
                router.start().unwrap();
            }
        })
        .unwrap();
    sender.start().unwrap();
    sender.stop().unwrap();
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.end(1), Some(End::Closed));
    assert_eq!(foreground.router.state(), RouterState::Linked);
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 2);
    sender.send(1).unwrap();
    sender.stop().unwrap();
    assert_eq!(foreground.end_of(2), End::Finished);
}

/// B11: a panic of a handler passes through the dispatch, and harms neither the router nor
/// the handler's own pipe: what comes after it is handled, without another send.
///
/// An implementation that fails it loses the wake-up of what was left, or the receiver.
pub fn b11_a_handler_that_panics_leaves_the_router_usable<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (mut sender, pipe) = link
        .pipe(|app: &mut App, event: Event<u64>| {
            app.record(0, &event);
            if event == Event::Message(2) {
                panic_quietly();
            }
        })
        .unwrap();
    sender.start().unwrap();
    let mut other = open::<T>(&link, 1);
    for message in 1..=4 {
        sender.send(message).unwrap();
        other.send(message).unwrap();
    }
    sender.stop().unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        foreground.until("never", |app| app.count(0) > 2);
    }));
    let panic = panicked.expect_err("the panic passes through");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
    assert_eq!(foreground.app.messages(0), [1, 2]);
    assert!(foreground.router.has_pipe(pipe));
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), [1, 2, 3, 4]);
    foreground.until("the other pipe", |app| app.count(1) == 4);
    other.send(5).unwrap();
    foreground.until("a message after all", |app| app.count(1) == 5);
}

/// B11: a handler that dispatches is not told its own next message before it returns, and has
/// no reason to dispatch again; one that routes by hand is told that the router is routing.
pub fn b11_a_handler_that_dispatches_is_not_called_again<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    // On a busy machine the time of a budget is over before anything was routed.
    foreground.router.set_budget(Budget { time: None, ..foreground.router.budget() });
    let link = foreground.link::<T>();
    let router = foreground.router.clone();
    let (mut sender, _) = link
        .pipe(move |app: &mut App, event: Event<u64>| {
            let told = app.count(0);
            assert_eq!(router.dispatch(app), Dispatched::Idle);
            assert_eq!(app.count(0), told);
            let nested = router.route_until(app, |_| true, Some(deadline()));
            assert!(matches!(nested, Err(RouteError::Nested)));
            app.record(0, &event);
        })
        .unwrap();
    sender.start().unwrap();
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    sender.stop().unwrap();
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), [1, 2]);
    assert_eq!(foreground.router.state(), RouterState::Linked);
}
