//! What a link wakes the foreground with.

use std::fmt;
use std::sync::Arc;

use homing_core::Pinger;
use homing_core::wake::WakeFlag;

/// Wakes the foreground for one link, from any thread. Clones wake it for the same link.
///
/// A transport gets it when it makes a link, and [pings](Pinger::ping) it after it has put
/// something where the link's inlet finds it, and when the link ends. Pings merge: only the
/// first one after the foreground has found the link empty does more than look at a flag.
#[derive(Clone)]
pub struct LinkWaker(Arc<Inner<dyn Pinger + Send + Sync>>);

struct Inner<T: ?Sized> {
    flag: WakeFlag,
    /// Pinged when the flag was clear.
    target: T,
}

impl LinkWaker {
    /// Makes the waker of a new link. `target` is pinged when the foreground has to poll the
    /// link. For routers, and for tests of transports.
    pub fn new(target: impl Pinger + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { flag: WakeFlag::new(), target }))
    }

    /// Makes a waker that wakes nothing, for links that are polled by hand.
    pub fn noop() -> Self {
        struct Noop;

        impl Pinger for Noop {
            fn ping(&self) {}
        }

        Self::new(Noop)
    }

    /// The flag that merges pings. The poller of the link clears it when the inlet was empty,
    /// and then polls once more, as [`homing_core::wake`] describes.
    #[inline]
    pub fn flag(&self) -> &WakeFlag {
        &self.0.flag
    }
}

impl Pinger for LinkWaker {
    #[inline]
    fn ping(&self) {
        if self.0.flag.set() {
            self.0.target.ping();
        }
    }
}

impl fmt::Debug for LinkWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkWaker").field("pinged", &self.0.flag.is_set()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Count(Arc<AtomicUsize>);

    impl Pinger for Count {
        fn ping(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn pings_merge_until_the_flag_is_cleared() {
        let pings = Arc::new(AtomicUsize::new(0));
        let waker = LinkWaker::new(Count(Arc::clone(&pings)));
        waker.ping();
        waker.clone().ping();
        assert_eq!(pings.load(Ordering::Relaxed), 1);
        waker.flag().clear();
        waker.ping();
        assert_eq!(pings.load(Ordering::Relaxed), 2);
    }
}
