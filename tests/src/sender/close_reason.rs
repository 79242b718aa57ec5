//! B2: the ways out of a sender.

use std::panic::{AssertUnwindSafe, catch_unwind};

use homing_core::{End, SenderState};

use crate::background::panic_quietly;
use crate::event_loops::EventLoopRig;
use crate::foreground::{Foreground, open, record};
use crate::rig::{SenderOf, TransportRig};

/// B2: a scope starts the sender on entry and stops it on the way out.
///
/// Who fails it loses the end of a pipe that nobody stopped in words.
pub fn b02_a_scope_starts_and_stops<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (mut sender, _) = record::<T>(&link, 0);
    {
        let mut scope = sender.scope().unwrap();
        assert_eq!(scope.state(), SenderState::Open);
        scope.send(1).unwrap();
    }
    assert_eq!(sender.state(), SenderState::Closed);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), [1]);
}

/// B2: a scope that is left early, by `?`, stops the sender too.
pub fn b02_a_scope_stops_on_an_early_way_out<T: TransportRig, H: EventLoopRig>() {
    fn work<T: TransportRig>(sender: &mut SenderOf<T>) -> Result<(), std::num::ParseIntError> {
        let mut scope = sender.scope().unwrap();
        scope.send("1".parse()?).unwrap();
        scope.send("one".parse()?).unwrap();
        Ok(())
    }
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (mut sender, _) = record::<T>(&link, 0);
    work::<T>(&mut sender).unwrap_err();
    assert_eq!(sender.state(), SenderState::Closed);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), [1]);
}

/// B2: an open sender that is dropped stops.
///
/// Who fails it leaves a receiver waiting for ever.
pub fn b02_a_dropped_sender_stops<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    let worker = foreground.spawn(move || sender.send(1).unwrap());
    foreground.join(worker);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), [1]);
}

/// B2: when a panic of the worker drops the sender, the receiver learns that the worker
/// panicked, after what had been sent.
///
/// Who fails it takes a crash for success: see `Outlet::is_panicking`.
pub fn b02_a_panic_is_told<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    let (mut scoped, _) = record::<T>(&link, 1);
    let worker = foreground.spawn(move || {
        sender.send(1).unwrap();
        panic_quietly();
    });
    foreground.try_join::<()>(worker).unwrap_err();
    assert_eq!(foreground.end_of(0), End::Panicked);
    assert_eq!(foreground.app.messages(0), [1]);

    let worker = foreground.spawn(move || {
        let mut scope = scoped.scope().unwrap();
        scope.send(2).unwrap();
        panic_quietly();
    });
    foreground.try_join::<()>(worker).unwrap_err();
    assert_eq!(foreground.end_of(1), End::Panicked);
    assert_eq!(foreground.app.messages(1), [2]);
}

/// B2: a panic that is caught while the sender lives on is none of its business.
pub fn b02_a_caught_panic_harms_no_sender<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    let worker = foreground.spawn(move || {
        sender.send(1).unwrap();
        catch_unwind(AssertUnwindSafe(|| panic_quietly())).unwrap_err();
        sender.send(2).unwrap();
        sender.stop().unwrap();
    });
    foreground.join(worker);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), [1, 2]);
}

/// B2: a sender that is dropped before it was started is lost, not finished.
///
/// Who fails it reports work as done that nobody began.
pub fn b02_a_sender_that_never_started_is_lost<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (sender, _) = record::<T>(&link, 0);
    drop(sender);
    assert_eq!(foreground.end_of(0), End::Lost(None));
}
