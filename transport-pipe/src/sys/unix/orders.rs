//! The worker's end of the way back: a descriptor that is read when a thread looks or waits.
//!
//! Threads that wait do so in `poll(2)`, each for itself. What one of them reads may concern
//! another, so each also polls a [`Signal`], by which it is interrupted. A worker that looks often
//! has a [thread](Watcher) that reads in its place.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use homing_core::{Disconnected, LinkEnd, ProtocolError};
use homing_mux::WayBack;
use homing_process::ForkGuard;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Writer;
use super::signal::Signal;
use super::watcher::Watcher;
use crate::frames::Pieces;

/// How much one read takes.
const READ_SIZE: usize = 16 * 1024;

/// How long a wait lasts at most that cannot be interrupted, for want of descriptors.
const UNINTERRUPTED: Duration = Duration::from_millis(20);

/// The reading end.
pub(crate) struct Orders {
    fd: OwnedFd,
    watcher: Watcher,
    /// Of the receiver that waits: one at a time does.
    receiver: OnceLock<Signal>,
    senders: Mutex<Signals>,
}

/// Of the senders that wait.
#[derive(Default)]
struct Signals {
    waiting: Vec<Arc<Signal>>,
    /// For the next ones.
    idle: Vec<Arc<Signal>>,
}

/// How many signals are kept for senders that wait later.
const KEPT: usize = 4;

impl Orders {
    /// Takes over the end.
    pub(crate) fn open(fd: OwnedFd) -> io::Result<(Arc<Self>, OrderReader)> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        let orders = Arc::new(Self {
            fd,
            watcher: Watcher::new(),
            receiver: OnceLock::new(),
            senders: Mutex::default(),
        });
        let reader = OrderReader::new(Arc::clone(&orders));
        Ok((orders, reader))
    }

    pub(super) fn watcher(&self) -> &Watcher {
        &self.watcher
    }

    /// Sets what a thread drains.
    pub(crate) fn attach(&self, way_back: WayBack) {
        self.watcher.attach(way_back);
    }

    /// The link is dropped.
    pub(crate) fn detach(&self) {
        self.watcher.detach();
    }

    /// Nothing will come any more.
    pub(crate) fn end(&self) {
        self.watcher.end();
    }

    /// Whether something may have come: an atomic load where the thread reads.
    #[inline]
    pub(crate) fn has_news(self: &Arc<Self>) -> bool {
        !self.watcher.watches() && self.watcher.note_look(self)
    }

    /// Waits until something has come. It may return early.
    pub(crate) fn wait(&self, timeout: Option<Duration>) {
        self.watcher.note_wait();
        match self.receiver.get() {
            Some(signal) => {
                let mut fds = [readable(&self.fd), readable(signal)];
                wait(&mut fds, timeout);
                let [_, interrupted] = fds;
                if !interrupted.revents().is_empty() {
                    signal.clear();
                }
            }
            None => match Signal::new() {
                // An interruption may have come before there was a signal, so the first wait
                // returns at once.
                Ok(signal) => drop(self.receiver.set(signal)),
                Err(_) => {
                    let timeout = timeout.map_or(UNINTERRUPTED, |time| time.min(UNINTERRUPTED));
                    wait(&mut [readable(&self.fd)], Some(timeout));
                }
            },
        }
    }

    /// Makes the current or the next [`wait`](Orders::wait) return.
    pub(crate) fn interrupt_receiver(&self) {
        if let Some(signal) = self.receiver.get() {
            signal.raise();
        }
    }

    /// Waits until there may be space for a write, or something has come. `writer` is writable when
    /// [`ATOMIC`](super::ATOMIC) bytes fit, so an atomic write that follows does not fail again
    /// for want of space, unless another thread has taken it.
    pub(crate) fn wait_writable(
        &self,
        writer: &Writer,
        keep_waiting: &dyn Fn() -> bool,
    ) -> Result<(), Disconnected> {
        if self.watcher.is_over() {
            // What came last is no reason for waits to return any more.
            return Err(Disconnected);
        }
        let signal = self.enter();
        if keep_waiting() {
            let space = PollFd::new(writer, PollFlags::OUT);
            // The write that follows finds an error, if it is one that lasts.
            match &signal {
                Some(signal) => wait(&mut [space, readable(&self.fd), readable(&**signal)], None),
                None => wait(&mut [space, readable(&self.fd)], Some(UNINTERRUPTED)),
            }
        }
        if let Some(signal) = signal {
            self.leave(signal);
        }
        Ok(())
    }

    /// Makes all current [waits for space](Orders::wait_writable) return.
    pub(crate) fn interrupt_senders(&self) {
        self.lock().waiting.iter().for_each(|signal| signal.raise());
    }

    fn enter(&self) -> Option<Arc<Signal>> {
        let mut signals = self.lock();
        let signal = match signals.idle.pop() {
            Some(signal) => signal,
            None => Arc::new(Signal::new().ok()?),
        };
        signals.waiting.push(Arc::clone(&signal));
        Some(signal)
    }

    fn leave(&self, signal: Arc<Signal>) {
        let mut signals = self.lock();
        signals.waiting.retain(|waiting| !Arc::ptr_eq(waiting, &signal));
        if signals.idle.len() < KEPT {
            signal.clear();
            signals.idle.push(signal);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Signals> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Orders {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

pub(super) fn readable(source: &impl AsFd) -> PollFd<'_> {
    PollFd::new(source, PollFlags::IN)
}

/// Waits for one of these. It may return early.
pub(super) fn wait(fds: &mut [PollFd<'_>], timeout: Option<Duration>) {
    // What is too long to be expressed is without end.
    let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
    let _ = poll(fds, timeout.as_ref());
}

/// Reads what has come.
pub(crate) struct OrderReader {
    orders: Arc<Orders>,
    /// The last read was not filled, so nothing was left behind it.
    is_empty: bool,
    guard: ForkGuard,
}

impl OrderReader {
    fn new(orders: Arc<Orders>) -> Self {
        Self { orders, is_empty: false, guard: ForkGuard::new() }
    }
}

impl Pieces for OrderReader {
    // A process has one such link.
    const KEEP: usize = READ_SIZE;

    fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, LinkEnd> {
        // What a forked copy of the process reads would be missing in the original.
        if std::mem::take(&mut self.is_empty) || self.guard.is_forked_copy() {
            return Ok(false);
        }
        piece.clear();
        piece.reserve_exact(READ_SIZE);
        let most = piece.capacity();
        loop {
            return match rustix::io::read(&self.orders.fd, spare_capacity(piece)) {
                Ok(0) => Err(LinkEnd::gone()),
                Ok(len) => {
                    self.is_empty = len < most;
                    Ok(true)
                }
                Err(Errno::AGAIN) => Ok(false),
                Err(Errno::INTR) => continue,
                Err(_) => Err(LinkEnd::Refused(ProtocolError::Broken)),
            };
        }
    }
}
