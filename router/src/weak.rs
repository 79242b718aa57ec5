//! A handle that does not keep its router alive.

use std::fmt;
use std::rc::{Rc, Weak};

use crate::router::{Inner, Router};

/// A handle of a router that does not keep it alive: what a handler keeps, and whatever else
/// the router itself may own.
///
/// ```
/// # use homing_core::Event;
/// # use homing_router::{LoopBinding, DoorbellSet, Router};
/// # use homing_transport_channel::Channel;
/// # let doorbells = DoorbellSet::new()?;
/// let router: Router<u32> = Router::new(LoopBinding::readiness(&doorbells));
/// router.start()?;
/// let weak = router.downgrade();
/// let link = router.link(Channel::new())?;
/// let (sender, pipe) = link.pipe(move |app: &mut u32, event: Event<u32>| {
///     if let (Event::Ended(_), Some(router)) = (event, weak.upgrade()) {
///         let _ = router.stop(app); // a router that was stopped meanwhile is fine
///     }
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WeakRouter<C: 'static>(Weak<Inner<C>>);

impl<C: 'static> WeakRouter<C> {
    /// A handle that keeps the router alive. `None` when it is gone.
    pub fn upgrade(&self) -> Option<Router<C>> {
        self.0.upgrade().map(|inner| Router { inner })
    }
}

impl<C: 'static> Router<C> {
    /// A handle that does not keep the router alive.
    pub fn downgrade(&self) -> WeakRouter<C> {
        WeakRouter(Rc::downgrade(&self.inner))
    }
}

impl<C: 'static> Clone for WeakRouter<C> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<C: 'static> fmt::Debug for WeakRouter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakRouter")
    }
}
