//! One link's turn: its arrivals, one after another, and whom they concern.

use crossbeam_utils::Backoff;
use homing_core::{
    Arrival, CheckedOut, End, Inlet, LinkEnd, LinkId, Polled, ProtocolError, Undecodable,
};

use crate::dispatch::Dispatching;
use crate::gate::Gate;
use crate::receiver::Entry;
use crate::router::Inner;
use crate::wake::{LinkSignal, Token};

/// What one step of a turn came to.
pub(crate) enum Step {
    /// Something arrived.
    Did,
    /// The link is asleep, or waits for a mailbox.
    Waits,
    /// The link has ended, and all its pipes have been told.
    Ended,
}

/// Where a link goes when its turn ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// To the end of the line. Also when a handler panics.
    Line,
    /// Nowhere: its waker puts it in line again.
    OutOfLine,
    /// Out of the router.
    Over,
}

/// One link's turn. For that time it has the link's inlet, and, while message follows message
/// on the same pipe, the receiver of that pipe: neither is moved for each message. Its drop
/// gives back both, also when a handler panics.
pub(crate) struct Turn<'a, C: 'static> {
    dispatching: &'a Dispatching<'a, C>,
    inner: &'a Inner<C>,
    token: Token,
    link: LinkId,
    signal: LinkSignal,
    gate: Gate,
    /// `None` once the link has ended.
    inlet: Option<Box<dyn Inlet>>,
    loan: Loan<'a, C>,
    after: After,
}

impl<'a, C: 'static> Turn<'a, C> {
    /// `None` when the link is no more.
    pub(crate) fn begin(dispatching: &'a Dispatching<'a, C>, token: Token) -> Option<Self> {
        let inner = dispatching.inner;
        let mut state = inner.state.borrow_mut();
        let attached = state.links.get(&token)?;
        let Some(link) = attached.link else {
            // Only its process was left, and that may have ended now. The flag is lowered
            // before the look, so that an end that comes after it rings.
            attached.signal.flag().clear();
            if attached.worker.as_ref().is_none_or(|worker| worker.exit().is_some()) {
                state.links.remove(&token);
            }
            return None;
        };
        let (signal, gate) = (attached.signal.clone(), attached.gate.clone());
        let inlet = state.core.take_inlet(link);
        let (loan, after) = (Loan::none(inner), After::Line);
        Some(Self { dispatching, inner, token, link, signal, gate, inlet, loan, after })
    }

    /// Takes one arrival and tells whom it concerns.
    #[inline]
    pub(crate) fn step(&mut self, context: &mut C) -> Step {
        if self.gate.is_closed() {
            self.gate.wait();
            return Step::Waits;
        }
        let Some(inlet) = &mut self.inlet else { return self.end_next(context) };
        let mut arrival = inlet.poll();
        match &mut arrival {
            // It is handed on where it lies: to take it apart would be to copy it.
            Ok(Some(Arrival::Message { connection, payload })) => {
                if let Some(receiver) = self.loan.of(*connection) {
                    let bytes = payload.len() as u64;
                    let handled = receiver.handle(payload, context, &self.gate);
                    self.loan.bytes += bytes;
                    if let Err(undecodable) = handled {
                        return self.refuse(undecodable, context);
                    }
                    self.loan.routed += 1;
                    self.loan.settle(context);
                    return Step::Did;
                }
            }
            Ok(None) => return self.try_sleep(context),
            _ => {}
        }
        self.loan.give_back();
        let polled = self.inner.state.borrow_mut().core.route(self.link, arrival);
        match polled {
            Polled::Message(lent) => {
                self.loan.take(lent);
                self.loan.deliver(context, &self.gate);
                self.loan.settle(context);
                Step::Did
            }
            polled => self.tell(polled, context),
        }
    }

    /// Ends the turn, after the receivers that held a message have been told.
    pub(crate) fn end(mut self, context: &mut C, after: After) {
        self.flush_later(context);
        self.after = after;
    }

    /// Nothing is there: waits a little, then lowers the link's flag and looks once more.
    #[cold]
    fn try_sleep(&mut self, context: &mut C) -> Step {
        self.flush_later(context);
        if let Some(polled) = self.linger() {
            return self.tell(polled, context);
        }
        self.signal.flag().clear();
        let polled = self.look();
        if let Polled::Empty = polled {
            return Step::Waits;
        }
        // It stays in line. Should its waker have been pinged in between, it is in line twice, which
        // costs a look.
        let _ = self.signal.flag().set();
        self.tell(polled, context)
    }

    /// Waits some microseconds for more, where something has just come and all other links
    /// are asleep. A sender in full flow need not ring for each message then: to ring, and to
    /// be woken, costs more than what it does.
    fn linger(&mut self) -> Option<Polled<Entry<C>>> {
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

    /// Takes one arrival, and leaves it to the caller to tell whom it concerns.
    fn look(&mut self) -> Polled<Entry<C>> {
        self.loan.give_back();
        let Some(inlet) = &mut self.inlet else { return Polled::Empty };
        let arrival = inlet.poll();
        self.inner.state.borrow_mut().core.route(self.link, arrival)
    }

    #[cold]
    fn tell(&mut self, polled: Polled<Entry<C>>, context: &mut C) -> Step {
        if self.inner.state.borrow().core.is_ending(self.link) {
            // An inlet is not polled after its end, nor when its link was cut off.
            self.inlet = None;
        }
        match polled {
            Polled::Handled | Polled::Empty => {}
            Polled::Message(lent) => {
                self.loan.take(lent);
                self.loan.deliver(context, &self.gate);
                self.loan.settle(context);
            }
            Polled::Deferred(connection) => self.inner.state.borrow_mut().later.push(connection),
            Polled::Ended(mut lent, end) => {
                if lent.receiver.holds() {
                    self.inner.state.borrow_mut().core.count_routed(1, 0);
                    lent.receiver.deliver(context, &self.gate);
                }
                lent.receiver.end(context, end);
            }
            Polled::LinkEnded(_) => {
                self.inlet = None;
                return Step::Ended;
            }
        }
        Step::Did
    }

    /// A message does not decode.
    #[cold]
    fn refuse(&mut self, undecodable: Undecodable, context: &mut C) -> Step {
        self.loan.give_back();
        self.inlet = None;
        let end = Err(LinkEnd::Refused(ProtocolError::Undecodable(undecodable)));
        let polled = self.inner.state.borrow_mut().core.route(self.link, end);
        self.tell(polled, context)
    }

    /// The link has ended: tells its next pipe.
    #[cold]
    fn end_next(&mut self, context: &mut C) -> Step {
        let polled = self.inner.state.borrow_mut().core.poll(self.link);
        match polled {
            // The router was stopped.
            Polled::Empty => Step::Waits,
            polled => self.tell(polled, context),
        }
    }

    /// Tells the receivers that held a message until now.
    fn flush_later(&mut self, context: &mut C) {
        self.loan.give_back();
        loop {
            let mut state = self.inner.state.borrow_mut();
            let Some(connection) = state.later.pop() else { return };
            let holds =
                state.core.receiver_mut(connection).is_some_and(|receiver| receiver.holds());
            let lent = if holds { state.core.lend(connection) } else { None };
            drop(state);
            if let Some(lent) = lent {
                self.loan.take(lent);
                self.loan.deliver(context, &self.gate);
                self.loan.settle(context);
                self.loan.give_back();
            }
        }
    }
}

impl<C: 'static> Drop for Turn<'_, C> {
    fn drop(&mut self) {
        self.loan.give_back();
        let inlet = self.inlet.take();
        let mut state = self.inner.state.borrow_mut();
        if let Some(inlet) = inlet {
            state.core.put_inlet(self.link, inlet);
        }
        state.watch.notify_capacity();
        match self.after {
            After::Line if state.links.contains_key(&self.token) => {
                state.line.push_back(self.token);
            }
            After::Line | After::OutOfLine => {}
            After::Over => {
                let Some(attached) = state.links.get_mut(&self.token) else { return };
                attached.link = None;
                let key = attached.key;
                // Lowered before the look, so that an end that comes after it rings.
                self.signal.flag().clear();
                if attached.worker.as_ref().is_none_or(|worker| worker.exit().is_some()) {
                    state.links.remove(&self.token);
                }
                if let Some(key) = key {
                    state.watch.unwatch(key);
                }
            }
        }
    }
}

/// A receiver that is told something, out of the routing table for that time. Its drop gives
/// it back, also when its handler panics.
struct Loan<'a, C: 'static> {
    inner: &'a Inner<C>,
    lent: Option<CheckedOut<Entry<C>>>,
    /// What the router has counted of pipes that were closed, when the receiver was lent.
    closings: u64,
    /// Messages that it was told beyond the first, and their bytes, to be counted.
    routed: u64,
    bytes: u64,
}

impl<'a, C: 'static> Loan<'a, C> {
    fn none(inner: &'a Inner<C>) -> Self {
        Self { inner, lent: None, closings: 0, routed: 0, bytes: 0 }
    }

    /// The receiver, if it is the one of this pipe.
    #[inline]
    fn of(&mut self, connection: homing_core::ConnectionId) -> Option<&mut Entry<C>> {
        match &mut self.lent {
            Some(lent) if lent.connection == connection => Some(&mut lent.receiver),
            _ => None,
        }
    }

    #[inline]
    fn take(&mut self, lent: CheckedOut<Entry<C>>) {
        self.closings = self.inner.closings.get();
        self.lent = Some(lent);
    }

    #[inline]
    fn deliver(&mut self, context: &mut C, gate: &Gate) {
        if let Some(lent) = &mut self.lent {
            lent.receiver.deliver(context, gate);
        }
    }

    /// After a handler has run, which may have closed any pipe, its own too.
    #[inline]
    fn settle(&mut self, context: &mut C) {
        if self.closings != self.inner.closings.get()
            && let Some(closed) = self.give_back()
        {
            closed.receiver.end(context, End::Closed);
        }
    }

    /// Gives the receiver back to the routing table. It comes back when its pipe was closed
    /// while it was lent.
    #[inline]
    fn give_back(&mut self) -> Option<CheckedOut<Entry<C>>> {
        let lent = self.lent.take()?;
        let mut state = self.inner.state.borrow_mut();
        let (routed, bytes) = (std::mem::take(&mut self.routed), std::mem::take(&mut self.bytes));
        state.core.count_routed(routed, bytes);
        state.core.restore(lent)
    }
}

impl<C: 'static> Drop for Loan<'_, C> {
    fn drop(&mut self) {
        // A receiver that comes back was closed by the handler that panicked.
        drop(self.give_back());
    }
}
