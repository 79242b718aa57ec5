//! Pingees without an event loop of a library: a main loop that looks, and a task that is
//! woken.

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(loom))]
use portable_atomic::{AtomicBool, Ordering};

use crate::wake::Pinger;

/// A pinger for a loop that looks by itself: a bare main loop that sleeps until the next
/// interrupt.
///
/// ```
/// use homing_core::Pinger;
/// use homing_core::wake::PollPingee;
///
/// static PINGED: PollPingee = PollPingee::new();
///
/// PINGED.ping(); // in an interrupt handler; a `&PollPingee` is a pinger
///
/// loop {
///     if PINGED.take() {
///         // drain the router
/// #       break;
///     }
///     // and sleep: `wfe`, which an interrupt's return ends even if it came just before
/// }
/// ```
#[derive(Debug)]
pub struct PollPingee(AtomicBool);

impl PollPingee {
    /// Not pinged yet.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Not pinged yet.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Whether there was a ping since the last time. What was done before that ping is seen
    /// after this call.
    #[inline]
    pub fn take(&self) -> bool {
        // Acquire pairs with the Release of the ping. A plain store would not do: a ping
        // that it overwrites would be lost together with what it published.
        self.0.swap(false, Ordering::AcqRel)
    }
}

impl Default for PollPingee {
    fn default() -> Self {
        Self::new()
    }
}

impl Pinger for PollPingee {
    #[inline]
    fn ping(&self) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(feature = "task")]
pub use self::task::TaskPingee;

#[cfg(feature = "task")]
mod task {
    use core::fmt;
    use core::future::poll_fn;
    use core::task::{Context, Poll};

    use atomic_waker::AtomicWaker;

    use super::PollPingee;
    use crate::wake::Pinger;

    /// A pinger that wakes a task of any executor: tokio, smol, embassy. One task waits at a
    /// time.
    ///
    /// ```
    /// use homing_core::Pinger;
    /// use homing_core::wake::TaskPingee;
    ///
    /// static PINGED: TaskPingee = TaskPingee::new();
    ///
    /// async fn foreground() {
    ///     loop {
    ///         PINGED.pinged().await;
    ///         // drain the router
    ///     }
    /// }
    ///
    /// PINGED.ping(); // anywhere; a `&TaskPingee` is a pinger
    /// # let _ = foreground();
    /// ```
    pub struct TaskPingee {
        pinged: PollPingee,
        waker: AtomicWaker,
    }

    impl TaskPingee {
        /// Not pinged yet.
        #[cfg(not(loom))]
        pub const fn new() -> Self {
            Self { pinged: PollPingee::new(), waker: AtomicWaker::new() }
        }

        /// Not pinged yet.
        #[cfg(loom)]
        pub fn new() -> Self {
            Self { pinged: PollPingee::new(), waker: AtomicWaker::new() }
        }

        /// Ready when there was a ping since it was ready the last time; else the task is
        /// woken by the next.
        pub fn poll_pinged(&self, context: &mut Context<'_>) -> Poll<()> {
            // Registered first, looked at second: a ping in between wakes the task.
            self.waker.register(context.waker());
            if self.pinged.take() { Poll::Ready(()) } else { Poll::Pending }
        }

        /// Waits for a ping.
        pub async fn pinged(&self) {
            poll_fn(|context| self.poll_pinged(context)).await;
        }
    }

    impl Default for TaskPingee {
        fn default() -> Self {
            Self::new()
        }
    }

    impl Pinger for TaskPingee {
        fn ping(&self) {
            self.pinged.ping();
            self.waker.wake();
        }
    }

    impl fmt::Debug for TaskPingee {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("TaskPingee").field("pinged", &self.pinged).finish_non_exhaustive()
        }
    }
}
