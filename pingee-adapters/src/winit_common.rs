//! A router in a loop that says when it is about to wait.

use std::fmt;

use homing_core::Pinger as _;
use homing_router::{Dispatched, Router};

use crate::from_fn::FnPinger;

/// A router that is joined to winit's event loop. It owns a handle of the router, and a clone
/// is a handle of the same one.
///
/// The application calls [`poll`](WinitRouter::poll) and
/// [`about_to_wait`](WinitRouter::about_to_wait), and everything else is the
/// [router](WinitRouter::router)'s. It belongs to the loop's thread.
pub struct WinitRouter<C: 'static> {
    router: Router<C>,
    pinger: FnPinger,
}

impl<C: 'static> WinitRouter<C> {
    /// Joins a router that was made with this pinger.
    pub fn new(router: Router<C>, pinger: FnPinger) -> Self {
        Self { router, pinger }
    }

    /// The router.
    pub fn router(&self) -> &Router<C> {
        &self.router
    }

    /// Hands messages that have arrived to their receivers, as far as the router's
    /// [budget](homing_router::Budget) goes. Returns whether it has left some.
    ///
    /// To be called when the loop was woken for the router, and costs nearly nothing when
    /// nothing has come: call it wherever else messages would be late.
    ///
    /// # Panics
    ///
    /// As [`Router::dispatch`].
    pub fn poll(&self, context: &mut C) -> bool {
        self.router.is_due() && self.router.dispatch(context) == Dispatched::Again
    }

    /// Wakes the loop again if messages are left, or if a wake-up was lost on its way. It is
    /// called when the loop is about to wait: by then windows have been redrawn and input has
    /// been read, so that a flood of messages holds up neither.
    pub fn about_to_wait(&self) {
        // A wake-up may be on its way as well. One too many is harmless, and no more than one
        // comes of each turn.
        if self.router.is_due() {
            self.pinger.ping();
        }
    }
}

impl<C: 'static> Clone for WinitRouter<C> {
    fn clone(&self) -> Self {
        Self { router: self.router.clone(), pinger: self.pinger.clone() }
    }
}

impl<C: 'static> fmt::Debug for WinitRouter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WinitRouter").field("router", &self.router).finish_non_exhaustive()
    }
}
