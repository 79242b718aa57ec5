//! How a router is joined to its event loop.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use homing_core::Pinger;
use homing_process::{Doorbells, Waker};

use crate::budget::Budget;
use crate::waiting::Waiting;

/// How a router is joined to its event loop. Event loops convert into it.
///
/// A loop that can wait for a descriptor, or that is written around this crate, watches the
/// doorbells of all links itself: no thread, and one wake-up less a message. Any other loop
/// is pinged, and the router starts a monitor thread once there is a doorbell to watch.
#[derive(Debug)]
pub struct LoopBinding {
    pub(crate) waiting: Waiting,
    pub(crate) budget: Budget,
}

impl LoopBinding {
    /// The event loop waits for `doorbells`, and calls
    /// [`Router::dispatch`](crate::Router::dispatch) after each wait, for each router that
    /// was joined to them.
    pub fn readiness(doorbells: &DoorbellSet) -> Self {
        Self::new(Waiting::Readiness(doorbells.clone()))
    }

    /// The event loop is pinged, and calls [`Router::dispatch`](crate::Router::dispatch) when
    /// it is.
    pub fn pinger(pinger: impl Pinger + Send + Sync + 'static) -> Self {
        Self::new(Waiting::pinger(Box::new(pinger)))
    }

    /// The budget with which the router begins, where the [default](Budget) does not suit the
    /// event loop: one that has its other turns only after many dispatches, say.
    #[must_use]
    pub fn with_budget(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    fn new(waiting: Waiting) -> Self {
        Self { waiting, budget: Budget::default() }
    }
}

/// The doorbells that one event loop watches, for one router or several. Clones are handles
/// of the same set. It belongs to the foreground's thread.
#[derive(Clone, Debug)]
pub struct DoorbellSet {
    doorbells: Rc<RefCell<Doorbells>>,
    /// The event loop is within [`wait`](DoorbellSet::wait). Only the foreground's thread
    /// uses it; it is no cell because wakers may be sent to another.
    pub(crate) attended: Arc<AtomicBool>,
}

impl DoorbellSet {
    /// Makes an empty set.
    ///
    /// # Errors
    ///
    /// When the system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        let doorbells = Rc::new(RefCell::new(Doorbells::new()?));
        Ok(Self { doorbells, attended: Arc::default() })
    }

    /// What wakes a wait for this set, from any thread.
    pub fn waker(&self) -> Waker {
        self.doorbells.borrow().waker()
    }

    /// Waits until a doorbell rings, the [`waker`](DoorbellSet::waker) is used, or the time
    /// is over. It may return early. `None` waits without end.
    ///
    /// # Errors
    ///
    /// When the system cannot wait.
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.attended.store(true, Ordering::Relaxed);
        let waited = self.doorbells.borrow_mut().wait(timeout);
        self.attended.store(false, Ordering::Relaxed);
        waited
    }

    /// As [`wait`](DoorbellSet::wait), for a wait that is not the event loop's: the loop
    /// is woken for what has come.
    pub(crate) fn wait_aside(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.doorbells.borrow_mut().wait(timeout)
    }

    /// Runs `use_it` with the set's descriptor, which is readable when a doorbell has rung.
    /// [`wait`](DoorbellSet::wait) with no time acknowledges it; what rings after that makes
    /// it readable again, so the dispatch comes last. Edges will do.
    ///
    /// A loop that wants a descriptor of its own gets one by `try_clone_to_owned`.
    #[cfg(unix)]
    pub fn with_fd<T>(&self, use_it: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> T) -> T {
        use std::os::fd::AsFd as _;
        use_it(self.doorbells.borrow().as_fd())
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Doorbells) -> T) -> T {
        change(&mut self.doorbells.borrow_mut())
    }
}
