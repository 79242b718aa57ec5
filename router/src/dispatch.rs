//! Taking messages off the links and handing them to their receivers.

use std::cell::Cell;

use crossbeam_utils::Backoff;
use homing_core::{End, Lent, LinkId, Polled};

use crate::budget::Meter;
use crate::gate::Gate;
use crate::receiver::Entry;
use crate::router::{Inner, Router};
use crate::wake::{Bell, Token};

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
        if manual != homing_core::RouterState::Linked {
            return Dispatched::Idle;
        }
        match Dispatching::enter(&self.inner) {
            Some(dispatching) => dispatching.run(context, &mut Meter::new(budget)),
            None => Dispatched::Again,
        }
    }
}

/// Ends with its drop, also when a handler panics.
pub(crate) struct Dispatching<'a, C: 'static> {
    inner: &'a Inner<C>,
    /// Something came since it last waited a little for more.
    busy: Cell<bool>,
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
            if turn.gate.is_closed() {
                turn.gate.wait();
                turn.next = After::OutOfLine;
                break;
            }
            match turn.poll(context) {
                Step::Did => self.busy.set(true),
                Step::Slept => {
                    turn.next = After::OutOfLine;
                    break;
                }
                Step::Ended => {
                    turn.next = After::Over;
                    break;
                }
            }
            if meter.spend() {
                turn.flush_later(context);
                return Served::Spent;
            }
        }
        turn.flush_later(context);
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

/// What one look at a link came to.
enum Step {
    Did,
    Slept,
    Ended,
}

/// Where a link goes when its turn ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// To the end of the line. Also when a handler panics.
    Line,
    /// Nowhere: it is asleep, or waits for a mailbox.
    OutOfLine,
    /// Out of the router.
    Over,
}

/// One link's turn. Its drop puts the link where it belongs.
struct Turn<'a, C: 'static> {
    dispatching: &'a Dispatching<'a, C>,
    inner: &'a Inner<C>,
    token: Token,
    link: LinkId,
    bell: Bell,
    gate: Gate,
    next: After,
}

impl<'a, C: 'static> Turn<'a, C> {
    /// `None` when the link is no more.
    fn begin(dispatching: &'a Dispatching<'a, C>, token: Token) -> Option<Self> {
        let inner = dispatching.inner;
        let mut state = inner.state.borrow_mut();
        let attached = state.links.get(&token)?;
        let Some(link) = attached.link else {
            // Only its process was left, and that may have ended now.
            if attached.worker.as_ref().is_none_or(|worker| worker.exit().is_some()) {
                state.links.remove(&token);
            } else {
                attached.bell.flag().lower();
                if attached.worker.as_ref().is_some_and(|worker| worker.exit().is_some()) {
                    state.links.remove(&token);
                }
            }
            return None;
        };
        let (bell, gate) = (attached.bell.clone(), attached.gate.clone());
        Some(Self { dispatching, inner, token, link, bell, gate, next: After::Line })
    }

    /// Takes one arrival and tells whom it concerns.
    #[inline]
    fn poll(&mut self, context: &mut C) -> Step {
        match self.look() {
            Polled::Message(lent) => {
                Loan::new(self.inner, lent).deliver(context, &self.gate);
                Step::Did
            }
            Polled::Empty => self.try_sleep(context),
            polled => self.rarer(polled, context),
        }
    }

    #[inline]
    fn look(&self) -> Polled<Entry<C>> {
        self.inner.state.borrow_mut().core.poll(self.link)
    }

    /// Nothing is there: waits a little, then lowers the link's flag and looks once more.
    #[cold]
    fn try_sleep(&mut self, context: &mut C) -> Step {
        self.flush_later(context);
        if let Some(polled) = self.linger() {
            return self.rarer(polled, context);
        }
        self.bell.flag().lower();
        let polled = self.look();
        if let Polled::Empty = polled {
            return Step::Slept;
        }
        // It stays in line. Should its bell have rung in between, it is in line twice, which
        // costs a look.
        let _ = self.bell.flag().raise();
        self.rarer(polled, context)
    }

    /// Waits some microseconds for more, where something has just come and all other links
    /// are asleep. A sender in full flow need not ring for each message then: to ring, and to
    /// be woken, costs more than what it does.
    fn linger(&self) -> Option<Polled<Entry<C>>> {
        if !self.dispatching.busy.take() || !self.is_alone() {
            return None;
        }
        let backoff = Backoff::new();
        while !backoff.is_completed() && self.is_alone() {
            backoff.snooze();
            let polled = self.look();
            if !matches!(polled, Polled::Empty) {
                return Some(polled);
            }
        }
        None
    }

    /// Whether no other link waits for its turn.
    fn is_alone(&self) -> bool {
        self.inner.state.borrow().line.is_empty() && self.inner.wake.is_quiet()
    }

    #[cold]
    fn rarer(&mut self, polled: Polled<Entry<C>>, context: &mut C) -> Step {
        match polled {
            Polled::Quiet | Polled::Empty => Step::Did,
            Polled::Message(lent) => {
                Loan::new(self.inner, lent).deliver(context, &self.gate);
                Step::Did
            }
            Polled::Later(connection) => {
                self.inner.state.borrow_mut().later.push(connection);
                Step::Did
            }
            Polled::Ended(mut lent, end) => {
                if lent.receiver.holds() {
                    self.inner.state.borrow_mut().core.count_routed();
                    lent.receiver.deliver(context, &self.gate);
                }
                lent.receiver.end(context, end);
                Step::Did
            }
            Polled::LinkEnded(_) => Step::Ended,
        }
    }

    /// Tells the receivers that held a message until now.
    fn flush_later(&mut self, context: &mut C) {
        loop {
            let mut state = self.inner.state.borrow_mut();
            let Some(connection) = state.later.pop() else { return };
            let holds =
                state.core.receiver_mut(connection).is_some_and(|receiver| receiver.holds());
            let lent = if holds { state.core.lend(connection) } else { None };
            drop(state);
            if let Some(lent) = lent {
                Loan::new(self.inner, lent).deliver(context, &self.gate);
            }
        }
    }
}

impl<C: 'static> Drop for Turn<'_, C> {
    fn drop(&mut self) {
        let mut state = self.inner.state.borrow_mut();
        state.watch.made_room();
        match self.next {
            After::Line if state.links.contains_key(&self.token) => {
                state.line.push_back(self.token);
            }
            After::Line | After::OutOfLine => {}
            After::Over => {
                let Some(attached) = state.links.get_mut(&self.token) else { return };
                attached.link = None;
                let key = attached.key;
                let running = attached.worker.as_ref().is_some_and(|w| w.exit().is_none());
                if !running {
                    state.links.remove(&self.token);
                } else {
                    // Its end rings once more.
                    self.bell.flag().lower();
                }
                if let Some(key) = key {
                    state.watch.cut(key);
                }
            }
        }
    }
}

/// A receiver that is told something. Its drop gives it back to the routing table, also when
/// its handler panics.
struct Loan<'a, C: 'static> {
    inner: &'a Inner<C>,
    lent: Option<Lent<Entry<C>>>,
}

impl<'a, C: 'static> Loan<'a, C> {
    #[inline]
    fn new(inner: &'a Inner<C>, lent: Lent<Entry<C>>) -> Self {
        Self { inner, lent: Some(lent) }
    }

    #[inline]
    fn deliver(mut self, context: &mut C, gate: &Gate) {
        if let Some(lent) = &mut self.lent {
            lent.receiver.deliver(context, gate);
        }
        if let Some(closed) = self.give_back() {
            closed.receiver.end(context, End::Closed);
        }
    }

    /// Returns the receiver when its pipe was closed while it was lent.
    #[inline]
    fn give_back(&mut self) -> Option<Lent<Entry<C>>> {
        let lent = self.lent.take()?;
        self.inner.state.borrow_mut().core.restore(lent)
    }
}

impl<C: 'static> Drop for Loan<'_, C> {
    fn drop(&mut self) {
        // A receiver that comes back was closed by the handler that panicked.
        drop(self.give_back());
    }
}
