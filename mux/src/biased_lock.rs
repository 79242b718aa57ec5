//! How the only sender of a link writes without the mux's lock.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(all(test, loom))]
mod models;

/// The right of one sender to write frames without the mux's lock: locking and unlocking are
/// most of what a short message costs otherwise.
///
/// The only sender of a link [grants](BiasedLock::grant) it to itself under the mux's lock;
/// it is [revoked](BiasedLock::revoke) before any other thread touches what that lock guards.
/// So a thread that holds it, or holds the lock and has revoked it, is alone.
pub(crate) struct BiasedLock {
    state: AtomicU64,
    /// Set while another thread is revoking the bias. Hint only: it stops the owner from
    /// re-acquiring in a tight loop.
    wanted: AtomicU64,
}

/// The values of `BiasedLock::state`.
const REVOKED: u64 = 0;
const IDLE: u64 = 1;
const HELD: u64 = 2;

/// How often a thread that revokes looks before it sleeps between two looks.
const YIELDS: u32 = 100;

impl BiasedLock {
    /// One that was not granted yet.
    pub(crate) fn new() -> Self {
        Self { state: AtomicU64::new(REVOKED), wanted: AtomicU64::new(0) }
    }

    /// The owner's, from one thread at a time: acquires, and says whether it could. The owner
    /// [releases](BiasedLock::release) it soon, and must wait for nothing in between.
    #[inline]
    pub(crate) fn try_acquire(&self) -> bool {
        // Relaxed: the owner granted it itself, and until it is revoked no other thread
        // changes what it guards. That it is an exchange is what matters.
        self.wanted.load(Ordering::Relaxed) == 0
            && self.state.compare_exchange(IDLE, HELD, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    #[inline]
    pub(crate) fn release(&self) {
        // No other thread changes a held state, so it need not be looked at.
        // Release pairs with the Acquire of `revoke`: what was changed while held.
        self.state.store(IDLE, Ordering::Release);
    }

    /// The owner's, under the mux's lock: it may acquire from now on.
    pub(crate) fn grant(&self) {
        self.wanted.store(0, Ordering::Relaxed);
        // Release as in `release`.
        self.state.store(IDLE, Ordering::Release);
    }

    /// Under the mux's lock, after it was granted: waits until the owner has released it. The
    /// owner acquires it no more.
    pub(crate) fn revoke(&self, mut wait: impl FnMut()) {
        self.wanted.store(1, Ordering::Relaxed);
        // Acquire: see `release`.
        while self
            .state
            .compare_exchange(IDLE, REVOKED, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            wait();
        }
    }
}

/// Waits for an owner that holds the bias, and may have lost its processor meanwhile.
pub(crate) fn backoff() -> impl FnMut() {
    let mut yields = 0;
    move || {
        yields += 1;
        if yields <= YIELDS {
            std::thread::yield_now();
        } else {
            // An owner of lower priority does not run while this thread only yields.
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}
