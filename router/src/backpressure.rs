//! Backpressure from receivers: a link is not served while a receiver on it is full.

use std::cell::Cell;
use std::rc::Rc;

use crate::wake::LinkSignal;

/// Closed while receivers that the link fills are full. Then the router takes nothing off
/// the link, the link fills up, and its senders wait. Clones are of the same link.
#[derive(Clone, Debug)]
pub(crate) struct Backpressure(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    signal: LinkSignal,
    full: Cell<usize>,
    /// Whether the router has parked the link until it is open again.
    parked: Cell<bool>,
}

impl Backpressure {
    pub(crate) fn new(signal: LinkSignal) -> Self {
        Self(Rc::new(Inner { signal, full: Cell::new(0), parked: Cell::new(false) }))
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.0.full.get() > 0
    }

    /// The router does not serve the link any more until it is open again.
    pub(crate) fn park(&self) {
        self.0.parked.set(true);
    }

    /// One more receiver is full.
    pub(crate) fn close(&self) -> BackpressureGuard {
        self.0.full.set(self.0.full.get() + 1);
        BackpressureGuard(self.clone())
    }
}

/// Keeps a link from being served, until it is dropped.
#[derive(Debug)]
pub(crate) struct BackpressureGuard(Backpressure);

impl Drop for BackpressureGuard {
    fn drop(&mut self) {
        let Backpressure(inner) = &self.0;
        inner.full.set(inner.full.get() - 1);
        if inner.full.get() == 0 && inner.parked.take() {
            inner.signal.requeue();
        }
    }
}
