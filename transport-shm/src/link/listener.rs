//! How the threads of a worker learn of what comes by the way back.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homing_core::Disconnected;
use homing_mux::WayBackSource;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::region::Region;
use super::wake_socket::{WakeReceiver, WakeSocket};
use crate::ring::Drained;
use crate::ring::control::{CLOSED, ControlWords as _};

/// Where the threads of a worker listen for the foreground.
///
/// To look takes two atomic loads. Two kinds of threads wait: a *reader*, for a command, and a
/// *writer*, for space on the way there, which is to return when its pipe is cancelled. Of each
/// there is one at most, see [`WayBack`](homing_mux::WayBack) and
/// [`WriterWait`](super::space::WriterWait). Both wait at the socket of the way back, but one at a
/// time takes the rings off it: the reader, while there is one. When it leaves, the writer is
/// interrupted, and takes its place.
///
/// The way back ends when its ring is [`CLOSED`]: by the foreground, or by the thread of the worker
/// that finds it gone.
pub(crate) struct Listener {
    region: Arc<Region>,
    wakes: Arc<WakeReceiver>,
    /// The socket of the way there: when it ends, so does the way back.
    there: Arc<WakeSocket>,
    drained: Drained,
    waits: Mutex<Waits>,
    /// Interrupts the writer.
    interrupt: OwnedFd,
}

/// Who waits.
#[derive(Default)]
struct Waits {
    reader: bool,
    writer: bool,
    /// The last reader has left rings on the socket.
    rings: bool,
}

impl Listener {
    /// Of the way back with this ring and socket, on the link whose way there has the socket
    /// `there`.
    pub(crate) fn new(
        region: Arc<Region>,
        wakes: Arc<WakeReceiver>,
        there: Arc<WakeSocket>,
    ) -> io::Result<Self> {
        let interrupt = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (drained, waits) = (Drained::new(), Mutex::default());
        Ok(Self { region, wakes, there, drained, waits, interrupt })
    }

    /// The way back ends: nothing will come by it.
    pub(crate) fn close(&self) {
        self.region.close();
    }

    /// Before the inlet looks at the ring: what was put before its end is there.
    pub(crate) fn look_for_end(&self) {
        if self.region.load_tail().has(CLOSED) {
            self.wakes.note_gone();
        }
    }

    /// The inlet has found nothing more after this index.
    pub(crate) fn note_drained(&self, tail: u64) {
        self.drained.note(tail);
    }

    /// Has the writer return, if one waits.
    pub(crate) fn interrupt_writer(&self) {
        self.interrupt_if(self.lock().writer);
    }

    fn interrupt_if(&self, writer: bool) {
        if writer {
            // It fails only where so many interrupts are pending that it would overflow.
            let _ = rustix::io::write(&self.interrupt, &1_u64.to_ne_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the rings off the socket.
    fn take_rings(&self) {
        if self.wakes.socket().take().is_err() {
            self.close();
        }
    }

    /// Before a thread arms the bell: takes the rings off that an earlier one has left. Under the
    /// lock: a ring after that is not among them.
    fn take_left_rings(&self, waits: &mut Waits) {
        if std::mem::take(&mut waits.rings) {
            self.take_rings();
        }
    }

    /// Waits until something may have come, as the reader.
    fn listen_as_reader(&self, timeout: Option<Duration>) {
        let Some(tail) = self.drained.settle() else { return };
        let mut waits = self.lock();
        waits.reader = true;
        self.take_left_rings(&mut waits);
        drop(waits);
        if !self.drained.arm(&*self.region, tail) {
            self.wait_as_reader(timeout);
        }
        let mut waits = self.lock();
        waits.reader = false;
        self.interrupt_if(waits.writer);
    }

    fn wait_as_reader(&self, timeout: Option<Duration>) {
        let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
        let fds = &mut [self.wakes.socket().watched(), self.there.watched_for_end()];
        // An error that lasts is found by the look that follows.
        let _ = poll(fds, timeout.as_ref());
        let [back, there] = fds;
        if !there.revents().is_empty() {
            self.close();
        }
        if back.revents().is_empty() {
            return;
        }
        if self.drained.has_news(&*self.region) {
            // What has come goes first: taking the ring off is a system call.
            self.lock().rings = true;
        } else {
            self.take_rings();
        }
    }

    /// Makes the calling thread the writer.
    pub(crate) fn listen_as_writer(&self) -> Writer<'_> {
        self.lock().writer = true;
        Writer(self)
    }
}

/// What the mux asks.
pub(crate) struct Source(pub(crate) Arc<Listener>);

impl WayBackSource for Source {
    #[inline]
    fn has_news(&self) -> bool {
        // In a forked copy of the worker, what comes is the original's.
        self.0.drained.has_news(&*self.0.region) && !self.0.there.is_forked_copy()
    }

    fn wait(&self, timeout: Option<Duration>) -> Option<()> {
        self.0.listen_as_reader(timeout);
        Some(())
    }
}

/// Held by the writer.
pub(crate) struct Writer<'a>(&'a Listener);

impl Writer<'_> {
    /// Waits until there may be space, and says whether it came back for another reason.
    pub(crate) fn wait(&self, space: &WakeSocket) -> Result<bool, Disconnected> {
        let listener = self.0;
        let mut fds = vec![space.watched(), PollFd::new(&listener.interrupt, PollFlags::IN)];
        let mut waits = listener.lock();
        let is_alone = !waits.reader && listener.wakes.end().is_none();
        if is_alone {
            listener.take_left_rings(&mut waits);
        }
        drop(waits);
        if is_alone {
            if listener.drained.arm(&*listener.region, listener.drained.tail()) {
                return Ok(true);
            }
            fds.push(listener.wakes.socket().watched());
        }
        // As in `wait_as_reader`.
        let _ = poll(&mut fds, None);
        let has_come = |fd: Option<&PollFd<'_>>| fd.is_some_and(|fd| !fd.revents().is_empty());
        let (interrupted, news) = (has_come(fds.get(1)), has_come(fds.get(2)));
        if has_come(fds.first()) {
            space.take()?;
        }
        if news {
            // Otherwise the reader is about to take them.
            let waits = listener.lock();
            if !waits.reader {
                listener.take_rings();
            }
        }
        Ok(interrupted || news)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        let mut waits = self.0.lock();
        waits.writer = false;
        // Under the lock, so that an interrupt of the next writer is not taken for this one's. It
        // fails when there was none.
        let _ = rustix::io::read(&self.0.interrupt, &mut [0; 8]);
    }
}
