//! The inlet of a link, as the routing table and the link's sessions share it.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::fmt;

use crate::event::Lost;
use crate::inlet::{Inlet, LinkEnd};

/// The foreground's end of a link, in the table of a router that is polled by [`Session`](crate::Session)s.
///
/// The entry owns the inlet: when it is dropped, so is the inlet, although sessions of the link may
/// still be on the stack.
pub struct SharedInlet(pub(super) Rc<InletCell>);

pub(super) struct InletCell {
    /// Borrowed while it is polled, and while what it returned is decoded.
    pub(super) inlet: RefCell<Option<Box<dyn Inlet>>>,
    /// What follows it.
    next: Cell<Option<MakeInlet>>,
    /// The link has ended while its inlet was borrowed.
    pub(super) closed: Cell<bool>,
}

/// Makes the inlet that follows one whose worker is gone.
type MakeInlet = Box<dyn FnOnce(Lost) -> Box<dyn Inlet>>;

impl SharedInlet {
    /// Shares an inlet.
    pub fn new(inlet: Box<dyn Inlet>) -> Self {
        Self(Rc::new(InletCell::new(Some(inlet), None)))
    }

    /// Shares an inlet which is followed by another when its [worker is gone](LinkEnd::Gone): the
    /// link ends when that one does. A router waits so for the exit code of a worker process.
    pub fn followed_by(
        inlet: Box<dyn Inlet>,
        next: impl FnOnce(Lost) -> Box<dyn Inlet> + 'static,
    ) -> Self {
        Self(Rc::new(InletCell::new(Some(inlet), Some(Box::new(next)))))
    }
}

impl Drop for SharedInlet {
    fn drop(&mut self) {
        self.0.closed.set(true);
        self.0.close();
    }
}

impl InletCell {
    pub(super) fn new(inlet: Option<Box<dyn Inlet>>, next: Option<MakeInlet>) -> Self {
        let closed = Cell::new(inlet.is_none());
        Self { inlet: RefCell::new(inlet), next: Cell::new(next), closed }
    }

    /// Replaces an inlet that has ended by the next one, if there is one. Returns the end
    /// otherwise.
    pub(super) fn advance(&self, end: LinkEnd) -> Option<LinkEnd> {
        let LinkEnd::Gone(lost) = end else { return Some(end) };
        let Some(next) = self.next.take() else { return Some(LinkEnd::Gone(lost)) };
        let ended = self.inlet.replace(Some(next(lost)));
        // What waits in it may use the router: nothing is borrowed.
        drop(ended);
        None
    }

    /// Drops the inlet, unless it is being polled: then its session does, when it is done.
    pub(super) fn close(&self) {
        let inlet = self.inlet.try_borrow_mut().ok().and_then(|mut inlet| inlet.take());
        // What waits in it is dropped with it, and may use the router: nothing is borrowed.
        drop(inlet);
    }
}

impl fmt::Debug for SharedInlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedInlet").field("closed", &self.0.closed).finish_non_exhaustive()
    }
}

impl fmt::Debug for InletCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InletCell")
    }
}
