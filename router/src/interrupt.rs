//! Ending [`Router::route_until`](crate::Router::route_until) from another thread.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use homing_core::Pinger;

/// Makes [`Router::route_until`](crate::Router::route_until) return
/// [`Interrupted`](crate::RouteError::Interrupted), from any thread. Clones interrupt the same
/// router.
///
/// With a router whose event loop watches its doorbells (`std_loop`, `calloop` on Unix,
/// [`LoopBinding::readiness`](crate::LoopBinding::readiness)) it may be used in a signal
/// handler too: it sets a flag and writes to a descriptor. With one whose loop is pinged it
/// may not: that takes a lock.
#[derive(Clone)]
pub struct RouteInterrupt(Arc<Inner>);

struct Inner {
    interrupted: AtomicBool,
    /// Ends the wait.
    waker: Arc<dyn Pinger + Send + Sync>,
}

impl RouteInterrupt {
    pub(crate) fn new(waker: Arc<dyn Pinger + Send + Sync>) -> Self {
        Self(Arc::new(Inner { interrupted: AtomicBool::new(false), waker }))
    }

    /// Interrupts the routing that runs, or the next one if none runs. Several interrupts
    /// before that count as one.
    pub fn interrupt(&self) {
        // Release: what was done before is seen by the thread that was interrupted.
        self.0.interrupted.store(true, Ordering::Release);
        self.0.waker.ping();
    }

    /// Whether there was an interrupt since it was asked the last time.
    pub(crate) fn take(&self) -> bool {
        self.0.interrupted.load(Ordering::Relaxed)
            && self.0.interrupted.swap(false, Ordering::Acquire)
    }
}

impl fmt::Debug for RouteInterrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteInterrupt")
            .field("interrupted", &self.0.interrupted)
            .finish_non_exhaustive()
    }
}
