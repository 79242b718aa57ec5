//! The doorbells of Unix: descriptors, watched by one epoll set or kqueue.

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::time::Duration;
use std::{fmt, io};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::{Bell, Key, Waker};
use crate::exit::ExitWatch;
use crate::launch::Worker;
use crate::pump::{Doorbell, Pump, Pumped};

const WAKER: Token = Token(0);

/// How much one wait finds at most. Should more have come, the next one finds it.
const AT_ONCE: usize = 64;

/// What is watched of a link: its doorbell under an even token, the end of its worker under
/// an odd one. Keys start at 1, and leave 0 to the waker.
fn doorbell_of(key: usize) -> Token {
    Token(key * 2)
}

fn exit_of(key: usize) -> Token {
    Token(key * 2 + 1)
}

/// Watches the doorbells of many links.
///
/// It is itself a descriptor (`AsFd`), readable when any of its doorbells has rung, so that
/// an event loop that watches descriptors needs only this one: it calls
/// [`wait`](Doorbells::wait) with a time of zero whenever it is. Edges will do.
///
/// When the set is dropped, so are the pumps, and each link's bell is rung after that: an
/// inlet whose pump is gone can tell its owner. Workers that still run are then reaped by
/// nobody but [`Worker::end`].
pub struct Doorbells {
    poll: Poll,
    events: Events,
    waker: Waker,
    watched: HashMap<usize, Watched>,
    next: usize,
    /// Links whose pump stopped before all was moved.
    again: Vec<usize>,
}

/// All that is watched for one link.
struct Watched {
    pump: Option<Box<dyn Pump>>,
    process: Process,
    bell: Bell,
    /// Whether it stands in `Doorbells::again`.
    again: bool,
    /// Whether it is counted in `Waker::full`.
    full: bool,
    /// The other end is closed, and the pump has not looked since all else was moved.
    closed: bool,
}

enum Process {
    /// The link's other end is in this process.
    None,
    Running(ExitWatch, Worker),
    Gone,
}

impl Doorbells {
    /// Makes an empty set.
    ///
    /// # Errors
    ///
    /// When the system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), WAKER)?);
        Ok(Self {
            poll,
            events: Events::with_capacity(AT_ONCE),
            waker: Waker { waker, full: Arc::new(AtomicUsize::new(0)) },
            watched: HashMap::new(),
            next: 1,
            again: Vec::new(),
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
    /// When the system cannot watch it. The doorbell is dropped then, and the worker is reaped
    /// by nobody but [`Worker::end`].
    pub fn add(
        &mut self,
        doorbell: Doorbell,
        worker: Option<Worker>,
        bell: Bell,
    ) -> io::Result<Key> {
        let key = self.next;
        let process = match worker {
            Some(worker) => {
                let watch = ExitWatch::new(worker.child())?;
                self.register(exit_of(key), watch.fd())?;
                Process::Running(watch, worker)
            }
            None => Process::None,
        };
        if let Some(pump) = &doorbell.0 {
            self.register(doorbell_of(key), pump.fd())?;
        }
        self.next += 1;
        let watched =
            Watched { pump: doorbell.0, process, bell, again: true, full: false, closed: false };
        self.watched.insert(key, watched);
        // What came before it was watched may make no edge.
        self.again.push(key);
        self.waker.wake();
        Ok(Key(key))
    }

    /// Stops watching a link's doorbell, and lets go of its descriptor. A worker process that
    /// has not ended is still watched, and reaped when it ends.
    pub fn cut(&mut self, key: Key) {
        self.look_for_exit(key.0);
        if let Some(watched) = self.watched.get_mut(&key.0) {
            watched.drop_pump(&self.poll, &self.waker);
            self.remove_if_done(key.0);
        }
    }

    /// Waits until a doorbell rings, somebody calls [`Waker::wake`], or the time is over;
    /// moves what has come, and rings the links' bells. It may return early.
    ///
    /// `None` waits without end, a zero time not at all.
    ///
    /// # Errors
    ///
    /// When the system cannot wait.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let mut timeout = timeout;
        for key in std::mem::take(&mut self.again) {
            if let Some(watched) = self.watched.get_mut(&key) {
                watched.again = false;
            }
            // A pump that is full moves nothing until somebody has made room, and wakes this
            // set: it does not keep it from sleeping.
            if self.pump(key) {
                timeout = Some(Duration::ZERO);
            }
        }
        let result = self.poll.poll(&mut self.events, timeout);
        let mut left = false;
        if result.is_ok() {
            let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
            for event in events.iter().filter(|event| event.token() != WAKER) {
                let key = event.token().0 / 2;
                if event.token() == exit_of(key) {
                    self.look_for_exit(key);
                } else if event.is_read_closed() {
                    self.note_closed(key);
                }
                self.pump(key);
            }
            left = events.iter().count() >= AT_ONCE;
            self.events = events;
        }
        left |= self.again.iter().any(|key| self.watched.get(key).is_some_and(|link| !link.full));
        // Their edges are used up, so an event loop that watches this set would not come back.
        if left {
            self.waker.wake();
        }
        match result {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    #[cfg(test)]
    pub(super) fn watched(&self) -> usize {
        self.watched.len()
    }

    /// Reaps a worker that has ended.
    fn look_for_exit(&mut self, key: usize) {
        if let Some(watched) = self.watched.get_mut(&key)
            && let Process::Running(watch, worker) = &mut watched.process
            && watch.has_ended()
        {
            deregister(&self.poll, watch.fd());
            worker.note_exit();
            watched.process = Process::Gone;
        }
    }

    /// Nothing new can come, so there will be no edge to be woken by either.
    fn note_closed(&mut self, key: usize) {
        if let Some(watched) = self.watched.get_mut(&key) {
            watched.closed = true;
        }
    }

    /// Moves what waits for one link. Whether anything may have been moved.
    fn pump(&mut self, key: usize) -> bool {
        let Some(watched) = self.watched.get_mut(&key) else { return false };
        let mut pumped = watched.pump();
        if pumped == Pumped::Full && !watched.full {
            watched.full = true;
            self.waker.full.fetch_add(1, Ordering::Relaxed);
            // Pairs with the fence in `Waker::made_room`.
            fence(Ordering::SeqCst);
            pumped = watched.pump();
        }
        if pumped != Pumped::Full && std::mem::take(&mut watched.full) {
            self.waker.full.fetch_sub(1, Ordering::Relaxed);
        }
        match pumped {
            Pumped::Drained => {}
            Pumped::More | Pumped::Full => {
                if !std::mem::replace(&mut watched.again, true) {
                    self.again.push(key);
                }
            }
            Pumped::Ended => watched.drop_pump(&self.poll, &self.waker),
        }
        // After the pump is dropped: an inlet may learn of the end from that alone.
        watched.bell.ping();
        self.remove_if_done(key);
        pumped != Pumped::Full
    }

    fn remove_if_done(&mut self, key: usize) {
        if let Some(Watched { pump: None, process: Process::None | Process::Gone, .. }) =
            self.watched.get(&key)
        {
            self.watched.remove(&key);
        }
    }

    fn register(&self, token: Token, fd: BorrowedFd<'_>) -> io::Result<()> {
        let source = &mut SourceFd(&fd.as_raw_fd());
        self.poll.registry().register(source, token, Interest::READABLE)
    }
}

impl Watched {
    fn pump(&mut self) -> Pumped {
        // Known before the pump's last look: what it does not find then, nobody sent.
        let worker_gone = matches!(self.process, Process::Gone);
        match self.pump.as_mut().map(|pump| pump.pump(worker_gone)) {
            // Some other process may hold the worker's end, but it is not the worker.
            Some(Pumped::Drained) if worker_gone => Pumped::Ended,
            // It may have stopped just before the end, which makes no other edge.
            Some(Pumped::Drained) if std::mem::take(&mut self.closed) => Pumped::More,
            Some(pumped) => pumped,
            None => Pumped::Ended,
        }
    }

    fn drop_pump(&mut self, poll: &Poll, waker: &Waker) {
        if std::mem::take(&mut self.full) {
            waker.full.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(pump) = self.pump.take() {
            deregister(poll, pump.fd());
        }
    }
}

fn deregister(poll: &Poll, fd: BorrowedFd<'_>) {
    // Closing the descriptor, which follows, would do the same.
    let _ = poll.registry().deregister(&mut SourceFd(&fd.as_raw_fd()));
}

impl Drop for Doorbells {
    fn drop(&mut self) {
        for (_, mut watched) in self.watched.drain() {
            watched.drop_pump(&self.poll, &self.waker);
            watched.bell.ping();
        }
    }
}

impl AsFd for Doorbells {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }
}

impl fmt::Debug for Doorbells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doorbells").field("watched", &self.watched.len()).finish_non_exhaustive()
    }
}
