//! B5: links are bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use homing_core::{End, Event, Overflow, SendErrorKind, SenderError, SenderState};

use crate::background::background;
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground, open, open_with};
use crate::rig::{SenderOf, TransportRig};

/// Fills a link from which nothing is taken, and says how many messages it took. The one
/// that it did not take came back.
pub(super) fn fill<T: TransportRig>(sender: &mut SenderOf<T>) -> u64 {
    for message in 0.. {
        if let Err(error) = sender.try_send(message) {
            assert_eq!(error.kind(), SendErrorKind::Full);
            assert_eq!(error.into_message(), message);
            return message;
        }
        assert!(message as usize <= *T::FIT.end(), "it takes more than the rig says");
    }
    unreachable!("no link takes as many")
}

/// B5: a link from which nothing is taken is full after as many messages as its rig says.
/// `try_send` gives the next one back as `Full`; what was taken arrives.
///
/// An implementation that fails it has a queue without a bound, or loses a message at the brim.
pub fn b05_a_full_link_gives_back<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut sender = open::<T>(&link, 0);
    let worker = foreground.spawn(move || {
        let took = fill::<T>(&mut sender);
        (took, sender)
    });
    // The loop is not driven, so nothing is taken.
    let (took, mut sender) = worker.join();
    assert!(T::FIT.contains(&(took as usize)), "{took} messages fit");
    foreground.until("what the link took", |app| app.count(0) as u64 == took);
    assert_eq!(foreground.app.messages(0), (0..took).collect::<Vec<_>>());
    sender.stop().unwrap();
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.count(0) as u64, took);
}

/// B5: on a full link `send` waits for room, and nothing is lost: a worker is never further
/// ahead of the receiver than the link has room.
///
/// An implementation that fails it has a queue without a bound, or drops what it has no room for.
pub fn b05_a_full_link_makes_send_wait<T: TransportRig, H: EventLoopRig>() {
    let count = 2 * *T::FIT.end() as u64 + 1000;
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let progress = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&progress);
    let mut handled = 0;
    let (mut sender, _) = link
        .pipe(move |app: &mut App, event: Event<u64>| {
            let lead = seen.load(Ordering::SeqCst).saturating_sub(handled);
            assert!(lead <= *T::FIT.end() as u64 + 1, "{lead} messages are on the way");
            handled += 1;
            app.record(0, &event);
        })
        .unwrap();
    sender.start().unwrap();
    let worker = foreground.spawn(move || {
        for message in 0..count {
            sender.send(message).unwrap();
            progress.store(message + 1, Ordering::SeqCst);
        }
        sender.stop().unwrap();
    });
    foreground.join(worker);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert!(foreground.app.messages(0).iter().copied().eq(0..count));
}

/// B5: on a full link `try_stop` does not wait. It closes the sender, or says that the link is full
/// and leaves the sender open, and can be called again.
///
/// An implementation that fails it waits for room to end a pipe, or loses the end.
pub fn b05_a_full_link_makes_no_try_stop_wait<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut sender = open::<T>(&link, 0);
    let (mut texts, _) = link.pipe(|_: &mut App, _: Event<String>| {}).unwrap();
    texts.start().unwrap();
    let worker = foreground.spawn(move || {
        let took = fill::<T>(&mut sender);
        // Where a message does not fit, an end may: this is no longer than one.
        while texts.try_send(String::new()).is_ok() {}
        let stopped = sender.try_stop();
        (took, sender, texts, stopped)
    });
    // The loop is not driven, so nothing is taken.
    let (took, mut sender, texts, stopped) = worker.join();
    let expected = match stopped {
        Ok(()) => SenderState::Closed,
        Err(error) => {
            assert_eq!(error, SenderError::Full);
            SenderState::Open
        }
    };
    assert_eq!(sender.state(), expected);
    let worker = foreground.spawn(move || {
        while sender.try_stop() == Err(SenderError::Full) {
            std::thread::yield_now();
        }
        sender.state()
    });
    assert_eq!(foreground.join(worker), SenderState::Closed);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), (0..took).collect::<Vec<_>>());
    drop(texts);
}

/// B5: on the foreground's own thread `send` never waits for itself: it gives back. So does
/// `send_all`, and `stop` returns; the end still arrives.
///
/// An implementation that fails it hangs an application that sends to itself.
pub fn b05_the_foreground_never_waits_for_itself<T: TransportRig, H: EventLoopRig>() {
    if H::ANY_THREAD {
        // Another thread is this check's foreground, so that one that waits is given up.
        background(send_to_oneself::<T, H>).join();
    } else {
        send_to_oneself::<T, H>();
    }
}

fn send_to_oneself<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut sender = open::<T>(&link, 0);
    let mut took = fill::<T>(&mut sender);
    // Another thread may move messages to where they are taken from, and so make room.
    let error = loop {
        match sender.send(took) {
            Ok(()) => took += 1,
            Err(error) => break error,
        }
        assert!(took as usize <= *T::FIT.end() + 1, "it takes more than the rig says");
    };
    assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Full, took));
    let error = loop {
        match sender.send_all([took]) {
            Ok(()) => took += 1,
            Err(error) => break error,
        }
        assert!(took as usize <= *T::FIT.end() + 1, "it takes more than the rig says");
    };
    assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Full, took));
    sender.stop().unwrap();
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), (0..took).collect::<Vec<_>>());
}

/// Traits Futures: the foreground may itself send, from its own thread, as long as there is
/// room.
pub fn b05_the_foreground_may_send<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    for round in 0..3 {
        sender.send(round).unwrap();
        foreground.until("what the foreground sent", |app| app.count(0) as u64 == round + 1);
    }
    sender.stop().unwrap();
    assert_eq!(foreground.end_of(0), End::Finished);
}

/// B5: under the policy of giving back, `send` does so on any thread, at once; what it took
/// arrives, and nothing else.
pub fn overflow_give_back<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut sender = open_with::<T>(&link, Overflow::GiveBack, 0);
    // Nothing is taken until it has given one back.
    let worker = foreground.spawn(move || {
        let mut took = 0;
        while let Ok(()) = sender.send(took) {
            took += 1;
            assert!(took as usize <= *T::FIT.end(), "it takes more than the rig says");
        }
        (took, sender)
    });
    let (filled, mut sender) = worker.join();
    let worker = foreground.spawn(move || {
        let mut took: Vec<_> = (0..filled).collect();
        for message in filled..filled + 5000 {
            match sender.send(message) {
                Ok(()) => took.push(message),
                Err(error) => {
                    assert_eq!(
                        (error.kind(), error.into_message()),
                        (SendErrorKind::Full, message)
                    );
                    std::thread::yield_now();
                }
            }
        }
        assert_eq!(sender.counters().sent, took.len() as u64);
        sender.stop().unwrap();
        took
    });
    let took = foreground.join(worker);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert!(filled as usize >= *T::FIT.start());
    assert!(foreground.app.messages(0) == took);
}
