//! Driving a router by hand.

use std::time::{Duration, Instant};

use crate::budget::{Budget, Meter};
use crate::dispatch::{Dispatched, Dispatching};
use crate::error::RouteError;
use crate::router::Router;

/// How many arrivals are taken for queued already when a timeout has passed, at most.
const MOST_QUEUED: u32 = 1 << 16;

impl<C: 'static> Router<C> {
    /// Routes on this thread, without the event loop, until `condition` holds. For a clean
    /// shutdown: it is looked at on entry, and after each message.
    ///
    /// The router is unlinked from its event loop for the rest of its run: a
    /// [`dispatch`](Router::dispatch) does nothing any more, whoever was pinged for it.
    ///
    /// When the condition holds on entry nothing is routed. When `timeout` has passed, what
    /// is queued is still routed, with a timeout of zero too: until nothing waits, or 65 536
    /// messages have come, so that workers that keep the queues full cannot prolong it.
    ///
    /// # Errors
    ///
    /// [`RouteError::TimedOut`], after which it can be called again. Without a timeout,
    /// [`RouteError::NobodyLeft`] or [`RouteError::MailboxFull`] rather than wait for ever.
    ///
    /// # Panics
    ///
    /// As [`dispatch`](Router::dispatch).
    pub fn route_until(
        &self,
        context: &mut C,
        mut condition: impl FnMut(&mut C) -> bool,
        timeout: Option<Duration>,
    ) -> Result<(), RouteError> {
        let dispatching = Dispatching::enter(&self.inner).ok_or(RouteError::Nested)?;
        self.inner.state.borrow_mut().core.unlink().map_err(RouteError::WrongState)?;
        self.inner.wake.set_linked(false);
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut queued = MOST_QUEUED;
        let mut swept = false;
        loop {
            if condition(context) {
                return Ok(());
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let one = Budget { messages: 1, time: None };
            if let Dispatched::Again = dispatching.run(context, &mut Meter::new(one)) {
                if left == Some(Duration::ZERO) {
                    queued -= 1;
                    swept = false;
                    if queued == 0 {
                        return Err(RouteError::TimedOut);
                    }
                }
            } else if left != Some(Duration::ZERO) {
                self.wait(left)?;
            } else if swept {
                return Err(RouteError::TimedOut);
            } else {
                // What waits at the doorbells is queued as well.
                self.inner.state.borrow().watch.drain_now().map_err(RouteError::Wait)?;
                swept = true;
            }
        }
    }

    fn wait(&self, left: Option<Duration>) -> Result<(), RouteError> {
        let mut state = self.inner.state.borrow_mut();
        let running = state.core.state();
        if !running.is_running() {
            let wrong = homing_core::WrongState { state: running };
            return Err(RouteError::WrongState(wrong));
        }
        if left.is_none() {
            if !state.core.can_hear() {
                return Err(RouteError::NobodyLeft);
            }
            if state.links.values().any(|attached| attached.gate.is_closed()) {
                return Err(RouteError::MailboxFull);
            }
        }
        state.watch.wait(left).map_err(RouteError::Wait)
    }
}
