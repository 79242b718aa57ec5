//! What the foreground has told the worker's ends of one pipe.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crossbeam_channel::{Receiver, Sender, bounded};
use homing_core::{SendErrorKind, Told, ToldCell};

use crate::notices::PipeEnd;

/// What the foreground has told one pipe. Its sender looks at it by one atomic load.
#[derive(Default)]
pub(crate) struct Notice {
    told: ToldCell,
    /// What of that the sender knows: it has looked, or a message that waited came back.
    heard: ToldCell,
    /// The inlet is gone.
    gone: AtomicBool,
    /// The sender that waits for room. The lock also serializes changes of `told`.
    sleeper: Mutex<Sleeper>,
}

/// A sender that waits for room.
#[derive(Default)]
struct Sleeper {
    /// Dropped to wake its thread.
    thread: Option<Sender<Infallible>>,
    task: Option<Waker>,
}

impl Sleeper {
    fn wake(self) {
        drop(self.thread);
        if let Some(task) = self.task {
            task.wake();
        }
    }
}

impl Notice {
    #[inline]
    pub(crate) fn told(&self) -> Told {
        self.told.get()
    }

    /// What was told, which the sender knows from now on.
    #[inline]
    pub(crate) fn hear(&self) -> Told {
        let told = self.told();
        if told != self.heard.get() {
            self.heard.add(told);
        }
        told
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Adds to what was told, and wakes a sender that waits. Whether it was new.
    pub(crate) fn tell(&self, told: Told) -> bool {
        let mut sleeper = self.lock();
        let before = self.told.get();
        let after = before.and(told);
        self.told.add(told);
        let sleeper_to_wake = std::mem::take(&mut *sleeper);
        drop(sleeper);
        // A waker is code of an executor: no lock is held.
        sleeper_to_wake.wake();
        before != after
    }

    /// The inlet is gone. Wakes a sender that waits.
    pub(crate) fn disconnect(&self) {
        // Release: what is told later, as by a router that stops, is seen together with it.
        self.gone.store(true, Ordering::Release);
        let sleeper = std::mem::take(&mut *self.lock());
        sleeper.wake();
    }

    /// Has the sender's task woken by the next change. It looks at the notice after this call.
    pub(crate) fn wake_on_change(&self, task: &Waker) {
        let before = self.lock().task.replace(task.clone());
        // To drop a waker may drop its task: no lock is held.
        drop(before);
    }

    /// Whether there is something that the sender does not know.
    pub(crate) fn has_news(&self) -> bool {
        self.is_gone() || self.told() != self.heard.get()
    }

    /// A channel that is disconnected at the next change. The sender looks at the notice after
    /// this call, and then waits. A pipe has one sender, so one call is current.
    pub(crate) fn listen(&self) -> Receiver<Infallible> {
        let (sleeper, changed) = bounded(0);
        self.lock().thread = Some(sleeper);
        changed
    }

    /// Why the sender is not to wait for room. What it knows already is no reason.
    pub(crate) fn interruption(&self) -> Option<SendErrorKind> {
        let knew = self.heard.get();
        let told = self.hear();
        if self.is_gone() {
            Some(SendErrorKind::Disconnected)
        } else if told.is_closed() {
            Some(SendErrorKind::Closed)
        } else if told.is_cancelled() && !knew.is_cancelled() {
            Some(SendErrorKind::Cancelled)
        } else {
            None
        }
    }

    /// Whether a sender waits, and is woken by the next change.
    #[cfg(test)]
    pub(crate) fn is_listened_to(&self) -> bool {
        self.lock().thread.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Sleeper> {
        // Nothing in here panics half-way through a change.
        self.sleeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PipeEnd for Notice {
    fn tell(&self, told: Told) {
        self.tell(told);
    }

    fn disconnect(&self) {
        self.disconnect();
    }
}
