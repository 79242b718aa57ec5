//! A link, as the `static` that it is.

use core::fmt;

use heapless::spsc::Queue;
use homing_core::{NewLink, Pinger, Transport};
use static_cell::ConstStaticCell;

use crate::element::Element;
use crate::factory::StaticFactory;
use crate::inlet::StaticInlet;
use crate::item::Item;
use crate::shared::Shared;

/// A link in a `static`: see [`ValueLink`](crate::ValueLink) and
/// [`BytesLink`](crate::BytesLink).
///
/// Its queue has `N - 1` places, of which each of its pipes takes one for its end. A power of
/// two is fastest.
pub struct StaticLink<C: Element, const N: usize> {
    queue: ConstStaticCell<Queue<Item<C>, N>>,
    shared: Shared<C>,
}

impl<C: Element, const N: usize> StaticLink<C, N> {
    /// A link that is not split yet. `N` is at least 2.
    pub const fn new() -> Self {
        Self { queue: ConstStaticCell::new(Queue::new()), shared: Shared::new() }
    }

    /// Splits the link into what makes its senders and what the router gets. `bell` is rung
    /// after each push, in the context that pushes.
    ///
    /// When the inlet is dropped, by a router that stops, the link's senders find that the
    /// foreground is gone. Then the link can be split again. Senders of before stay disconnected.
    ///
    /// # Errors
    ///
    /// While there is an inlet of the link.
    pub fn split(
        &'static self,
        bell: &'static (dyn Pinger + Sync),
    ) -> Result<(StaticFactory<C>, StaticInlet<C>), AlreadySplit> {
        let first = || Some(self.queue.try_take()?.split());
        let (consumer, life) = self.shared.open(first, bell).ok_or(AlreadySplit)?;
        let inlet = StaticInlet::new(consumer, life, &self.shared);
        Ok((StaticFactory::new(&self.shared, life), inlet))
    }
}

impl<C: Element, const N: usize> Default for StaticLink<C, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Element, const N: usize> fmt::Debug for StaticLink<C, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticLink").finish_non_exhaustive()
    }
}

/// The one link that is in the `static`.
impl<P, C, const N: usize> Transport<&'static P> for &'static StaticLink<C, N>
where
    P: Pinger + Sync,
    C: Element,
{
    type Factory = StaticFactory<C>;
    type Inlet = StaticInlet<C>;
    /// None: the link rings the bell.
    type Doorbell = ();
    type Error = AlreadySplit;

    fn link(
        &mut self,
        bell: &'static P,
    ) -> Result<NewLink<StaticFactory<C>, StaticInlet<C>, ()>, AlreadySplit> {
        let (factory, inlet) = self.split(bell)?;
        Ok(NewLink { factory, inlet, doorbell: () })
    }
}

/// The link is split, and its inlet was not dropped yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AlreadySplit;

impl fmt::Display for AlreadySplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the link is split, and its inlet is in use")
    }
}

impl core::error::Error for AlreadySplit {}
