//! B2: the ways out of a sender, and what its receiver is told of each.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use homing_core::{End, Lost, Panic, SenderState, Text};

use crate::background::panic_quietly;
use crate::event_loops::EventLoopRig;
use crate::foreground::{Foreground, open, record};
use crate::rig::{SenderOf, TransportRig};

/// The error of a worker in these checks. Its threads hand it to the foreground's.
type Failure = Box<dyn Error + Send + Sync>;

/// B2: a scope starts the sender on entry and stops it when its closure returns `Ok`.
///
/// Typical cause of failure: the end of a pipe that was not stopped in words is lost.
pub fn b02_a_scope_starts_and_stops<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (mut sender, _) = record::<T>(&link, 0);
    let sent = sender.scope(|sender| -> Result<u8, Failure> {
        assert_eq!(sender.state(), SenderState::Open);
        sender.send(1)?;
        Ok(7)
    });
    assert_eq!(sent.unwrap(), 7);
    assert_eq!(sender.state(), SenderState::Closed);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), [1]);
}

/// B2: a scope that is left with an error, by `?`, fails the sender with the error's text, and
/// the caller has the error.
///
/// Typical cause of failure: an early return is reported as success.
pub fn b02_a_scope_fails_on_an_error<T: TransportRig, H: EventLoopRig>() {
    fn work<T: TransportRig>(sender: &mut SenderOf<T>) -> Result<(), Failure> {
        sender.scope(|sender| {
            sender.send("1".parse()?)?;
            sender.send("one".parse()?)?;
            Ok(())
        })
    }
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (mut sender, _) = record::<T>(&link, 0);
    let error = work::<T>(&mut sender).unwrap_err();
    assert!(error.is::<std::num::ParseIntError>(), "{error}");
    assert_eq!(sender.state(), SenderState::Closed);
    assert_eq!(foreground.end_of(0), End::Failed { message: Text::new(&error) });
    assert_eq!(foreground.app.messages(0), [1]);
}

/// B2: a sender that fails tells its receiver why, after what had been sent; also before it
/// was started. A long text is cut, and says so.
///
/// Typical cause of failure: the text does not travel, or costs the link when it is long.
pub fn b02_a_failure_is_told<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    sender.send(1).unwrap();
    sender.fail("no such file").unwrap();
    assert_eq!(foreground.end_of(0), End::Failed { message: Text::new("no such file") });
    assert_eq!(foreground.app.messages(0), [1]);

    let (mut initial, _) = record::<T>(&link, 1);
    initial.fail("no camera").unwrap();
    assert_eq!(foreground.end_of(1), End::Failed { message: Text::new("no camera") });

    let mut long = open::<T>(&link, 2);
    long.fail("\u{1f3e0}".repeat(1 << 16)).unwrap();
    match foreground.end_of(2) {
        End::Failed { message } => {
            let kept = message.as_str().strip_suffix(Text::CUT).expect("it was cut");
            assert!(kept.chars().all(|kept| kept == '\u{1f3e0}'));
            assert!(message.as_str().len() <= Text::MAX);
        }
        other => panic!("{other:?}"),
    }
    // The link has not suffered.
    let mut after = open::<T>(&link, 3);
    after.stop().unwrap();
    assert_eq!(foreground.end_of(3), End::Finished);
}

/// B2: an open sender that is dropped ends its pipe as dropped, not as finished.
///
/// Typical cause of failure: a receiver that waits for ever, or that takes an early return for
/// success.
pub fn b02_a_dropped_sender_is_told<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    let worker = foreground.spawn(move || sender.send(1).unwrap());
    foreground.join(worker);
    assert_eq!(foreground.end_of(0), End::Dropped);
    assert_eq!(foreground.app.messages(0), [1]);
}

/// B2: when a panic of the worker drops the sender, or leaves its scope, the receiver learns
/// that the worker panicked, with what and where, after what had been sent.
///
/// Typical cause of failure: see `Outlet::panicking`.
pub fn b02_a_panic_is_told<T: TransportRig, H: EventLoopRig>() {
    fn check(end: &End, text: &str) {
        let End::Panicked(panic) = end else { panic!("{end:?}") };
        assert_eq!(panic.message, text);
        assert!(panic.location.as_str().starts_with(file!()), "{panic}");
    }
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    let (mut scoped, _) = record::<T>(&link, 1);
    let worker = foreground.spawn(move || {
        sender.send(1).unwrap();
        panic!("on purpose: index {} of {}", 7, 5);
    });
    foreground.try_join::<()>(worker).unwrap_err();
    check(&foreground.end_of(0), "on purpose: index 7 of 5");
    assert_eq!(foreground.app.messages(0), [1]);

    let worker = foreground.spawn(move || {
        scoped.scope(|sender| -> Result<(), Failure> {
            sender.send(2)?;
            panic!("on purpose");
        })
    });
    foreground.try_join(worker).unwrap_err();
    check(&foreground.end_of(1), "on purpose");
    assert_eq!(foreground.app.messages(1), [2]);
}

/// B2: a panic of which nothing is known, as no hook ran, is told as a panic all the same.
pub fn b02_a_panic_without_words_is_told<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    let worker = foreground.spawn(move || {
        sender.send(1).unwrap();
        panic_quietly();
    });
    foreground.try_join::<()>(worker).unwrap_err();
    assert_eq!(foreground.end_of(0), End::Panicked(Panic::default()));
    assert_eq!(foreground.app.messages(0), [1]);
}

/// B2: a panic that is caught while the sender lives on is not reported.
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
/// Typical cause of failure: work that was not begun is reported as done.
pub fn b02_a_sender_that_never_started_is_lost<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (sender, _) = record::<T>(&link, 0);
    drop(sender);
    assert_eq!(foreground.end_of(0), End::Lost(Lost::default()));
}
