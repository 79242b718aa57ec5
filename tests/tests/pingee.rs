//! Event loops.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use homing_conformance::PingeeRig;
use homing_pingee_adapters::std_loop::{EventLoop, StdPingee};
use homing_router::Router;

/// The loop for programs that have none. It runs with a router that is stopped.
struct StdLoop {
    event_loop: EventLoop,
    router: Router<()>,
}

impl PingeeRig for StdLoop {
    type Pingee = StdPingee;

    fn new() -> Self {
        let event_loop = EventLoop::new().unwrap();
        let router = Router::new(&event_loop);
        Self { event_loop, router }
    }

    fn pingee(&mut self, on_ping: impl FnMut() + 'static) -> StdPingee {
        self.event_loop.pingee(on_ping)
    }

    fn run_until(&mut self, condition: &mut dyn FnMut() -> bool, most: Duration) -> bool {
        let end = Instant::now() + most;
        while !condition() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.event_loop.turn(&self.router, &mut (), Some(left)).unwrap();
        }
        true
    }

    fn run_pending(&mut self) {
        for _ in 0..3 {
            self.event_loop.turn(&self.router, &mut (), Some(Duration::ZERO)).unwrap();
        }
    }
}

homing_conformance::pingee_suite!(std_loop, StdLoop);
