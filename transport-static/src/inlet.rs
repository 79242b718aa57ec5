//! The foreground's end of a link.

use core::fmt;

use heapless::spsc::Consumer;
use homing_core::{Arrival, CloseReason, ConnectionId, Inlet, LinkEnd};

use crate::element::Element;
use crate::item::Item;
use crate::shared::{Life, Shared, has_no_place};

/// The foreground's end of a link. When it is dropped, every send on the link returns
/// [`Disconnected`](homing_core::SendErrorKind::Disconnected), and the link can be split again.
pub struct StaticInlet<C: Element> {
    /// `None` only while it is dropped.
    consumer: Option<Consumer<'static, Item<C>>>,
    shared: &'static Shared<C>,
    #[cfg_attr(not(feature = "task"), allow(dead_code, reason = "tasks are woken"))]
    life: Life,
    slot: C::Slot,
    /// A sender that has closed, after what it missed was told.
    closed: Option<(ConnectionId, CloseReason)>,
}

impl<C: Element> StaticInlet<C> {
    pub(crate) fn new(
        consumer: Consumer<'static, Item<C>>,
        life: Life,
        shared: &'static Shared<C>,
    ) -> Self {
        Self { consumer: Some(consumer), shared, life, slot: C::Slot::default(), closed: None }
    }
}

impl<C: Element> Inlet for StaticInlet<C> {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        if let Some((connection, reason)) = self.closed.take() {
            return Ok(Some(Arrival::Stopped { connection, end: reason.end() }));
        }
        let Some(consumer) = &mut self.consumer else { return Ok(None) };
        if has_no_place(consumer.capacity()) {
            return Ok(None);
        }
        let item = consumer.dequeue();
        #[cfg(feature = "task")]
        if item.is_some() {
            self.shared.made_room(self.life);
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
        let Some(mut consumer) = self.consumer.take() else { return };
        // From here on nothing is put in.
        self.shared.disconnect();
        // A static is never dropped: what lies in its queue is, here.
        while !has_no_place(consumer.capacity()) && consumer.dequeue().is_some() {}
        self.shared.park(consumer);
    }
}

impl<C: Element> fmt::Debug for StaticInlet<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticInlet").field("closed", &self.closed).finish_non_exhaustive()
    }
}
