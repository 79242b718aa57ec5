//! The doorbells of Unix: descriptors, watched by one epoll set or kqueue.

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::time::Duration;
use std::{fmt, io};

use homing_core::Pinger;
use mio::unix::SourceFd;
use mio::{Events, Poll, Token};

use super::blocking::{PumpThread, READER};
use super::watched::{Process, Watched, Watching, deregister};
use super::{Waker, WatchKey};
use crate::ChildProcess as Worker;
use crate::doorbell::{Doorbell, Source};
use crate::exit::ExitWatch;
use crate::pump::{Interest, PumpStatus};

const WAKER: Token = Token(0);

/// How much one wait finds at most. Should more have come, the next one finds it.
const AT_ONCE: usize = 64;

/// How many tokens a link has. Keys start at 1, and leave 0 to the waker.
const TOKENS: usize = 3;

/// What is watched of a link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    First,
    Second,
    Exit,
}

impl Part {
    fn of(self, key: usize) -> Token {
        Token(key * TOKENS + self as usize)
    }

    /// The link's key, and what of it the token is for.
    fn split(token: Token) -> (usize, Self) {
        let part = match token.0 % TOKENS {
            0 => Self::First,
            1 => Self::Second,
            _ => Self::Exit,
        };
        (token.0 / TOKENS, part)
    }
}

/// Watches the doorbells of many links.
///
/// The set is itself a descriptor (`AsFd`), readable when any of its doorbells has rung, so that
/// an event loop that watches descriptors needs only this one: it calls
/// [`wait`](Doorbells::wait) with a time of zero whenever it is. Edges will do.
///
/// A doorbell that blocks has a thread, which ends when its pump does, or returns after the
/// link was unwatched.
///
/// When the set is dropped, so are the pumps of descriptors, and each link's pinger is pinged
/// after that: an inlet whose pump is gone can tell its owner. Workers that still run are then reaped by
/// [`ChildProcess::end`](crate::ChildProcess::end) only.
pub struct Doorbells {
    poll: Poll,
    events: Events,
    waker: Waker,
    watched: HashMap<usize, Watched>,
    next: usize,
    /// Links whose pump stopped before all was moved.
    again: Vec<usize>,
    /// Links whose pump has a thread.
    blocking: Vec<usize>,
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
            blocking: Vec::new(),
        })
    }

    /// What wakes a wait for this set.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Watches a link: its doorbell, and the process at its other end, if it is one. `pinger`
    /// is pinged when something has come: on the thread that waits for this set, or on the
    /// doorbell's own where it [blocks](Doorbell::is_blocking).
    ///
    /// # Errors
    ///
    /// When the system cannot watch it. The doorbell is dropped then, and the worker is reaped
    /// by [`ChildProcess::end`](crate::ChildProcess::end) only.
    pub fn add(
        &mut self,
        doorbell: Doorbell,
        worker: Option<Worker>,
        pinger: impl Pinger + Send + Sync + 'static,
    ) -> io::Result<WatchKey> {
        let key = self.next;
        let Doorbell { source, second } = doorbell;
        let process = match worker {
            Some(worker) => {
                let watch = ExitWatch::new(worker.clone())?;
                self.register(Part::Exit.of(key), watch.fd(), Interest::Readable)?;
                Process::Running(watch, worker)
            }
            None => Process::None,
        };
        let pinger: Arc<dyn Pinger + Send + Sync> = Arc::new(pinger);
        if let Some(pump) = &second {
            self.register(Part::Second.of(key), pump.fd(), pump.interest())?;
        }
        let source = match source {
            Source::None => Watching::Nothing,
            Source::Readable(pump) => {
                self.register(Part::First.of(key), pump.fd(), pump.interest())?;
                Watching::Readable(pump)
            }
            Source::Blocking(pump) => {
                self.forget_ended_threads();
                self.blocking.push(key);
                Watching::Blocking(PumpThread::start(READER, pump, Arc::clone(&pinger))?)
            }
        };
        self.next += 1;
        self.watched.insert(key, Watched::new(source, second, process, pinger));
        // What came before it was watched may make no edge.
        self.again.push(key);
        self.waker.wake();
        Ok(WatchKey(key))
    }

    /// Stops watching a link's doorbell, and drops its pumps, or has its thread drop it. A worker
    /// process that has not ended is still watched, and reaped when it ends.
    pub fn unwatch(&mut self, key: WatchKey) {
        self.look_for_exit(key.0);
        if let Some(watched) = self.watched.get_mut(&key.0) {
            watched.drop_pumps(&self.poll, &self.waker);
            self.remove_if_done(key.0);
        }
    }

    /// Waits until a doorbell rings, a thread calls [`Waker::wake`], or the time is over;
    /// moves what has come, and pings the links' pingers. It may return early.
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
            // A pump that is full moves nothing until its inlet has made room, which wakes this
            // set: the pump does not keep the set from sleeping.
            if self.pump_second_again(key) | self.pump(key) {
                timeout = Some(Duration::ZERO);
            }
        }
        let result = self.poll.poll(&mut self.events, timeout);
        let mut left = false;
        if result.is_ok() {
            let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
            for event in events.iter().filter(|event| event.token() != WAKER) {
                let (key, part) = Part::split(event.token());
                match part {
                    Part::First if event.is_read_closed() => self.note_closed(key),
                    Part::First => {}
                    Part::Second => {
                        self.pump_second(key);
                        continue;
                    }
                    Part::Exit => self.look_for_exit(key),
                }
                self.pump(key);
            }
            left = events.iter().count() >= AT_ONCE;
            self.events = events;
        }
        left |= self.again.iter().any(|key| self.watched.get(key).is_some_and(Watched::has_left));
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
            // Also when nothing is pumped any more: the exit is news by itself.
            watched.pinger.ping();
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
        if pumped == PumpStatus::Backpressured && !watched.full {
            watched.full = true;
            self.waker.full.fetch_add(1, Ordering::Relaxed);
            // Pairs with the fence in `Waker::notify_capacity`.
            fence(Ordering::SeqCst);
            pumped = watched.pump();
        }
        if pumped != PumpStatus::Backpressured && std::mem::take(&mut watched.full) {
            self.waker.full.fetch_sub(1, Ordering::Relaxed);
        }
        match pumped {
            PumpStatus::WouldBlock => {}
            PumpStatus::Pending | PumpStatus::Backpressured => {
                if !std::mem::replace(&mut watched.again, true) {
                    self.again.push(key);
                }
            }
            PumpStatus::Closed => watched.drop_pumps(&self.poll, &self.waker),
        }
        // After the pump is dropped: an inlet may learn of the end from that alone.
        watched.pinger.ping();
        self.remove_if_done(key);
        pumped != PumpStatus::Backpressured
    }

    /// Calls the second pump if it had not finished. Whether it was called.
    fn pump_second_again(&mut self, key: usize) -> bool {
        let watched = self.watched.get_mut(&key);
        let is_due = watched.is_some_and(|link| std::mem::take(&mut link.second_again));
        is_due && self.pump_second(key)
    }

    /// Calls the second pump of one link. Whether there is one.
    fn pump_second(&mut self, key: usize) -> bool {
        let Some(watched) = self.watched.get_mut(&key) else { return false };
        let Some(pumped) = watched.pump_second() else { return false };
        match pumped {
            PumpStatus::WouldBlock | PumpStatus::Backpressured => {}
            PumpStatus::Pending => {
                watched.second_again = true;
                if !std::mem::replace(&mut watched.again, true) {
                    self.again.push(key);
                }
            }
            // Whether the link has ended is for the first source to say.
            PumpStatus::Closed => watched.drop_second(&self.poll),
        }
        watched.pinger.ping();
        self.remove_if_done(key);
        true
    }

    /// Forgets the links whose threads have ended since, if they are still known.
    fn forget_ended_threads(&mut self) {
        for key in std::mem::take(&mut self.blocking) {
            self.remove_if_done(key);
            if self.watched.contains_key(&key) {
                self.blocking.push(key);
            }
        }
    }

    fn remove_if_done(&mut self, key: usize) {
        if self.watched.get(&key).is_some_and(Watched::is_done)
            && let Some(mut watched) = self.watched.remove(&key)
        {
            watched.drop_pumps(&self.poll, &self.waker);
        }
    }

    fn register(&self, token: Token, fd: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
        let source = &mut SourceFd(&fd.as_raw_fd());
        let interest = match interest {
            Interest::Readable => mio::Interest::READABLE,
            Interest::Writable => mio::Interest::WRITABLE,
        };
        self.poll.registry().register(source, token, interest)
    }
}

impl Drop for Doorbells {
    fn drop(&mut self) {
        for (_, mut watched) in self.watched.drain() {
            watched.drop_pumps(&self.poll, &self.waker);
            watched.pinger.ping();
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
