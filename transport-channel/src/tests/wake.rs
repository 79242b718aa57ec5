//! No wake-up is lost, and few are made.

use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use homing_core::wake::WakeFlag;

use super::*;

#[test]
fn rings_merge_while_the_foreground_has_not_looked() {
    let bell = Counter::default();
    let (factory, mut inlet) = link_with(100, bell.clone());
    let mut sender = sender(&factory, 0, Overflow::Wait);
    (0..50).for_each(|n| sender.send(n).unwrap());
    assert_eq!(bell.rings(), 1);
    assert_eq!(drain::<i32>(&mut inlet).len(), 50);
    sender.send(50).unwrap();
    assert_eq!(bell.rings(), 2, "it was found empty, so the next message rings");
}

/// As a router's bell: it merges, and wakes a thread that waits.
#[derive(Default)]
struct Sleeper {
    flag: WakeFlag,
    rung: Mutex<bool>,
    woken: Condvar,
}

struct Bell(Arc<Sleeper>);

impl Pinger for Bell {
    fn ping(&self) {
        if self.0.flag.set() {
            *self.0.rung.lock().unwrap() = true;
            self.0.woken.notify_one();
        }
    }
}

impl Sleeper {
    /// Returns false when the bell does not ring for very long.
    fn sleep(&self) -> bool {
        let rung = self.rung.lock().unwrap();
        let deadline = Duration::from_secs(60);
        let (mut rung, timeout) =
            self.woken.wait_timeout_while(rung, deadline, |rung| !*rung).unwrap();
        *rung = false;
        !timeout.timed_out()
    }
}

/// Two producers, and a foreground that sleeps whenever there is nothing.
fn stress(capacity: usize, overflow: Overflow, pause: bool) {
    const MESSAGES: u64 = 50_000;
    let sleeper = Arc::new(Sleeper::default());
    let (factory, mut inlet) = link_with(capacity, Bell(sleeper.clone()));
    let producers: Vec<_> = (0..2)
        .map(|pipe| {
            let mut sender = sender::<u64>(&factory, pipe, overflow);
            thread::spawn(move || {
                for n in 0..MESSAGES {
                    sender.send(n).unwrap();
                    // Lets the foreground find the queue empty time and again.
                    if pause && n % 3 == 0 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    drop(factory);
    let (mut accounted, mut ended) = (0, 0);
    'link: loop {
        // Drain, lower, look once more: what a router does.
        let mut lowered = false;
        loop {
            match take::<u64>(&mut inlet) {
                Ok(Some(Got::Message(..))) => accounted += 1,
                Ok(Some(Got::Missed(_, count))) => accounted += count,
                Ok(Some(Got::Stopped(_, end))) => {
                    assert_eq!(end, End::Dropped);
                    ended += 1;
                }
                Ok(None) if lowered => break,
                Ok(None) => {
                    sleeper.flag.clear();
                    lowered = true;
                    continue;
                }
                Err(end) => {
                    assert_eq!(end, LinkEnd::gone());
                    break 'link;
                }
            }
            if std::mem::take(&mut lowered) && sleeper.flag.set() {
                // The foreground is awake, so no ring is needed now.
            }
        }
        assert!(sleeper.sleep(), "a wake-up was lost after {accounted} messages");
    }
    assert_eq!((accounted, ended), (2 * MESSAGES, 2));
    producers.into_iter().for_each(|producer| producer.join().unwrap());
}

#[test]
fn no_wake_up_is_lost_on_a_shared_queue() {
    stress(16, Overflow::Wait, false);
}

#[test]
fn no_wake_up_is_lost_on_a_queue_that_is_often_empty() {
    stress(16, Overflow::Wait, true);
}

#[test]
fn no_wake_up_is_lost_on_a_queue_of_one() {
    stress(1, Overflow::Wait, false);
}

#[test]
fn no_wake_up_is_lost_on_queues_of_their_own() {
    stress(4, Overflow::DropOldest, true);
    stress(4, Overflow::LatestWins, true);
}
