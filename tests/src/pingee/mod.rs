//! Checks of pingees, B14 to B16, on every event loop.

mod gone;
mod lost;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use homing_core::{Pingee, Pinger as _};

use crate::background::background;
use crate::deadline::deadline;

pub use gone::*;
pub use lost::*;

/// An event loop with pingees, as the suite drives it.
pub trait PingeeRig: Sized {
    /// The loop's pingee.
    type Pingee: Pingee + 'static;

    /// Makes a loop on this thread.
    fn new() -> Self;

    /// Makes a pingee of this loop.
    fn pingee(&mut self, on_ping: impl FnMut() + 'static) -> Self::Pingee;

    /// Runs the loop until `condition` holds, which is looked at after each time that the
    /// loop was woken, or until `most` has passed. Returns whether it held.
    ///
    /// It must not look on an interval: that would hide a wake-up that was lost.
    fn run_until(&mut self, condition: &mut dyn FnMut() -> bool, most: Duration) -> bool;

    /// Does what the loop was woken for by now, and waits for nothing.
    fn run_pending(&mut self);
}

/// How often a callback ran.
type Calls = Rc<Cell<usize>>;

fn counting<P: PingeeRig>(rig: &mut P) -> (P::Pingee, Calls) {
    let calls = Calls::default();
    let count = Rc::clone(&calls);
    (rig.pingee(move || count.set(count.get() + 1)), calls)
}

fn until<P: PingeeRig>(rig: &mut P, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    let held = rig.run_until(&mut condition, deadline());
    // A loop that looked when its time was over was not woken.
    assert!(held && start.elapsed() < deadline(), "waited in vain: {what}");
}

/// B14: a ping from another thread makes the callback run, on the loop's thread.
///
/// An implementation that fails it calls back on the pinger's thread, where the application's state is not.
pub fn b14_a_ping_calls_on_the_loops_thread<P: PingeeRig>() {
    let mut rig = P::new();
    let threads: Rc<RefCell<Vec<ThreadId>>> = Rc::default();
    let seen = Rc::clone(&threads);
    let pingee = rig.pingee(move || seen.borrow_mut().push(thread::current().id()));
    let pinger = pingee.pinger();
    let worker = background(move || pinger.ping());
    until(&mut rig, "a call", || !threads.borrow().is_empty());
    worker.join();
    // On the loop's own thread it calls nothing at once.
    pingee.pinger().ping();
    assert_eq!(threads.borrow().len(), 1);
    until(&mut rig, "a call", || threads.borrow().len() == 2);
    assert!(threads.borrow().iter().all(|id| *id == thread::current().id()));
}

/// B14: a ping that was sent before the loop ran is not lost.
pub fn b14_a_ping_before_the_loop_runs_counts<P: PingeeRig>() {
    let mut rig = P::new();
    let (pingee, calls) = counting(&mut rig);
    let pinger = pingee.pinger();
    background(move || pinger.ping()).join();
    until(&mut rig, "a call", || calls.get() == 1);
}

/// B14: n pings lead to at least one call after the last of them, and to at most n. Without
/// a ping there is no call.
///
/// An implementation that fails it loses the last ping, or calls for nothing.
pub fn b14_pings_merge<P: PingeeRig>() {
    let mut rig = P::new();
    let (pingee, calls) = counting(&mut rig);
    let (idle, never) = counting(&mut rig);
    rig.run_pending();
    assert_eq!(calls.get(), 0);
    let mut pings = 0;
    for burst in 1..50 {
        let before = calls.get();
        for _ in 0..burst {
            pingee.pinger().ping();
            pings += 1;
        }
        until(&mut rig, "a call after the last ping", || calls.get() > before);
        rig.run_pending();
        assert!(calls.get() <= pings, "{} calls for {pings} pings", calls.get());
    }
    assert_eq!(never.get(), 0);
    drop(idle);
}

/// B14: pings from many threads at once, each after its thread has pushed something: what
/// was pushed is seen by the last call at the latest.
pub fn b14_pings_from_many_threads_lose_nothing<P: PingeeRig>() {
    const THREADS: usize = 8;
    const PUSHES: usize = 500;
    let mut rig = P::new();
    let pushed = Arc::new(AtomicUsize::new(0));
    let seen = Rc::new(Cell::new(0));
    let pingee = rig.pingee({
        let (pushed, seen) = (Arc::clone(&pushed), Rc::clone(&seen));
        // Relaxed: the ping alone has to order it.
        move || seen.set(pushed.load(Ordering::Relaxed))
    });
    let workers: Vec<_> = (0..THREADS)
        .map(|_| {
            let (pushed, pinger) = (Arc::clone(&pushed), pingee.pinger());
            background(move || {
                for _ in 0..PUSHES {
                    pushed.fetch_add(1, Ordering::Relaxed);
                    pinger.ping();
                }
            })
        })
        .collect();
    until(&mut rig, "all pushes", || seen.get() == THREADS * PUSHES);
    for worker in workers {
        worker.join();
    }
}

/// B14: a callback that pings its own pingee is called again.
pub fn b14_a_callback_may_ping<P: PingeeRig>() {
    let mut rig = P::new();
    let calls = Calls::default();
    let own: Rc<RefCell<Option<<P::Pingee as Pingee>::Pinger>>> = Rc::default();
    let pingee = rig.pingee({
        let (calls, own) = (Rc::clone(&calls), Rc::clone(&own));
        move || {
            calls.set(calls.get() + 1);
            if calls.get() < 5
                && let Some(pinger) = &*own.borrow()
            {
                pinger.ping();
            }
        }
    });
    *own.borrow_mut() = Some(pingee.pinger());
    pingee.pinger().ping();
    until(&mut rig, "five calls", || calls.get() == 5);
}
