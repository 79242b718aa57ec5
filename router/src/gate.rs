//! Backpressure from mailboxes: a link is not served while a mailbox on it is full.

use std::cell::Cell;
use std::rc::Rc;

use crate::wake::LinkSignal;

/// Closed while mailboxes that the link fills are full. Then the router takes nothing off
/// the link, the link fills up, and its senders wait.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    signal: LinkSignal,
    full: Cell<usize>,
    /// Whether the router has taken the link out of line.
    waiting: Cell<bool>,
}

impl Gate {
    pub(crate) fn new(signal: LinkSignal) -> Self {
        Self(Rc::new(Inner { signal, full: Cell::new(0), waiting: Cell::new(false) }))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.full.get() > 0
    }

    /// The router has taken the link out of line until the gate opens.
    pub(crate) fn wait(&self) {
        self.0.waiting.set(true);
    }

    /// One more mailbox is full.
    pub(crate) fn close(&self) -> Closed {
        self.0.full.set(self.0.full.get() + 1);
        Closed(self.clone())
    }
}

/// Keeps a gate closed, until it is dropped.
#[derive(Debug)]
pub(crate) struct Closed(Gate);

impl Drop for Closed {
    fn drop(&mut self) {
        let Gate(inner) = &self.0;
        inner.full.set(inner.full.get() - 1);
        if inner.full.get() == 0 && inner.waiting.take() {
            inner.signal.requeue();
        }
    }
}
