//! Tasks that wait for a change.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use homing_core::ConnectionId;

/// How many tasks are kept that are of no pipe's. They leave no word when they wait no more.
const MAX_UNNAMED: usize = 1024;

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
    wakers: Mutex<VecDeque<(Option<ConnectionId>, Waker)>>,
}

impl WakerList {
    /// Adds the waker of a task, which looks afterwards. A pipe has one task: its last one.
    pub(crate) fn add(&self, pipe: Option<ConnectionId>, waker: &Waker) {
        let mut wakers = self.lock();
        let known = wakers.iter_mut().find(|(other, known)| match pipe {
            Some(_) => *other == pipe,
            None => known.will_wake(waker),
        });
        let replaced = match known {
            Some((_, known)) if known.will_wake(waker) => None,
            Some((_, known)) => Some(std::mem::replace(known, waker.clone())),
            None => {
                wakers.push_back((pipe, waker.clone()));
                None
            }
        };
        let oldest = match pipe.is_none() && wakers.len() > MAX_UNNAMED {
            true => wakers.pop_front(),
            false => None,
        };
        // Under the lock, as it is cleared there.
        self.is_used.store(true, Ordering::SeqCst);
        drop(wakers);
        fence(Ordering::SeqCst);
        // To drop a waker may drop its task: no lock is held.
        drop(replaced);
        if let Some((_, oldest)) = oldest {
            // If its task still waits, it comes again.
            oldest.wake();
        }
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
        woken.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Option<ConnectionId>, Waker)>> {
        // Nothing in here panics half-way through a change.
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
