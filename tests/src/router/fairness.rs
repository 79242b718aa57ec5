//! One flooding worker starves neither the others nor the event loop.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use homing_core::{End, Event, Overflow};
use homing_router::{Budget, Dispatched};

use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground, open, open_with};
use crate::rig::TransportRig;

/// Messages of a flood that may be handled before one that was sent meanwhile, beside what
/// the flood's own link holds: a few budgets.
const FEW: usize = 8 * 1024;

/// While one link is flooded, a message that is sent on another is handled after a bounded
/// number of the flood's, and so is the end of its pipe. The same holds for another pipe of
/// the flooded link, where the sender may have to wait for room.
///
/// An implementation that fails it serves one link, or one queue of a link, until it is empty.
pub fn fairness_a_flood_starves_nobody<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let (flooded, quiet) = (foreground.small_link::<T>(), foreground.small_link::<T>());
    let done = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&done);
    let mut flood = open::<T>(&flooded, 0);
    let worker = foreground.spawn(move || {
        for message in 0.. {
            if stop.load(Ordering::Relaxed) || flood.send(message).is_err() {
                break;
            }
        }
    });
    foreground.until("the flood", |app| app.count(0) > 100);
    let bound = 4 * *T::FIT.end() + FEW;
    for pipe in 1..20 {
        // On the foreground's own thread, so that nothing is handled meanwhile.
        let mut sender = open::<T>(&quiet, pipe);
        sender.send(1).unwrap();
        sender.stop().unwrap();
        let before = foreground.app.count(0);
        foreground.until("a quiet pipe", |app| app.end(pipe).is_some());
        let between = foreground.app.count(0) - before;
        assert!(between <= bound, "{between} of the flood's messages came first");
    }
    let mut beside = open_with::<T>(&flooded, Overflow::Wait, 20);
    let other = foreground.spawn(move || {
        for message in 0..100 {
            beside.send(message).unwrap();
        }
        beside.stop().unwrap();
    });
    assert_eq!(foreground.end_of(20), End::Finished);
    assert!(foreground.app.messages(20).iter().copied().eq(0..100));
    other.join();
    done.store(true, Ordering::Relaxed);
    foreground.join(worker);
}

/// Links that have something take turns, also where a dispatch may do all that waits: what
/// one link has comes before the rest of another's backlog.
///
/// An implementation that fails it serves a link until it is empty. (Where another thread moves the messages, it
/// may come late with those of the second link; so one round out of many will do.)
pub fn fairness_links_take_turns<T: TransportRig, H: EventLoopRig>() {
    const BACKLOG: u64 = 500;
    const QUANTUM: usize = 128;
    let mut foreground = Foreground::<H>::started();
    foreground.router.set_budget(Budget::UNLIMITED);
    let links = [foreground.link::<T>(), foreground.link::<T>()];
    let mut backlog = open::<T>(&links[0], 0);
    let before = Rc::new(Cell::new(0));
    let seen = Rc::clone(&before);
    let (mut one, _) = links[1]
        .pipe(move |app: &mut App, event: Event<u64>| {
            seen.set(app.count(0));
            app.record(1, &event);
        })
        .unwrap();
    one.start().unwrap();
    for round in 0..50 {
        for message in 0..BACKLOG {
            backlog.send(message).unwrap();
        }
        one.send(round).unwrap();
        // For that thread, if there is one.
        std::thread::sleep(Duration::from_millis(round));
        foreground.until("a round", |app| app.total() as u64 == (round + 1) * (BACKLOG + 1));
        if before.get() <= (round * BACKLOG) as usize + QUANTUM {
            return;
        }
    }
    panic!("the backlog of one link always comes first");
}

/// A dispatch handles as many messages as its budget says at most, and then says `Again`;
/// the loop comes again without another wake-up.
///
/// An implementation that fails it freezes the window while a worker floods it.
pub fn fairness_a_budget_is_kept<T: TransportRig, H: EventLoopRig>() {
    const MOST: usize = 5;
    let mut foreground = Foreground::<H>::started();
    foreground.router.set_budget(Budget { messages: MOST as u32, time: None });
    assert_eq!(foreground.router.budget().messages, MOST as u32);
    let links = [foreground.link::<T>(), foreground.link::<T>()];
    let mut senders: Vec<_> =
        links.iter().enumerate().map(|(pipe, link)| open::<T>(link, pipe)).collect();
    for message in 0..50 {
        for sender in &mut senders {
            sender.send(message).unwrap();
        }
    }
    drop(senders);
    // Without a loop: by hand, with its turns in between.
    let mut before = 0;
    while foreground.app.count(0) + foreground.app.count(1) < 50 {
        let dispatched = foreground.router.dispatch(&mut foreground.app);
        let handled = foreground.app.total() - before;
        assert!(handled <= MOST, "{handled} messages in one dispatch");
        if handled == MOST {
            assert_eq!(dispatched, Dispatched::Again);
        }
        before = foreground.app.total();
        if dispatched == Dispatched::Idle {
            foreground.until("more", |app| app.total() > before);
            assert!(foreground.app.total() <= before + MOST);
            before = foreground.app.total();
        }
    }
    // From here on by the loop alone: what it was told by the last dispatch is `Again`.
    while foreground.app.ended() < 2 {
        let _ = foreground.router.dispatch(&mut foreground.app);
        assert!(foreground.app.total() <= before + MOST);
        before = foreground.app.total();
        foreground.run_pending();
        before = before.max(foreground.app.total());
    }
    for pipe in [0, 1] {
        assert!(foreground.app.messages(pipe).iter().copied().eq(0..50));
    }
}

/// A loop goes on after a spent budget until nothing is left, although nothing more is sent.
pub fn fairness_what_a_budget_left_is_handled<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    foreground.router.set_budget(Budget { messages: 1, time: None });
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    for message in 0..15 {
        sender.send(message).unwrap();
    }
    foreground.until("all messages", |app| app.count(0) == 15);
    sender.stop().unwrap();
    assert_eq!(foreground.end_of(0), End::Finished);
}
