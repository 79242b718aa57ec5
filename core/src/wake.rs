//! Waking the foreground: pingers, pingees, and the flag that merges pings.
//!
//! A *pingee* is the event loop's end of a wake-up, a *pinger* the end that any thread may
//! hold. A ping makes `on_ping` run on the loop's thread. Pings merge: n pings lead to at
//! least one call after the last of them, and to at most n. So `on_ping` drains; it never
//! assumes one message a ping.
//!
//! Between a queue and a pinger stands a [`WakeFlag`], which makes a ping that is still on its
//! way serve for all that follow:
//!
//! ```text
//! producer:  queue.push(message)
//!            if flag.set() { pinger.ping() }
//!
//! consumer:  take at most N messages
//!            queue empty → flag.clear(), then look once more;
//!                          found something: flag.set(), and go on
//!            N taken     → leave the flag raised, and come again
//! ```
//!
//! Both sides use an unconditional read-modify-write. Whichever comes second in the flag's
//! modification order sees what the other did before: either the producer finds the flag
//! lowered and pings, or the consumer's second look finds the message. A plain store to
//! lower it, or reason the second look out, loses wake-ups; `tests/wake_models.rs` shows
//! both to the model checker.

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(loom))]
use portable_atomic::{AtomicBool, Ordering};

pub use crate::poll_pingee::PollPingee;
#[cfg(feature = "task")]
pub use crate::poll_pingee::TaskPingee;

/// The any-thread end of a wake-up.
///
/// [`ping`](Pinger::ping) may be called from any thread and at any time: before the loop
/// runs, while it does, and after it is gone, when it does nothing. It neither waits nor
/// panics, and it does not run the loop's callback itself.
pub trait Pinger {
    /// Makes `on_ping` run on the loop's thread, soon.
    fn ping(&self);
}

impl<P: Pinger + ?Sized> Pinger for &P {
    fn ping(&self) {
        (**self).ping();
    }
}

#[cfg(feature = "alloc")]
impl<P: Pinger + ?Sized> Pinger for alloc::boxed::Box<P> {
    fn ping(&self) {
        (**self).ping();
    }
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl<P: Pinger + ?Sized> Pinger for alloc::sync::Arc<P> {
    fn ping(&self) {
        (**self).ping();
    }
}

/// The event loop's end of a wake-up. Owns the callback, `on_ping`, which the caller that
/// makes the pingee hands over in the form that the loop has for callbacks.
///
/// What an implementor promises, and the conformance suite checks:
///
/// * After a ping, `on_ping` runs on the loop's thread, also when the ping was sent before
///   the loop ran. It runs at least once after the last ping, and at most once for each.
/// * A ping to a pingee that was dropped, or whose loop is gone, does nothing.
/// * The callback is dropped with the pingee, on the pingee's own thread: dropping the last
///   pinger on another thread drops nothing of the loop's.
pub trait Pingee {
    /// The end that other threads hold.
    type Pinger: Pinger + Clone + Send + Sync + 'static;

    /// Makes a pinger for this pingee.
    fn pinger(&self) -> Self::Pinger;
}

/// Whether a ping is on its way. See the [module](self) for the protocol.
#[derive(Debug)]
pub struct WakeFlag(AtomicBool);

impl WakeFlag {
    /// Makes a cleared flag: no wake-up is pending.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Makes a cleared flag: no wake-up is pending.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Sets the flag, after a push. When it returns true it was clear, and the
    /// caller must ping.
    #[must_use = "the caller that sets the flag must ping"]
    #[inline]
    pub fn set(&self) -> bool {
        // Release publishes the push before it to a `clear` that comes after; Acquire pairs
        // with that `clear`, for a consumer that sets the flag again itself.
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// Clears the flag, when the queue was found empty. The caller must look at the queue
    /// once more.
    #[inline]
    pub fn clear(&self) {
        // Acquire pairs with the Release of every earlier `set`: the second look sees what
        // was pushed before it. A plain store would not.
        self.0.swap(false, Ordering::AcqRel);
    }
}

impl WakeFlag {
    /// Whether it is set, for the consumer to ask before it sleeps: should it be set the
    /// next instant, its producer pings.
    #[inline]
    pub fn is_set(&self) -> bool {
        // It publishes nothing: `clear` comes before the consumer looks at the queue.
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for WakeFlag {
    fn default() -> Self {
        Self::new()
    }
}
