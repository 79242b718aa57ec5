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

/// Watches the doorbells of many links.
///
/// It is itself a descriptor (`AsFd`), readable when any of its doorbells has rung, so that
/// an event loop that watches descriptors needs only this one.
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
            events: Events::with_capacity(64),
            waker: Waker { waker, full: Arc::new(AtomicUsize::new(0)) },
            watched: HashMap::new(),
            next: WAKER.0 + 1,
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
    /// When the system cannot watch it.
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
                self.register(key, watch.fd())?;
                Process::Running(watch, worker)
            }
            None => Process::None,
        };
        if let Some(pump) = &doorbell.0 {
            self.register(key, pump.fd())?;
        }
        self.next += 1;
        let watched = Watched { pump: doorbell.0, process, bell, again: true, full: false };
        self.watched.insert(key, watched);
        // What came before it was watched may make no edge.
        self.again.push(key);
        Ok(Key(key))
    }

    /// Stops watching a link's doorbell, and lets go of its descriptor. A worker process is
    /// still reaped when it ends.
    pub fn cut(&mut self, key: Key) {
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
            if self.pump(key) {
                timeout = Some(Duration::ZERO);
            }
        }
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in events.iter().filter(|event| event.token() != WAKER) {
            self.pump(event.token().0);
        }
        self.events = events;
        Ok(())
    }

    /// Moves what waits for one link. Whether anything may have been moved.
    fn pump(&mut self, key: usize) -> bool {
        let Some(watched) = self.watched.get_mut(&key) else { return false };
        if let Process::Running(watch, worker) = &mut watched.process
            && watch.has_ended()
        {
            deregister(&self.poll, watch.fd());
            // Known before the last look below: what the pump does not find then, nobody
            // sent.
            worker.note_exit();
            watched.process = Process::Gone;
        }
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
        watched.bell.ping();
        match pumped {
            Pumped::Drained => {}
            Pumped::More | Pumped::Full => {
                if !std::mem::replace(&mut watched.again, true) {
                    self.again.push(key);
                }
            }
            Pumped::Ended => {
                watched.drop_pump(&self.poll, &self.waker);
                self.remove_if_done(key);
            }
        }
        pumped != Pumped::Full
    }

    fn remove_if_done(&mut self, key: usize) {
        if let Some(Watched { pump: None, process: Process::None | Process::Gone, .. }) =
            self.watched.get(&key)
        {
            self.watched.remove(&key);
        }
    }

    fn register(&self, key: usize, fd: BorrowedFd<'_>) -> io::Result<()> {
        let source = &mut SourceFd(&fd.as_raw_fd());
        self.poll.registry().register(source, Token(key), Interest::READABLE)
    }
}

impl Watched {
    fn pump(&mut self) -> Pumped {
        let worker_gone = matches!(self.process, Process::Gone);
        match &mut self.pump {
            Some(pump) => pump.pump(worker_gone),
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
