//! The set of doorbells: one thing to wait for instead of many.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use homing_core::Pinger;

mod blocking;
#[cfg(unix)]
mod descriptors;
#[cfg(not(unix))]
mod threads;
#[cfg(unix)]
mod watched;

pub use blocking::spawn_pump;
#[cfg(unix)]
pub use descriptors::Doorbells;
#[cfg(not(unix))]
pub use threads::Doorbells;

#[cfg(test)]
#[cfg(unix)]
mod tests;

/// Names a link in a set of doorbells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WatchKey(usize);

/// Wakes the thread that waits for a set of doorbells, from any thread.
#[derive(Clone)]
pub struct Waker {
    waker: Arc<mio::Waker>,
    /// The number of pumps that found their inlet full.
    full: Arc<AtomicUsize>,
}

impl Waker {
    /// Makes the current or the next wait return.
    pub fn wake(&self) {
        // This fails only for want of memory in the kernel, which cannot be mended here.
        let _ = self.waker.wake();
    }

    /// Wakes the waiting thread if some pump found its inlet full. The foreground calls it
    /// after it has taken something from an inlet.
    pub fn notify_capacity(&self) {
        // Pairs with the fence in `Doorbells::wait`: either this thread sees that a pump
        // waits, or the pump's second look sees the room that was made before.
        fence(Ordering::SeqCst);
        if self.full.load(Ordering::Relaxed) > 0 {
            self.wake();
        }
    }
}

impl Pinger for Waker {
    fn ping(&self) {
        self.wake();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}
