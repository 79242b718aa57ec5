//! Checks of pingees, B14 to B16, on every event loop.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use homing_core::wake::Flag;
use homing_core::{Pingee, Pinger as _};

use crate::background::{DEADLINE, background};

/// An event loop with pingees, as the suite drives it.
pub trait PingeeRig: Sized {
    /// The loop's pingee.
    type Pingee: Pingee;

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
    fn settle(&mut self);
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
    let held = rig.run_until(&mut condition, DEADLINE);
    // A loop that looked when its time was over was not woken.
    assert!(held && start.elapsed() < DEADLINE, "waited in vain: {what}");
}

/// B14: a ping from another thread makes the callback run, on the loop's thread.
///
/// Who fails it calls back on the pinger's thread, where the application's state is not.
pub fn b14_a_ping_calls_on_the_loops_thread<P: PingeeRig>() {
    let mut rig = P::new();
    let threads: Rc<RefCell<Vec<ThreadId>>> = Rc::default();
    let seen = Rc::clone(&threads);
    let pingee = rig.pingee(move || seen.borrow_mut().push(thread::current().id()));
    let pinger = pingee.pinger();
    let worker = background(move || pinger.ping());
    until(&mut rig, "a call", || !threads.borrow().is_empty());
    worker.join();
    // On the loop's own thread it calls nobody at once.
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
/// Who fails it loses the last ping, or calls for nothing.
pub fn b14_pings_merge<P: PingeeRig>() {
    let mut rig = P::new();
    let (pingee, calls) = counting(&mut rig);
    let (idle, never) = counting(&mut rig);
    rig.settle();
    assert_eq!(calls.get(), 0);
    let mut pings = 0;
    for burst in 1..50 {
        let before = calls.get();
        for _ in 0..burst {
            pingee.pinger().ping();
            pings += 1;
        }
        until(&mut rig, "a call after the last ping", || calls.get() > before);
        rig.settle();
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

/// B15: a ping to a pingee that was dropped does nothing, also one that was on its way. The
/// loop goes on for others.
///
/// Who fails it calls into an application that is gone.
pub fn b15_a_ping_to_a_dropped_pingee_does_nothing<P: PingeeRig>() {
    let mut rig = P::new();
    let (pingee, calls) = counting(&mut rig);
    let (other, others) = counting(&mut rig);
    let pinger = pingee.pinger();
    pinger.ping();
    drop(pingee);
    let late = pinger.clone();
    background(move || late.ping()).join();
    other.pinger().ping();
    until(&mut rig, "another pingee", || others.get() == 1);
    rig.settle();
    assert_eq!(calls.get(), 0);
    drop(pinger);
}

/// B15: a ping to a loop that is gone does nothing: no panic, no wait.
pub fn b15_a_ping_to_a_loop_that_is_gone_does_nothing<P: PingeeRig>() {
    let mut rig = P::new();
    let (pingee, calls) = counting(&mut rig);
    let (kept, _) = counting(&mut rig);
    let pingers = [pingee.pinger(), kept.pinger()];
    pingers[0].ping();
    drop(pingee);
    drop(rig);
    let worker = background(move || {
        for pinger in &pingers {
            for _ in 0..1000 {
                pinger.ping();
            }
        }
    });
    worker.join();
    assert_eq!(calls.get(), 0);
    // A pingee may outlive its loop.
    kept.pinger().ping();
    drop(kept);
}

/// Says on which thread it was dropped.
struct Dropped(Arc<Mutex<Option<ThreadId>>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = Some(thread::current().id());
    }
}

/// B15: the callback is dropped with the pingee, on the pingee's thread, whoever holds
/// pingers. The last pinger, dropped on another thread, drops nothing of the loop's.
///
/// Who fails it lets a pinger own the callback: an `Arc` of both.
pub fn b15_the_callback_is_dropped_with_the_pingee<P: PingeeRig>() {
    let mut rig = P::new();
    for pinged in [false, true] {
        let dropped = Arc::new(Mutex::new(None));
        let guard = Dropped(Arc::clone(&dropped));
        let pingee = rig.pingee(move || {
            let _ = &guard;
        });
        let pinger = pingee.pinger();
        let (may_go, go) = std::sync::mpsc::channel::<()>();
        let worker = background(move || {
            if pinged {
                pinger.ping();
            }
            go.recv().unwrap();
            drop(pinger);
        });
        assert_eq!(*dropped.lock().unwrap(), None);
        drop(pingee);
        assert_eq!(*dropped.lock().unwrap(), Some(thread::current().id()));
        may_go.send(()).unwrap();
        worker.join();
        rig.settle();
    }
}

/// B16: a queue, a flag and a pinger, as transports use them: a consumer that sleeps between
/// any two messages is woken for each. Half of the messages come in pairs, the second when
/// the consumer is about to fall asleep.
pub fn b16_no_ping_is_lost<P: PingeeRig>() {
    const ROUNDS: usize = 2000;
    struct Queue {
        messages: Mutex<VecDeque<usize>>,
        flag: Flag,
    }
    let mut rig = P::new();
    let queue = Arc::new(Queue { messages: Mutex::default(), flag: Flag::new() });
    let got = Rc::new(Cell::new(0));
    let pingee = rig.pingee({
        let (queue, got) = (Arc::clone(&queue), Rc::clone(&got));
        move || {
            let pop = || queue.messages.lock().unwrap().pop_front();
            loop {
                let Some(message) = pop().or_else(|| {
                    queue.flag.lower();
                    let found = pop();
                    // Whoever raised it in between has pinged for nothing.
                    let _ = found.is_some() && queue.flag.raise();
                    found
                }) else {
                    return;
                };
                assert_eq!(message, got.get());
                got.set(got.get() + 1);
            }
        }
    });
    let (go, may_go) = std::sync::mpsc::channel();
    let pinger = pingee.pinger();
    let worker = background(move || {
        while let Ok(message) = may_go.recv() {
            queue.messages.lock().unwrap().push_back(message);
            if queue.flag.raise() {
                pinger.ping();
            }
        }
    });
    let mut sent = 0;
    for round in 0..ROUNDS {
        for _ in 0..=round % 2 {
            go.send(sent).unwrap();
            sent += 1;
        }
        until(&mut rig, "a message", || got.get() == sent);
    }
    drop(go);
    worker.join();
}
