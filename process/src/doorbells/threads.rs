//! The doorbells of systems whose pipes cannot be watched: a thread for each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{fmt, io, thread};

use mio::{Events, Poll, Token};

use super::{Bell, Key, Waker};
use crate::launch::Worker;
use crate::pump::{Doorbell, Pumped};

/// Watches the doorbells of many links, with a thread for each link and one for each worker
/// process. All of them end with what they watch.
pub struct Doorbells {
    poll: Poll,
    events: Events,
    waker: Waker,
    cut: HashMap<usize, Arc<AtomicBool>>,
    next: usize,
}

impl Doorbells {
    /// Makes an empty set.
    ///
    /// # Errors
    ///
    /// When the system has no handles left.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), Token(0))?);
        Ok(Self {
            poll,
            events: Events::with_capacity(8),
            waker: Waker { waker, full: Arc::new(AtomicUsize::new(0)) },
            cut: HashMap::new(),
            next: 0,
        })
    }

    /// What wakes a wait for this set.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Watches a link: its doorbell, and the process at its other end, if it is one. `bell`
    /// is rung when something has come.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn add(
        &mut self,
        doorbell: Doorbell,
        worker: Option<Worker>,
        bell: Bell,
    ) -> io::Result<Key> {
        let key = self.next;
        let cut = Arc::new(AtomicBool::new(false));
        let (drained, is_drained) = mpsc::channel::<()>();
        if let Some(mut pump) = doorbell.0 {
            let (bell, cut) = (Arc::clone(&bell), Arc::clone(&cut));
            thread::Builder::new().name("homing-pipe".into()).spawn(move || {
                while !cut.load(Ordering::Relaxed) {
                    if pump.pump(false) == Pumped::Ended {
                        break;
                    }
                    bell.ping();
                }
                // In this order: an inlet may learn of the end from the drop alone.
                drop(pump);
                bell.ping();
                drop(drained);
            })?;
        }
        if let Some(worker) = worker {
            let child = worker.child();
            thread::Builder::new().name("homing-exit".into()).spawn(move || {
                // It fails only when somebody else has reaped the child; then it has ended.
                let _ = child.wait();
                // All that the worker wrote is moved first. This returns when the thread
                // above lets go of its end.
                let _ = is_drained.recv();
                worker.note_exit();
                bell.ping();
            })?;
        }
        // Forgets the links whose threads have ended.
        self.cut.retain(|_, cut| Arc::strong_count(cut) > 1);
        self.cut.insert(key, cut);
        self.next += 1;
        Ok(Key(key))
    }

    /// Stops watching a link's doorbell: its thread ends when something comes, or when the
    /// worker's end is gone.
    pub fn cut(&mut self, key: Key) {
        if let Some(cut) = self.cut.remove(&key.0) {
            cut.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until somebody calls [`Waker::wake`] or the time is over. It may return early.
    ///
    /// `None` waits without end, a zero time not at all.
    ///
    /// # Errors
    ///
    /// When the system cannot wait.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }
}

impl fmt::Debug for Doorbells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doorbells").field("links", &self.next).finish_non_exhaustive()
    }
}
