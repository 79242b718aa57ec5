//! The events of one pipe, on their way to a closure.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use homing_core::{Delivery, End, Event, Overflow};

use crate::backpressure::{Backpressure, BackpressureGuard};
use crate::mailbox::Capacity;

/// Stores the events of one pipe, and calls a closure with them, one after another.
pub(crate) struct Events<M, F> {
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
    /// `None` as long as nothing was stored here: an idle pipe takes little memory.
    stored: RefCell<Option<Box<Stored<M>>>>,
}

/// What has arrived while the closure was running, and the end.
struct Stored<M> {
    messages: VecDeque<(M, usize)>,
    bytes: usize,
    end: Option<End>,
    full: Option<BackpressureGuard>,
}

impl<M> Default for Stored<M> {
    fn default() -> Self {
        Self { messages: VecDeque::new(), bytes: 0, end: None, full: None }
    }
}

impl<M, F> Events<M, F> {
    pub(crate) fn new(overflow: Overflow, handle: F) -> Self {
        Self {
            latest_wins: overflow == Overflow::LatestWins,
            handle: RefCell::new(handle),
            next: Cell::new(None),
            has_next: Cell::new(false),
            more: Cell::new(false),
            has_ended: Cell::new(false),
            stored: RefCell::new(None),
        }
    }

    /// Stores a message of so many bytes, as the pipe's policy says.
    #[inline]
    pub(crate) fn accept(&self, message: M, bytes: usize) -> Delivery {
        if self.latest_wins {
            let superseded = u64::from(self.has_next.replace(true));
            drop(self.next.replace(Some(message)));
            return Delivery::Deferred { superseded };
        }
        if self.has_next.get() || self.more.get() {
            self.store(message, bytes);
        } else {
            self.next.set(Some(message));
            self.has_next.set(true);
        }
        Delivery::Immediate
    }

    /// Stores the end. Nothing follows.
    pub(crate) fn end(&self, end: End) {
        self.has_ended.set(true);
        self.stored.borrow_mut().get_or_insert_default().end = Some(end);
        self.more.set(true);
    }

    /// Whether the end is stored, or was told.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    /// Takes all messages that are stored. They may be anything of the application's.
    pub(crate) fn take_messages(&self) -> Vec<M> {
        let next = self.take_next();
        let mut borrowed = self.stored.borrow_mut();
        let Some(stored) = borrowed.as_deref_mut() else { return next.into_iter().collect() };
        stored.bytes = 0;
        let messages = std::mem::take(&mut stored.messages);
        let full = stored.full.take();
        self.more.set(stored.end.is_some());
        drop(borrowed);
        // Puts the link back into the run queue.
        drop(full);
        next.into_iter().chain(messages.into_iter().map(|(message, _)| message)).collect()
    }

    #[inline]
    fn take_next(&self) -> Option<M> {
        if self.has_next.replace(false) { self.next.take() } else { None }
    }

    /// Stores a message behind those that are stored already. None replaces it.
    #[cold]
    pub(crate) fn store(&self, message: M, bytes: usize) {
        self.more.set(true);
        let mut stored = self.stored.borrow_mut();
        let stored = stored.get_or_insert_default();
        stored.messages.push_back((message, bytes));
        stored.bytes = stored.bytes.saturating_add(bytes);
    }

    /// The next event that is stored.
    #[cold]
    fn take_stored(&self) -> Option<Event<M>> {
        if !self.more.get() {
            return None;
        }
        let mut borrowed = self.stored.borrow_mut();
        let stored = borrowed.as_deref_mut()?;
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
            drop(borrowed);
            // Puts the link back into the run queue.
            drop(full);
        }
        event
    }

    /// The end, if no message is to be told before.
    #[cold]
    fn take_end(&self) -> Option<End> {
        let mut stored = self.stored.borrow_mut();
        let stored = stored.as_deref_mut()?;
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
        let Some(stored) = stored.as_deref_mut() else { return };
        if Capacity::default().is_full(stored.messages.len(), stored.bytes) && stored.full.is_none()
        {
            stored.full = backpressure.map(Backpressure::close);
        }
    }

    /// As [`Receiver::flush`](crate::receiver::Receiver::flush).
    #[inline]
    pub(crate) fn flush<C>(&self, context: &mut C, backpressure: Option<&Backpressure>) -> bool
    where
        F: FnMut(&mut C, Event<M>),
    {
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

    /// Whether something is stored that was not told yet.
    pub(crate) fn has_pending(&self) -> bool {
        self.has_next.get() || self.more.get()
    }
}
