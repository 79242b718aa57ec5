//! A receiver that is called: a closure of the application's.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::marker::PhantomData;

use homing_core::{Decode, Delivery, End, Event, Overflow, Payload, Undecodable};

use crate::backpressure::{Backpressure, BackpressureGuard};
use crate::mailbox::Capacity;
use crate::receiver::{Claim, Receiver};

/// Calls a closure with each event of its pipe.
pub(crate) struct Handler<D, M, F> {
    claim: Claim,
    latest_wins: bool,
    /// Borrowed while the closure runs.
    handle: RefCell<F>,
    /// The message that is told next. Apart from the others, because it is all there is
    /// unless the closure runs a nested event loop.
    next: Cell<Option<M>>,
    has_next: Cell<bool>,
    /// Whether there is anything in `stored`. All of it comes after `next`.
    more: Cell<bool>,
    /// The end is stored, or was told.
    has_ended: Cell<bool>,
    stored: RefCell<Stored<M>>,
    _codec: PhantomData<fn(D)>,
}

/// What has arrived while the closure was running, and the end.
struct Stored<M> {
    messages: VecDeque<(M, usize)>,
    bytes: usize,
    end: Option<End>,
    full: Option<BackpressureGuard>,
}

impl<D, M, F> Handler<D, M, F> {
    pub(crate) fn new(claim: Claim, overflow: Overflow, handle: F) -> Self {
        let stored = Stored { messages: VecDeque::new(), bytes: 0, end: None, full: None };
        Self {
            claim,
            latest_wins: overflow == Overflow::LatestWins,
            handle: RefCell::new(handle),
            next: Cell::new(None),
            has_next: Cell::new(false),
            more: Cell::new(false),
            has_ended: Cell::new(false),
            stored: RefCell::new(stored),
            _codec: PhantomData,
        }
    }

    #[inline]
    fn take_next(&self) -> Option<M> {
        if self.has_next.replace(false) { self.next.take() } else { None }
    }

    /// Stores a message behind those that are stored already.
    #[cold]
    fn store(&self, message: M, bytes: usize) {
        self.more.set(true);
        let mut stored = self.stored.borrow_mut();
        stored.messages.push_back((message, bytes));
        stored.bytes = stored.bytes.saturating_add(bytes);
    }

    /// The next event that is stored.
    #[cold]
    fn take_stored(&self) -> Option<Event<M>> {
        if !self.more.get() {
            return None;
        }
        let mut stored = self.stored.borrow_mut();
        let event = match stored.messages.pop_front() {
            Some((message, bytes)) => {
                stored.bytes = stored.bytes.saturating_sub(bytes);
                Some(Event::Message(message))
            }
            None => stored.end.take().map(Event::Ended),
        };
        if stored.messages.is_empty() && stored.end.is_none() {
            self.more.set(false);
            let full = stored.full.take();
            drop(stored);
            // Puts the link back into the run queue.
            drop(full);
        }
        event
    }

    /// The end, if no message is to be told before.
    #[cold]
    fn take_end(&self) -> Option<End> {
        let mut stored = self.stored.borrow_mut();
        if self.has_next.get() || !stored.messages.is_empty() {
            return None;
        }
        let end = stored.end.take();
        self.more.set(false);
        end
    }

    /// The closure is running a nested event loop, and what arrives for it is stored.
    #[cold]
    fn hold_back(&self, backpressure: Option<&Backpressure>) {
        let mut stored = self.stored.borrow_mut();
        if Capacity::default().is_full(stored.messages.len(), stored.bytes) && stored.full.is_none()
        {
            stored.full = backpressure.map(Backpressure::close);
        }
    }
}

impl<C, D, M, F> Receiver<C> for Handler<D, M, F>
where
    D: Decode<M>,
    F: FnMut(&mut C, Event<M>),
{
    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    #[inline]
    fn on_message(&self, payload: &mut Payload<'_>) -> Result<Delivery, Undecodable> {
        let bytes = payload.len().max(size_of::<M>());
        let message = D::decode(payload.reborrow())?;
        if self.latest_wins {
            let superseded = u64::from(self.has_next.replace(true));
            drop(self.next.replace(Some(message)));
            return Ok(Delivery::Deferred { superseded });
        }
        if self.has_next.get() || self.more.get() {
            self.store(message, bytes);
        } else {
            self.next.set(Some(message));
            self.has_next.set(true);
        }
        Ok(Delivery::Immediate)
    }

    fn on_end(&self, end: End) {
        if self.has_ended.replace(true) {
            return;
        }
        let mut stored = self.stored.borrow_mut();
        let dropped = (end == End::Closed)
            .then(|| (self.take_next(), std::mem::take(&mut stored.messages), stored.full.take()));
        if dropped.is_some() {
            stored.bytes = 0;
        }
        stored.end = Some(end);
        self.more.set(true);
        drop(stored);
        // Messages may be anything of the application's: nothing is borrowed.
        drop(dropped);
    }

    #[inline]
    fn flush(&self, context: &mut C, backpressure: Option<&Backpressure>) -> bool {
        let Ok(mut handle) = self.handle.try_borrow_mut() else {
            self.hold_back(backpressure);
            return false;
        };
        if let Some(message) = self.take_next() {
            handle(context, Event::Message(message));
        } else if let Some(event) = self.take_stored() {
            handle(context, event);
        }
        // The handler may have closed its own pipe.
        if self.more.get()
            && let Some(end) = self.take_end()
        {
            handle(context, Event::Ended(end));
        }
        self.has_next.get() || self.more.get()
    }

    fn has_pending(&self) -> bool {
        self.has_next.get() || self.more.get()
    }
}
