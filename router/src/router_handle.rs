//! The router, for other threads of the foreground's process.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use homing_core::{RouterState, WrongState};

use crate::router::Router;
use crate::wake::Wake;

/// Has the foreground's thread call something, from any thread. See [`Router::handle`].
///
/// It does not keep its router alive. Clones are of the same router.
pub struct RouterHandle<C> {
    calls: Arc<Calls<C>>,
    wake: Arc<Wake>,
}

type Call<C> = Box<dyn FnOnce(&mut C) + Send>;

/// What other threads have posted.
pub(crate) struct Calls<C> {
    posted: Mutex<Posted<C>>,
    /// How many wait, to be looked at without the lock.
    waiting: AtomicUsize,
}

struct Posted<C> {
    is_running: bool,
    calls: VecDeque<Call<C>>,
}

impl<C> RouterHandle<C> {
    /// Has `call` called with the router's context on the foreground's thread, when it dispatches,
    /// and wakes the event loop for that. Calls are made in the order in which they were posted,
    /// each once, within the [budget](crate::Router::budget) of a dispatch.
    ///
    /// The number of calls that wait is not bounded: what posts faster than the foreground calls
    /// has to bound itself. When the router stops, the calls that wait are dropped.
    ///
    /// # Errors
    ///
    /// When the router does not run. The call is dropped.
    pub fn post(
        &self,
        call: impl FnOnce(&mut C) + Send + 'static,
    ) -> Result<(), WrongState<RouterState>> {
        let mut posted = self.calls.lock();
        if !posted.is_running {
            drop(posted);
            return Err(WrongState { state: RouterState::Stopped });
        }
        posted.calls.push_back(Box::new(call));
        self.calls.waiting.store(posted.calls.len(), Ordering::Relaxed);
        drop(posted);
        // Push first, ring second: the foreground looks once more after it has cleared the flag.
        self.wake.raise();
        Ok(())
    }
}

impl<C> Calls<C> {
    pub(crate) fn new() -> Self {
        let posted = Posted { is_running: false, calls: VecDeque::new() };
        Self { posted: Mutex::new(posted), waiting: AtomicUsize::new(0) }
    }

    /// From now on calls are accepted.
    pub(crate) fn start(&self) {
        self.lock().is_running = true;
    }

    /// From now on no calls are accepted. Those that wait are dropped.
    pub(crate) fn stop(&self) {
        let mut posted = self.lock();
        posted.is_running = false;
        let calls = std::mem::take(&mut posted.calls);
        self.waiting.store(0, Ordering::Relaxed);
        drop(posted);
        // They may own anything of the application's: no lock is held.
        drop(calls);
    }

    /// Whether none waits. After the flag of the router's [`Wake`] was cleared, what was posted
    /// before the flag was set is seen.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// Takes the oldest call.
    pub(crate) fn take(&self) -> Option<Call<C>> {
        if self.is_empty() {
            return None;
        }
        let mut posted = self.lock();
        let call = posted.calls.pop_front();
        self.waiting.store(posted.calls.len(), Ordering::Relaxed);
        call
    }

    fn lock(&self) -> MutexGuard<'_, Posted<C>> {
        // Nothing in here panics half-way through a change.
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: 'static> Router<C> {
    /// A handle for other threads of this process, which have something called on this one.
    ///
    /// ```
    /// # use homing_router::{DoorbellSet, LoopBinding, Router};
    /// # let router: Router<Vec<u32>> = Router::new(LoopBinding::readiness(&DoorbellSet::new()?));
    /// # router.start()?;
    /// let handle = router.handle();
    /// std::thread::spawn(move || handle.post(|app: &mut Vec<u32>| app.push(1))).join().unwrap()?;
    ///
    /// let mut app = Vec::new();
    /// let _ = router.dispatch(&mut app); // as the event loop does when it is woken
    /// assert_eq!(app, [1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn handle(&self) -> RouterHandle<C> {
        RouterHandle { calls: Arc::clone(&self.inner.calls), wake: Arc::clone(&self.inner.wake) }
    }
}

impl<C> Clone for RouterHandle<C> {
    fn clone(&self) -> Self {
        Self { calls: Arc::clone(&self.calls), wake: Arc::clone(&self.wake) }
    }
}

impl<C> fmt::Debug for RouterHandle<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterHandle")
            .field("waiting", &self.calls.waiting.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
