//! Taking messages off the links and telling their receivers.

use std::time::{Duration, Instant};

use homing_core::RouterState;

use crate::budget::Meter;
use crate::link_pass::{LinkPass, Next, Progress};
use crate::router::{Inner, Router};
use crate::wake::Token;

/// How many arrivals one link may bring before the next has its turn.
const LINK_QUANTUM: u32 = 64;

/// How long a dispatch serves links that it knows to be ready before it looks whether others have
/// become so. A look is a system call.
const LOOK_AFTER: Duration = Duration::from_micros(16);

/// Whether a dispatch left something for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "when it says `Again`, the event loop must dispatch again soon"]
pub enum Dispatched {
    /// Nothing is left: the router will wake the event loop when something comes.
    Idle,
    /// The budget was spent. The event loop is to dispatch again when it has done its other
    /// work; the router will not wake it for that.
    Again,
}

impl<C: 'static> Router<C> {
    /// Hands messages that have arrived to their receivers, calls what other threads have
    /// [posted](crate::RouterHandle::post) and what was to be called [after](Router::after) some
    /// time, until nothing is left or the [`budget`](Router::budget) is spent. Event loops call it
    /// when they are woken for the router.
    ///
    /// Links are served in turn. Nothing is routed while the router does not run, or is driven
    /// by hand ([`route_until`](Router::route_until)).
    ///
    /// # Within a handler
    ///
    /// A handler may run a nested event loop, as a modal dialog does, which dispatches: all
    /// pipes are served but that of the handler. It calls [`wake`](Router::wake) first: the
    /// event loop was woken for the dispatch that runs the handler already, and is not woken
    /// again before that has returned or a nested one has found nothing left. What arrives for
    /// the handler's own pipe is stored, and handled when the handler has returned. Should more than 1024 messages or 64 MiB be stored, its
    /// link is not served any more until then.
    ///
    /// # Panics
    ///
    /// A handler's panic passes through. The router can still be used, the pipe of that
    /// handler goes on, and what was to be handled next is handled by the next dispatch.
    pub fn dispatch(&self, context: &mut C) -> Dispatched {
        let state = self.inner.core.borrow().state();
        let budget = self.inner.state.borrow().budget;
        let dispatching = Dispatching::enter(&self.inner);
        let mut meter = Meter::new(budget);
        match state {
            RouterState::Linked => dispatching.run(context, &mut meter),
            RouterState::Stopped => dispatching.settle(context, &mut meter),
            RouterState::Manual => Dispatched::Idle,
        }
    }

    /// Makes the event loop dispatch soon, whether or not something has come. For a handler
    /// that is about to run a nested event loop, see [`dispatch`](Router::dispatch).
    pub fn wake(&self) {
        self.inner.wake.restart();
    }

    /// Whether a [`dispatch`](Router::dispatch) is due: something came, or was left by the
    /// last one. An event loop that shares its doorbells among routers asks before it sleeps.
    pub fn is_due(&self) -> bool {
        match self.inner.core.borrow().state() {
            RouterState::Linked => {
                self.inner.wake.is_raised() || !self.inner.unsettled.borrow().is_empty()
            }
            RouterState::Stopped => !self.inner.unsettled.borrow().is_empty(),
            RouterState::Manual => false,
        }
    }
}

/// A dispatch on the stack. It ends with its drop, also when a handler panics.
pub(crate) struct Dispatching<'a, C: 'static> {
    inner: &'a Inner<C>,
    /// The link that the dispatch further up the stack serves, where there is one.
    outer: Option<Token>,
    nested: bool,
}

impl<'a, C: 'static> Dispatching<'a, C> {
    pub(crate) fn enter(inner: &'a Inner<C>) -> Self {
        let depth = inner.dispatches.get();
        inner.dispatches.set(depth + 1);
        let outer = inner.serving.take();
        if let Some(token) = outer {
            // Its other pipes are served by this dispatch.
            inner.state.borrow_mut().run_queue.push_back(token);
        }
        Self { inner, outer, nested: depth > 0 }
    }

    pub(crate) fn run(&self, context: &mut C, meter: &mut Meter) -> Dispatched {
        if let Dispatched::Again = self.settle(context, meter) {
            return Dispatched::Again;
        }
        let mut looked = None;
        self.inner.alarms.retry();
        loop {
            if let Dispatched::Again = self.call(context, meter) {
                return Dispatched::Again;
            }
            let Some(token) = self.next() else {
                if self.inner.calls.is_empty() && !self.inner.alarms.is_due() {
                    break;
                }
                // One was posted, or became due, before the flag was cleared.
                self.inner.wake.stay_awake();
                continue;
            };
            if self.serve(token, context, meter) {
                return Dispatched::Again;
            }
            if let Dispatched::Again = self.settle(context, meter) {
                return Dispatched::Again;
            }
            self.look_at_doorbells(&mut looked);
        }
        self.inner.spin.note_sleep();
        Dispatched::Idle
    }

    /// Makes the calls whose time has come, and those that other threads have posted: as many as one
    /// link may bring messages, so that links have their turns. They have the first one after calls
    /// have spent a budget.
    #[inline]
    fn call(&self, context: &mut C, meter: &mut Meter) -> Dispatched {
        if self.inner.calls_spent.take() {
            return Dispatched::Idle;
        }
        for _ in 0..LINK_QUANTUM {
            if let Some(call) = self.inner.alarms.take() {
                call(context);
            } else if let Some(call) = self.inner.calls.take() {
                call(context);
            } else {
                break;
            }
            if meter.spend() {
                self.inner.calls_spent.set(true);
                return Dispatched::Again;
            }
        }
        Dispatched::Idle
    }

    /// Looks at the doorbells now and then, while links go on to have something: a link that
    /// floods does not keep quiet ones waiting until the budget is spent.
    fn look_at_doorbells(&self, looked: &mut Option<Instant>) {
        let state = self.inner.state.borrow();
        if state.run_queue.is_empty() || state.links.len() < 2 {
            return;
        }
        let now = Instant::now();
        if now - *looked.get_or_insert(now) >= LOOK_AFTER {
            state.waiting.look();
            *looked = Some(now);
        }
    }

    /// Tells what receivers have stored: for a nested event loop, or by a panic.
    fn settle(&self, context: &mut C, meter: &mut Meter) -> Dispatched {
        loop {
            let Some(receiver) = self.inner.unsettled.borrow_mut().pop_front() else {
                return Dispatched::Idle;
            };
            self.inner.tell(&receiver, context, None);
            if meter.spend() {
                return Dispatched::Again;
            }
        }
    }

    /// The link whose turn is next. `None` when all are asleep: then the next ring wakes the
    /// event loop.
    fn next(&self) -> Option<Token> {
        let mut state = self.inner.state.borrow_mut();
        while let Some(token) = self.inner.wake.next() {
            state.run_queue.push_back(token);
        }
        state.run_queue.pop_front().or_else(|| self.inner.wake.try_sleep())
    }

    /// Gives one link its turn. Whether the budget is spent.
    fn serve(&self, token: Token, context: &mut C, meter: &mut Meter) -> bool {
        let Some(mut pass) = LinkPass::begin(self.inner, token) else {
            return self.inner.reap(token, context) && meter.spend();
        };
        self.inner.serving.set(Some(token));
        let mut left = LINK_QUANTUM;
        let (next, spent) = loop {
            match pass.step(context, meter, !self.nested) {
                Progress::Made => self.inner.spin.note_arrival(),
                Progress::Blocked => break (Next::Park, false),
                Progress::Finished => break (Next::Remove, meter.spend()),
            }
            left -= 1;
            if meter.spend() {
                break (Next::Requeue, true);
            }
            if left == 0 {
                break (Next::Requeue, false);
            }
        };
        pass.end(context, next);
        self.inner.serving.set(None);
        spent
    }
}

impl<C: 'static> Drop for Dispatching<'_, C> {
    fn drop(&mut self) {
        self.inner.dispatches.set(self.inner.dispatches.get() - 1);
        self.inner.serving.set(self.outer);
        if std::thread::panicking() {
            // Flags are set, so nothing else makes the loop come for what is left.
            self.inner.wake.ping();
        }
    }
}
