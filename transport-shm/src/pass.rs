//! How the one sender of a link goes without the link's lock.

use crate::words::{AtomicU64, Ordering};

/// The right of one sender to put frames on the ring without the link's lock. To lock and to
/// unlock are most of what a short message costs otherwise.
///
/// A sender that is the only one gives it to itself under the lock; it is taken back before
/// anybody else touches what the lock guards. So whoever has entered, or holds the lock and
/// has taken the pass back, is alone.
pub(crate) struct Pass {
    pub(crate) state: AtomicU64,
    /// Somebody waits for the sender to leave. Only a hint: who enters all the time would
    /// hardly ever be found outside.
    wanted: AtomicU64,
}

/// The values of `Pass::state`.
pub(crate) const TAKEN: u64 = 0;
pub(crate) const FREE: u64 = 1;
pub(crate) const ENTERED: u64 = 2;

/// How often whoever waits looks before it sleeps between two looks.
const LOOKS: u32 = 100;

impl Pass {
    /// One that was not given yet.
    pub(crate) fn new() -> Self {
        Self { state: AtomicU64::new(TAKEN), wanted: AtomicU64::new(0) }
    }

    /// The sender's, one at a time: enters, and says whether it could. Then it is to
    /// [leave](Pass::leave) soon, and must wait for nothing in between.
    #[inline]
    pub(crate) fn enter(&self) -> bool {
        // Relaxed: it was given by the sender itself, and until it is taken back nobody else
        // changes anything. That it is an exchange is what matters.
        self.wanted.load(Ordering::Relaxed) == 0
            && self
                .state
                .compare_exchange(FREE, ENTERED, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    #[inline]
    pub(crate) fn leave(&self) {
        // Nobody else changes what is entered, so it need not be looked at.
        // Release pairs with the Acquire of `take_back`: what was changed inside.
        self.state.store(FREE, Ordering::Release);
    }

    /// The sender's, under the lock: it may enter from now on.
    pub(crate) fn give(&self) {
        self.wanted.store(0, Ordering::Relaxed);
        // Release as in `leave`.
        self.state.store(FREE, Ordering::Release);
    }

    /// Under the lock, after it was given: waits until the sender has left. It enters no
    /// more.
    pub(crate) fn take_back(&self, mut wait: impl FnMut()) {
        self.wanted.store(1, Ordering::Relaxed);
        // Acquire: see `leave`.
        while self
            .state
            .compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            wait();
        }
    }
}

/// Waits for a sender that has entered, and is away from its processor at worst.
pub(crate) fn patiently() -> impl FnMut() {
    let mut looks = 0;
    move || {
        looks += 1;
        if looks <= LOOKS {
            std::thread::yield_now();
        } else {
            // Should it be of lower priority, to yield is not enough.
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}
