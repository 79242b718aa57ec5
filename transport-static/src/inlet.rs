//! The foreground's end of a link.

use core::fmt;

use heapless::spsc::Consumer;
use homing_core::{Arrival, CloseReason, ConnectionId, Inlet, LinkEnd};

use crate::element::Element;
use crate::factory::{Shared, has_no_place};
use crate::item::Item;

/// The foreground's end of a link. When it is dropped, every send on the link returns
/// [`Disconnected`](homing_core::SendErrorKind::Disconnected).
pub struct StaticInlet<C: Element> {
    consumer: Consumer<'static, Item<C>>,
    shared: &'static Shared<C>,
    slot: C::Slot,
    /// A sender that has closed, after what it missed was told.
    closed: Option<(ConnectionId, CloseReason)>,
}

impl<C: Element> StaticInlet<C> {
    pub(crate) fn new(consumer: Consumer<'static, Item<C>>, shared: &'static Shared<C>) -> Self {
        Self { consumer, shared, slot: C::Slot::default(), closed: None }
    }
}

impl<C: Element> Inlet for StaticInlet<C> {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        if let Some((connection, reason)) = self.closed.take() {
            return Ok(Some(Arrival::Stopped { connection, end: reason.end() }));
        }
        if has_no_place(self.consumer.capacity()) {
            return Ok(None);
        }
        let item = self.consumer.dequeue();
        #[cfg(feature = "task")]
        if item.is_some() {
            self.shared.made_room();
        }
        Ok(item.map(|item| match item {
            Item::Message(connection, element) => {
                Arrival::Message { connection, payload: element.store(&mut self.slot) }
            }
            Item::Closed(connection, reason, 0) => {
                Arrival::Stopped { connection, end: reason.end() }
            }
            Item::Closed(connection, reason, missed) => {
                self.closed = Some((connection, reason));
                Arrival::Missed { connection, count: missed.into() }
            }
        }))
    }
}

impl<C: Element> Drop for StaticInlet<C> {
    fn drop(&mut self) {
        self.shared.close();
        // A static is never dropped: what lies in its queue is, here.
        while !has_no_place(self.consumer.capacity()) && self.consumer.dequeue().is_some() {}
    }
}

impl<C: Element> fmt::Debug for StaticInlet<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticInlet").field("closed", &self.closed).finish_non_exhaustive()
    }
}
