//! Taking messages off the links and handing them to their receivers.

use std::cell::Cell;

use homing_core::RouterState;

use crate::budget::Meter;
use crate::router::{Inner, Router};
use crate::turn::{After, Step, Turn};
use crate::wake::Token;

/// How many messages one link may hand over before the next has its turn.
const TURN: u32 = 64;

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
    /// Hands messages that have arrived to their receivers, until nothing is left or the
    /// [`budget`](Router::budget) is spent. Event loops call it when they are woken for the
    /// router.
    ///
    /// Links are served in turn. It does nothing when the router does not run, is driven by
    /// hand ([`route_until`](Router::route_until)), or is dispatching already: a handler that
    /// calls it is told that there is more.
    ///
    /// # Panics
    ///
    /// A handler's panic passes through. The router can still be used, and the pipe of that
    /// handler goes on.
    pub fn dispatch(&self, context: &mut C) -> Dispatched {
        let state = self.inner.state.borrow();
        let (manual, budget) = (state.core.state(), state.budget);
        drop(state);
        if manual != RouterState::Linked {
            return Dispatched::Idle;
        }
        match Dispatching::enter(&self.inner) {
            Some(dispatching) => dispatching.run(context, &mut Meter::new(budget)),
            None => Dispatched::Again,
        }
    }

    /// Whether a [`dispatch`](Router::dispatch) is due: something came, or was left by the
    /// last one. An event loop that shares its doorbells among routers asks before it sleeps.
    pub fn is_due(&self) -> bool {
        self.inner.wake.is_raised() && self.inner.state.borrow().core.state() == RouterState::Linked
    }
}

/// Ends with its drop, also when a handler panics.
pub(crate) struct Dispatching<'a, C: 'static> {
    pub(crate) inner: &'a Inner<C>,
    /// Something came since it last waited a little for more.
    pub(crate) busy: Cell<bool>,
}

impl<'a, C: 'static> Dispatching<'a, C> {
    /// `None` when a dispatch is on the stack already.
    pub(crate) fn enter(inner: &'a Inner<C>) -> Option<Self> {
        // Not `then_some`: that would make one, and drop it, while a dispatch runs.
        (!inner.dispatching.replace(true)).then(|| Self { inner, busy: Cell::new(false) })
    }

    pub(crate) fn run(&self, context: &mut C, meter: &mut Meter) -> Dispatched {
        while let Some(token) = self.next() {
            match self.serve(token, context, meter) {
                Served::Done => {}
                Served::Spent => return Dispatched::Again,
            }
        }
        Dispatched::Idle
    }

    /// The link whose turn is next. `None` when all are asleep: then the next ring wakes the
    /// event loop.
    fn next(&self) -> Option<Token> {
        let mut state = self.inner.state.borrow_mut();
        while let Some(token) = self.inner.wake.next() {
            state.line.push_back(token);
        }
        state.line.pop_front().or_else(|| self.inner.wake.try_sleep())
    }

    /// Gives one link its turn.
    fn serve(&self, token: Token, context: &mut C, meter: &mut Meter) -> Served {
        let Some(mut turn) = Turn::begin(self, token) else { return Served::Done };
        for _ in 0..TURN {
            match turn.step(context) {
                Step::Did => self.busy.set(true),
                Step::Waits => {
                    turn.end(context, After::OutOfLine);
                    return Served::Done;
                }
                Step::Ended => {
                    turn.end(context, After::Over);
                    return Served::Done;
                }
            }
            if meter.spend() {
                turn.end(context, After::Line);
                return Served::Spent;
            }
        }
        turn.end(context, After::Line);
        Served::Done
    }
}

impl<C: 'static> Drop for Dispatching<'_, C> {
    fn drop(&mut self) {
        self.inner.dispatching.set(false);
        if std::thread::panicking() {
            // Flags are up, and nobody else will make the loop come for what is left.
            self.inner.wake.ping();
        }
    }
}

enum Served {
    Done,
    Spent,
}
