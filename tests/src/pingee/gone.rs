//! B15: pingees and loops that are gone.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use homing_core::{Pingee as _, Pinger as _};

use super::{Calls, PingeeRig, counting, until};
use crate::background::background;

/// B15: a ping to a pingee that was dropped does nothing, also one that was on its way. The
/// loop goes on for others.
///
/// An implementation that fails it calls into an application that is gone.
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
    rig.run_pending();
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

/// The thread on which it was dropped. The lock is released before a check can panic.
fn at(dropped: &Mutex<Option<ThreadId>>) -> Option<ThreadId> {
    *dropped.lock().unwrap()
}

/// B15: the callback is dropped with the pingee, on the pingee's thread, whichever thread holds
/// pingers. The last pinger, dropped on another thread, drops nothing of the loop's.
///
/// An implementation that fails it lets a pinger own the callback: an `Arc` of both.
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
        assert_eq!(at(&dropped), None);
        drop(pingee);
        assert_eq!(at(&dropped), Some(thread::current().id()));
        may_go.send(()).unwrap();
        worker.join();
        rig.run_pending();
    }
}

/// B15: a callback may drop its own pingee. It is dropped when it has returned, and is not
/// called again.
///
/// An implementation that fails it has borrowed, while it calls, what a pingee's drop needs.
pub fn b15_a_callback_may_drop_its_own_pingee<P: PingeeRig>() {
    let mut rig = P::new();
    let own: Rc<RefCell<Option<P::Pingee>>> = Rc::default();
    let calls = Calls::default();
    let dropped = Arc::new(Mutex::new(None));
    let guard = Dropped(Arc::clone(&dropped));
    let pingee = rig.pingee({
        let (own, calls) = (Rc::clone(&own), Rc::clone(&calls));
        move || {
            let _ = &guard;
            calls.set(calls.get() + 1);
            drop(own.take());
        }
    });
    let pinger = pingee.pinger();
    let (other, others) = counting(&mut rig);
    *own.borrow_mut() = Some(pingee);
    pinger.ping();
    until(&mut rig, "a call", || calls.get() == 1);
    assert_eq!(at(&dropped), Some(thread::current().id()));
    pinger.ping();
    other.pinger().ping();
    until(&mut rig, "another pingee", || others.get() == 1);
    rig.run_pending();
    assert_eq!(calls.get(), 1);
}
