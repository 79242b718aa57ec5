//! B10: nothing is left.

use std::time::Duration;

use homing_core::Overflow;

use crate::event_loops::EventLoopRig;
use crate::foreground::{Foreground, open_with};
use crate::resource_count::ResourceCount;
use crate::rig::TransportRig;

/// B10: a router that stops leaves no thread and no descriptor behind, whatever was on the
/// way: with open pipes of every policy, and with workers that wait for room.
///
/// It counts what the whole process has, so it needs a test binary for itself, where checks
/// run one after another. It needs a `/proc`.
///
/// An implementation that fails it has a thread that sleeps on an interval, or keeps an end of a link alive.
pub fn b10_nothing_is_left<T: TransportRig, H: EventLoopRig>() {
    use_it::<T, H>(true);
    let before = ResourceCount::take().expect("this check counts in /proc");
    for stops in [true, false] {
        use_it::<T, H>(stops);
        before.expect_restored();
    }
}

fn use_it<T: TransportRig, H: EventLoopRig>(stops: bool) {
    let mut foreground = Foreground::<H>::started();
    let mut workers = Vec::new();
    let links: Vec<_> = (0..8).map(|_| foreground.small_link::<T>()).collect();
    for (pipe, link) in links.iter().enumerate() {
        let overflow = match pipe % 4 {
            0 => Overflow::DropOldest,
            1 => Overflow::LatestWins,
            _ => Overflow::Wait,
        };
        let mut sender = open_with::<T>(link, overflow, pipe);
        workers.push(foreground.spawn(move || {
            for message in 0.. {
                if sender.send(message).is_err() {
                    break;
                }
            }
        }));
    }
    foreground.until("messages of all", |app| (0..8).all(|pipe| app.count(pipe) > 0));
    let alarm = foreground.router.after(Duration::from_secs(3600), |_| {}).unwrap();
    drop(links);
    if stops {
        foreground.router.stop(&mut foreground.app).unwrap();
    }
    drop(foreground);
    drop(alarm);
    for worker in workers {
        worker.join();
    }
}
