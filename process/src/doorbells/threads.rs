//! The doorbells of systems on which nothing can be watched: a thread for each.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use std::{fmt, io, thread};

use homing_core::Pinger;
use mio::{Events, Poll, Token};

use super::blocking::{PumpThread, READER};
use super::{Waker, WatchKey};
use crate::ChildProcess as Worker;
use crate::doorbell::{Doorbell, Source};

/// The name of the threads of second sources, which write the way back.
const WRITER: &str = "homing-writer";

/// Watches the doorbells of many links, with a thread for each source and one for each worker
/// process. All of them end with what they watch.
pub struct Doorbells {
    poll: Poll,
    events: Events,
    waker: Waker,
    watched: HashMap<usize, Vec<PumpThread>>,
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
            watched: HashMap::new(),
            next: 0,
        })
    }

    /// What wakes a wait for this set.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Watches a link: its doorbell, and the process at its other end, if it is one. `pinger`
    /// is pinged, on threads of their own, when something has come.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn add(
        &mut self,
        doorbell: Doorbell,
        worker: Option<Worker>,
        pinger: impl Pinger + Send + Sync + 'static,
    ) -> io::Result<WatchKey> {
        let pinger: Arc<dyn Pinger + Send + Sync> = Arc::new(pinger);
        let key = self.next;
        let Doorbell { source, second } = doorbell;
        let first = match source {
            Source::Blocking(pump) => Some((READER, pump)),
            Source::None => None,
        };
        let second = second.map(|pump| (WRITER, pump));
        let mut threads = Vec::new();
        for (name, pump) in first.into_iter().chain(second) {
            threads.push(PumpThread::start(name, pump, Arc::clone(&pinger))?);
        }
        // Forgets the links whose threads have ended.
        self.watched.retain(|_, threads| !threads.iter().all(PumpThread::has_ended));
        if !threads.is_empty() {
            self.watched.insert(key, threads);
        }
        if let Some(worker) = worker {
            let child = worker.process().waitable();
            thread::Builder::new().name("homing-exit".into()).spawn(move || {
                // It fails only when the child was reaped elsewhere; then it has ended. What
                // it wrote may still be on its way: its inlet says when that has come.
                let _ = child.map(|child| child.wait());
                worker.note_exit();
                pinger.ping();
            })?;
        }
        self.next += 1;
        Ok(WatchKey(key))
    }

    /// Stops watching a link's doorbell: its threads end when something comes, or when the
    /// worker's end is gone.
    pub fn unwatch(&mut self, key: WatchKey) {
        for thread in self.watched.remove(&key.0).unwrap_or_default() {
            thread.stop();
        }
    }

    /// Waits until [`Waker::wake`] is called or the time is over. It may return early.
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
