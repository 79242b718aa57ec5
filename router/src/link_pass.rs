//! One link's turn: its arrivals, one after another, and the receivers that they concern.

use std::sync::Arc;

use homing_core::{ConnectionId, Detached, End, LinkEnd, LinkId, Notifier, SessionStep};

use crate::backpressure::Backpressure;
use crate::budget::Meter;
use crate::receiver::Entry;
use crate::router::{Inner, LinkSession};
use crate::wake::{LinkSignal, Token};

/// Result of one step of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something arrived.
    Made,
    /// The link is asleep, or waits for a receiver that is full.
    Blocked,
    /// The link has ended, and all its pipes have been told.
    Finished,
}

/// Where a link goes when its pass ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// To the end of the run queue. Also when a handler panics.
    Requeue,
    /// Nowhere: its waker puts it into the run queue again.
    Park,
    /// Out of the router.
    Remove,
}

/// One link's turn.
pub(crate) struct LinkPass<'a, C: 'static> {
    inner: &'a Inner<C>,
    token: Token,
    link: LinkId,
    session: LinkSession<'a, C>,
    signal: LinkSignal,
    backpressure: Backpressure,
    /// Flushes the link's way back, where that is used.
    flusher: Option<Arc<dyn Notifier>>,
    /// Receivers that have accepted a message which they are told when the link is drained.
    deferred: Vec<Entry<C>>,
    next: Next,
}

impl<'a, C: 'static> LinkPass<'a, C> {
    /// `None` when the link has ended.
    pub(crate) fn begin(inner: &'a Inner<C>, token: Token) -> Option<Self> {
        let state = inner.state.borrow();
        let link = state.links.get(&token)?;
        if link.has_ended {
            return None;
        }
        let (signal, backpressure) = (link.signal.clone(), link.backpressure.clone());
        let session = LinkSession::begin(&inner.core, link.id)?;
        let (link, flusher) = (link.id, state.flusher(link.id));
        let (deferred, next) = (Vec::new(), Next::Requeue);
        Some(Self { inner, token, link, session, signal, backpressure, flusher, deferred, next })
    }

    /// Takes one arrival off the link, and tells the receiver that it concerns.
    #[inline]
    pub(crate) fn step(&mut self, context: &mut C, meter: &Meter, may_spin: bool) -> Progress {
        if self.backpressure.is_closed() {
            self.backpressure.park();
            if self.flusher.is_some() {
                // The link is not served, but its way back is: the waker is to bring it here.
                self.signal.flag().clear();
                self.flush_way_back();
            }
            return Progress::Blocked;
        }
        match self.session.poll() {
            SessionStep::Message(receiver) => {
                self.inner.tell(receiver, context, Some(&self.backpressure));
                Progress::Made
            }
            SessionStep::Empty => self.try_sleep(context, meter, may_spin),
            SessionStep::Handled => Progress::Made,
            SessionStep::Started(connection) => {
                self.inner.log_start(self.token, connection);
                Progress::Made
            }
            SessionStep::StartedLate(connection) => {
                self.inner.notify_closed(Some(self.link), connection);
                Progress::Made
            }
            SessionStep::Deferred(receiver) => {
                self.deferred.push(receiver.clone());
                Progress::Made
            }
            SessionStep::Ended(detached, end) => self.end_pipe(detached, end, context),
            SessionStep::LinkEnded(end) => self.end_link(&end),
        }
    }

    /// Ends the pass, after the receivers whose messages were deferred have been told.
    pub(crate) fn end(mut self, context: &mut C, next: Next) {
        self.flush_deferred(context);
        if next == Next::Requeue {
            // A worker that sends without end is to get its commands all the same.
            self.flush_way_back();
        }
        self.next = next;
        if next == Next::Remove {
            self.inner.remove_link(self.token, context);
        }
    }

    /// Nothing is there: spins where that pays, then clears the link's flag and looks once
    /// more.
    #[cold]
    fn try_sleep(&mut self, context: &mut C, meter: &Meter, may_spin: bool) -> Progress {
        self.flush_deferred(context);
        if may_spin && self.is_only_ready_link() {
            let (inner, session) = (self.inner, &mut self.session);
            let found = inner.spin.spin_before_sleep(meter.end(), || {
                if !inner.wake.is_quiet() {
                    // Another link has something: this one is looked at once more below.
                    return Some(None);
                }
                match session.poll() {
                    SessionStep::Empty => None,
                    step => Some(Some(Found::from(step))),
                }
            });
            if let Some(Some(found)) = found {
                return self.deliver(found, context);
            }
        }
        self.signal.flag().clear();
        // After the flag was cleared: what makes space from now on wakes the link.
        self.flush_way_back();
        let found = match self.session.poll() {
            SessionStep::Empty => return Progress::Blocked,
            step => Found::from(step),
        };
        // The link stays in the run queue. Should its waker have been pinged in between, it is
        // there twice, which costs a look.
        let _ = self.signal.flag().set();
        self.deliver(found, context)
    }

    fn flush_way_back(&self) {
        if let Some(flusher) = &self.flusher {
            flusher.flush();
        }
    }

    /// Whether no other link waits for its pass.
    fn is_only_ready_link(&self) -> bool {
        self.inner.state.borrow().run_queue.is_empty() && self.inner.wake.is_quiet()
    }

    fn deliver(&mut self, found: Found<C>, context: &mut C) -> Progress {
        match found {
            Found::Message(receiver) => {
                self.inner.tell(&receiver, context, Some(&self.backpressure));
            }
            Found::Handled => {}
            Found::Started(connection) => self.inner.log_start(self.token, connection),
            Found::StartedLate(connection) => {
                self.inner.notify_closed(Some(self.link), connection);
            }
            Found::Deferred(receiver) => self.deferred.push(receiver),
            Found::Ended(detached, end) => return self.end_pipe(detached, end, context),
            Found::LinkEnded(end) => return self.end_link(&end),
        }
        Progress::Made
    }

    #[cold]
    fn end_pipe(&mut self, detached: Detached<Entry<C>>, end: End, context: &mut C) -> Progress {
        let Detached { connection, receiver } = detached;
        self.inner.log_end(self.token, connection, &end);
        receiver.on_end(end);
        self.inner.tell(&receiver, context, Some(&self.backpressure));
        Progress::Made
    }

    #[cold]
    fn end_link(&mut self, end: &LinkEnd) -> Progress {
        self.inner.log_link_end(self.token, end);
        Progress::Finished
    }

    fn flush_deferred(&mut self, context: &mut C) {
        while let Some(receiver) = self.deferred.pop() {
            if receiver.has_pending() {
                self.inner.tell(&receiver, context, Some(&self.backpressure));
            }
        }
    }
}

impl<C: 'static> Drop for LinkPass<'_, C> {
    fn drop(&mut self) {
        // Only a panic leaves any: they are told by the next dispatch.
        self.inner.unsettled.borrow_mut().extend(self.deferred.drain(..));
        let mut state = self.inner.state.borrow_mut();
        state.waiting.notify_capacity();
        if self.next == Next::Requeue && state.links.contains_key(&self.token) {
            state.run_queue.push_back(self.token);
        }
    }
}

/// What a session has found, on its own: the session can be used while it is told.
enum Found<C: 'static> {
    Message(Entry<C>),
    Deferred(Entry<C>),
    Handled,
    Started(ConnectionId),
    StartedLate(ConnectionId),
    Ended(Detached<Entry<C>>, End),
    LinkEnded(LinkEnd),
}

impl<C: 'static> From<SessionStep<'_, Entry<C>>> for Found<C> {
    fn from(step: SessionStep<'_, Entry<C>>) -> Self {
        match step {
            SessionStep::Message(receiver) => Self::Message(receiver.clone()),
            SessionStep::Deferred(receiver) => Self::Deferred(receiver.clone()),
            SessionStep::Started(connection) => Self::Started(connection),
            SessionStep::StartedLate(connection) => Self::StartedLate(connection),
            SessionStep::Ended(detached, end) => Self::Ended(detached, end),
            SessionStep::LinkEnded(end) => Self::LinkEnded(end),
            SessionStep::Empty | SessionStep::Handled => Self::Handled,
        }
    }
}
