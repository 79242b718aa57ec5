//! The worker's ends of a link's pipes, as the foreground tells them something.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use homing_core::{ConnectionId, Notifier, Told};

/// The worker's ends of one pipe.
pub(crate) trait PipeEnd: Send + Sync {
    /// Adds to what was told, and wakes what waits.
    fn tell(&self, told: Told);

    /// The inlet is gone: drops what waits for the worker, and wakes what waits.
    fn disconnect(&self);
}

/// The pipes of a link whose worker's ends are not all dropped.
#[derive(Default)]
pub(crate) struct Notices(Mutex<Pipes>);

#[derive(Default)]
struct Pipes {
    ends: HashMap<ConnectionId, Weak<dyn PipeEnd>>,
    /// What pipes are told that are added.
    is_stopping: bool,
    is_gone: bool,
}

impl Notices {
    /// Adds a pipe, until it is [removed](Notices::remove).
    pub(crate) fn add(&self, connection: ConnectionId, end: Weak<dyn PipeEnd>) {
        let mut pipes = self.lock();
        let is_news = pipes.is_stopping || pipes.is_gone;
        if let Some(end) = end.upgrade().filter(|_| is_news) {
            if pipes.is_stopping {
                end.tell(Told::STOPPING);
            }
            if pipes.is_gone {
                end.disconnect();
            }
        }
        pipes.ends.insert(connection, end);
    }

    /// Removes a pipe whose worker's ends are dropped.
    pub(crate) fn remove(&self, connection: ConnectionId) {
        let removed = self.lock().ends.remove(&connection);
        drop(removed);
    }

    /// The inlet is gone.
    pub(crate) fn disconnect(&self) {
        let ends = self.tell_all(|pipes| pipes.is_gone = true);
        ends.iter().for_each(|end| end.disconnect());
    }

    /// The ends that are to be told a change, and those that are added later are told by `change`.
    ///
    /// The lock is not held while they are told: what is dropped then may be anything of the
    /// application's.
    fn tell_all(&self, change: impl FnOnce(&mut Pipes)) -> Vec<Arc<dyn PipeEnd>> {
        let mut pipes = self.lock();
        change(&mut pipes);
        pipes.ends.values().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Pipes> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notifier for Notices {
    fn close(&self, connection: ConnectionId) {
        let end = self.lock().ends.get(&connection).and_then(Weak::upgrade);
        if let Some(end) = end {
            end.tell(Told::CLOSED);
        }
    }

    fn announce_stop(&self) {
        let ends = self.tell_all(|pipes| pipes.is_stopping = true);
        ends.iter().for_each(|end| end.tell(Told::STOPPING));
    }

    fn flush(&self) {
        // A queue within one process always has space for a notice.
    }
}
