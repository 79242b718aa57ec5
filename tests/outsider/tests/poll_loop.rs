//! The event loop: its pingees, and a router that is joined to it in both ways.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rigs;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use homing::{Dispatched, LoopBinding, Pingee as _, Pinger as _, Router};
use homing_conformance::{EventLoopRig, PingeeRig, WakeFn, event_loop_suite, pingee_suite};
use homing_outsider::poll_loop::{PollLoop, PollPingee};
use rigs::Queues;

struct Pingees(PollLoop);

impl PingeeRig for Pingees {
    type Pingee = PollPingee;

    fn new() -> Self {
        Self(PollLoop::new().unwrap())
    }

    fn pingee(&mut self, on_ping: impl FnMut() + 'static) -> PollPingee {
        self.0.pingee(on_ping)
    }

    fn run_until(&mut self, condition: &mut dyn FnMut() -> bool, most: Duration) -> bool {
        let end = Instant::now() + most;
        while !condition() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.0.turn(Some(left)).unwrap();
        }
        true
    }

    fn run_pending(&mut self) {
        self.0.turn(Some(Duration::ZERO)).unwrap();
    }
}

pingee_suite!(pingee, Pingees);

/// A router that is joined by a pingee, whose callback notes that it is to dispatch: the
/// application is not the loop's to hand out.
struct ByPingee {
    event_loop: PollLoop,
    pingee: PollPingee,
    is_due: Rc<Cell<bool>>,
}

impl EventLoopRig for ByPingee {
    fn new() -> Self {
        let mut event_loop = PollLoop::new().unwrap();
        let is_due = Rc::new(Cell::new(false));
        let due = Rc::clone(&is_due);
        let pingee = event_loop.pingee(move || due.set(true));
        Self { event_loop, pingee, is_due }
    }

    fn binding(&self) -> LoopBinding {
        LoopBinding::pinger(self.pingee.pinger())
    }

    fn wake_fn(&self) -> WakeFn {
        let poller = Arc::clone(self.event_loop.poller());
        Arc::new(move || poller.notify().unwrap())
    }

    fn turn<C: 'static>(&mut self, router: &Router<C>, app: &mut C, most: Duration) {
        self.event_loop.turn(Some(most)).unwrap();
        if self.is_due.take() && router.dispatch(app) == Dispatched::Again {
            self.pingee.pinger().ping();
        }
    }
}

event_loop_suite!(by_pingee, Queues, ByPingee, except: [b06_a_message_over_the_limit_is_refused]);
