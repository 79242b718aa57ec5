//! Tasks that wait for a change.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The wakers of tasks that wait for a change. Each is woken once.
///
/// A task adds its waker and then looks, with a `SeqCst` fence between. A thread makes a change and
/// then calls [`wake_all`](WakerList::wake_all), which begins with a `SeqCst` load. The change is a
/// `SeqCst` exchange, or is followed by a `SeqCst` fence. So either the load comes after the fence in
/// the order of all these and the waker is seen, or the change comes before it and the task sees the
/// change. Where no task waits, `wake_all` is that load.
#[derive(Default)]
pub(crate) struct WakerList {
    is_used: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl WakerList {
    /// Adds the waker of a task, which looks afterwards.
    pub(crate) fn add(&self, waker: &Waker) {
        let mut wakers = self.lock();
        if !wakers.iter().any(|other| other.will_wake(waker)) {
            wakers.push(waker.clone());
        }
        // Under the lock, as it is cleared there.
        self.is_used.store(true, Ordering::SeqCst);
        drop(wakers);
        fence(Ordering::SeqCst);
    }

    /// Wakes all tasks, after a change.
    #[inline]
    pub(crate) fn wake_all(&self) {
        if self.is_used.load(Ordering::SeqCst) {
            self.take_and_wake();
        }
    }

    #[cold]
    fn take_and_wake(&self) {
        let mut wakers = self.lock();
        self.is_used.store(false, Ordering::SeqCst);
        let woken = std::mem::take(&mut *wakers);
        drop(wakers);
        // A waker is code of an executor: no lock is held.
        woken.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        // Nothing in here panics half-way through a change.
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
