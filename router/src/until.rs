//! Driving a router by hand.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use crate::budget::{Budget, Meter};
use crate::dispatch::{Dispatched, Dispatching};
use crate::error::{RouteError, TryRouteError};
use crate::interrupt::RouteInterrupt;
use crate::router::{Inner, Router};

/// One step: the condition is looked at after each.
const STEP: Budget = Budget { messages: 1, time: None };

impl<C: 'static> Router<C> {
    /// Routes on this thread, without the event loop, until `condition` holds: for a clean
    /// shutdown.
    ///
    /// The condition is looked at on entry, before every wait, and after everything that can
    /// change it: a message, the end of a pipe or a link, the exit of a process. When it holds
    /// on entry nothing is routed.
    ///
    /// The router is unlinked from its event loop for the rest of its run: a
    /// [`dispatch`](Router::dispatch) does nothing any more.
    ///
    /// When `timeout` has passed, also one of zero, what was queued by then is still routed,
    /// as far as the router's [budget](Router::budget) for one dispatch goes: a worker that
    /// keeps its queue full prolongs it no further.
    ///
    /// # Errors
    ///
    /// [`RouteError::TimedOut`] and [`RouteError::Interrupted`], after which it can be called
    /// again. Without a timeout, [`RouteError::NoLiveSenders`] or [`RouteError::MailboxFull`]
    /// rather than wait without end; an [alarm](Router::after) is waited for.
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
        let condition = |context: &mut C| Ok::<_, Infallible>(condition(context));
        self.try_route_until(context, condition, timeout).map_err(|error| match error {
            TryRouteError::Route(error) => error,
            TryRouteError::Condition(never) => match never {},
        })
    }

    /// As [`route_until`](Router::route_until), with a condition that can fail.
    ///
    /// # Errors
    ///
    /// As [`route_until`](Router::route_until); and [`TryRouteError::Condition`] with the
    /// condition's error, at once. Then it can be called again.
    ///
    /// # Panics
    ///
    /// As [`dispatch`](Router::dispatch).
    pub fn try_route_until<E>(
        &self,
        context: &mut C,
        mut condition: impl FnMut(&mut C) -> Result<bool, E>,
        timeout: Option<Duration>,
    ) -> Result<(), TryRouteError<E>> {
        if self.inner.dispatches.get() > 0 {
            return Err(RouteError::Nested.into());
        }
        let dispatching = Dispatching::enter(&self.inner);
        self.inner.core.borrow_mut().unlink().map_err(RouteError::WrongState)?;
        self.inner.state.borrow().waiting.set_linked(false);
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while !condition(context).map_err(TryRouteError::Condition)? {
            if self.inner.interrupt.take() {
                return Err(RouteError::Interrupted.into());
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return self.route_rest(&dispatching, context, condition);
            }
            if let Dispatched::Idle = dispatching.run(context, &mut Meter::new(STEP)) {
                // What made nothing to be routed may have changed the condition.
                if condition(context).map_err(TryRouteError::Condition)? {
                    return Ok(());
                }
                self.inner.wait(end)?;
            }
        }
        Ok(())
    }

    /// Gives a handle that interrupts [`route_until`](Router::route_until) from any thread.
    pub fn interrupter(&self) -> RouteInterrupt {
        self.inner.interrupt.clone()
    }

    /// The time is over: routes what is queued, within the budget of one dispatch.
    fn route_rest<E>(
        &self,
        dispatching: &Dispatching<'_, C>,
        context: &mut C,
        mut condition: impl FnMut(&mut C) -> Result<bool, E>,
    ) -> Result<(), TryRouteError<E>> {
        let mut rest = Meter::new(self.budget());
        let mut drained = false;
        loop {
            let routed = dispatching.run(context, &mut Meter::new(STEP)) == Dispatched::Again;
            if routed {
                drained = false;
            }
            if condition(context).map_err(TryRouteError::Condition)? {
                return Ok(());
            }
            if (routed && rest.spend()) || (!routed && drained) {
                return Err(RouteError::TimedOut.into());
            }
            if !routed {
                // What waits at the doorbells is queued as well.
                self.inner.state.borrow().waiting.drain_now().map_err(RouteError::Wait)?;
                drained = true;
            }
        }
    }
}

impl<C: 'static> Inner<C> {
    /// Waits until something comes, or the time is over.
    fn wait(&self, end: Option<Instant>) -> Result<(), RouteError> {
        let core = self.core.borrow();
        let (running, has_live_pipe) = (core.state(), core.has_live_pipe());
        drop(core);
        if !running.is_running() {
            let wrong = homing_core::WrongState { state: running };
            return Err(RouteError::WrongState(wrong));
        }
        let state = self.state.borrow();
        let Some(end) = end else {
            if !self.alarms.is_empty() {
                // The call may change anything.
                return state.waiting.wait(None).map_err(RouteError::Wait);
            }
            let has_worker = || state.links.values().any(|link| link.worker.is_some());
            if !has_live_pipe && !has_worker() {
                return Err(RouteError::NoLiveSenders);
            }
            if state.links.values().any(|link| link.backpressure.is_closed()) {
                return Err(RouteError::MailboxFull);
            }
            return state.waiting.wait(None).map_err(RouteError::Wait);
        };
        let left = end.saturating_duration_since(Instant::now());
        state.waiting.wait(Some(left)).map_err(RouteError::Wait)
    }
}
