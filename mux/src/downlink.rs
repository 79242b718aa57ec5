//! The sending end of a link's way back. Nothing here waits.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

use homing_core::{
    ConnectionId, Disconnected, Downlink, EncodedRemote, Notifier, ProtocolError, SendErrorKind,
};

use crate::frame::Header;
use crate::handle::{MuxConfig, MuxHandle};
use crate::mux::Mux;
use crate::sink::FrameSink;
use crate::way_back::{OVERHEAD, WINDOW, cost};

/// How many bytes of notices may wait for space on the link, beside those that the foreground's own
/// calls make.
const MAX_PENDING: u64 = 64 * 1024;

/// How many tasks of one pipe may wait for room. They leave no word when they wait no more.
const MAX_WAKERS: usize = 1024;

/// The sending end of a link's way back.
///
/// What finds no space on the link stays here, and is written by [`flush`](Notifier::flush). A sink
/// for it implements [`FrameSink::notify_when_writable`].
///
/// Commands wait in two places. Those of which a pipe has fewer than 32 KiB on the way that the
/// worker has not taken go to the link. The others wait in the pipe's own queue, within its
/// capacity. So a worker that does not read one pipe keeps no others from the link.
pub struct MuxDownlink<S: FrameSink> {
    mux: Arc<Mux<S>>,
}

impl<S: FrameSink> MuxDownlink<S> {
    /// Takes a sink over, to which nothing was written yet.
    pub fn new(sink: S, config: MuxConfig) -> Self {
        Self { mux: MuxHandle::new(sink, config).into_mux() }
    }
}

impl<S: FrameSink> Notifier for MuxDownlink<S> {
    fn close(&self, connection: ConnectionId) {
        // A worker can make the router say this as often as it likes, by starting a pipe that is
        // closed, and it need not read. What is dropped concerns a worker that does both.
        if self.mux.pending_bytes() < MAX_PENDING {
            // A worker that is gone is found by the inlet.
            let _ = self.mux.send_notice(Header::Close { connection });
        }
    }

    fn announce_stop(&self) {
        let _ = self.mux.send_notice(Header::Leave);
    }

    fn flush(&self) {
        let _ = self.mux.flush_now();
    }

    fn downlink(self: Arc<Self>) -> Option<Arc<dyn Downlink>> {
        Some(self)
    }
}

impl<S: FrameSink> Downlink for MuxDownlink<S> {
    fn remote(&self, connection: ConnectionId, capacity: usize) -> Arc<dyn EncodedRemote> {
        let state = Mutex::new(Queue { capacity: capacity as u64, ..Queue::default() });
        Arc::new(MuxRemote { mux: Arc::downgrade(&self.mux), connection, state })
    }

    fn limit(&self) -> usize {
        self.mux.bounds.len
    }

    fn depth(&self) -> u32 {
        self.mux.bounds.depth
    }
}

impl<S: FrameSink> fmt::Debug for MuxDownlink<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MuxDownlink").finish_non_exhaustive()
    }
}

/// The sending end of one pipe's way back. It does not keep the link open.
struct MuxRemote<S: FrameSink> {
    mux: Weak<Mux<S>>,
    connection: ConnectionId,
    state: Mutex<Queue>,
}

/// Commands that were accepted and not taken.
#[derive(Default)]
struct Queue {
    capacity: u64,
    /// Whether the worker has claimed the pipe. Nothing is sent before.
    is_started: bool,
    is_cancelled: bool,
    is_closed: bool,
    /// Those that wait here, and what they count.
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: u64,
    /// What each of those counts that were sent, and all together.
    sent: VecDeque<u64>,
    sent_bytes: u64,
    /// Those that were dropped when the pipe was closed.
    dropped: u64,
    /// The foreground's tasks that wait for room.
    wakers: VecDeque<Waker>,
}

impl Queue {
    fn untaken(&self) -> u64 {
        (self.sent.len() + self.waiting.len()) as u64 + self.dropped
    }

    /// Whether a command that counts so much is within the capacity.
    fn has_room(&self, cost: u64) -> bool {
        let held = self.waiting_bytes + self.sent_bytes;
        self.untaken() == 0 || held + cost <= self.capacity
    }

    /// The next command that may be sent.
    fn next(&mut self) -> Option<Vec<u8>> {
        let cost = cost(self.waiting.front()?);
        if !self.is_started || (!self.sent.is_empty() && self.sent_bytes + cost > WINDOW) {
            return None;
        }
        self.waiting_bytes -= cost;
        self.sent_bytes += cost;
        self.sent.push_back(cost);
        self.waiting.pop_front()
    }
}

impl<S: FrameSink> MuxRemote<S> {
    /// Sends what may be sent.
    fn pump(&self, queue: &mut Queue) -> Result<(), Disconnected> {
        let mux = self.mux.upgrade().ok_or(Disconnected)?;
        while let Some(command) = queue.next() {
            mux.with(|scheduler, _| {
                scheduler.queue_message(self.connection, command);
                Ok(())
            })?;
        }
        mux.flush_now()
    }

    fn notify(&self, notice: Header) {
        if let Some(mux) = self.mux.upgrade() {
            // A worker that is gone is found by the inlet.
            let _ = mux.send_notice(notice);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: FrameSink> EncodedRemote for MuxRemote<S> {
    fn note_started(&self) {
        let mut queue = self.lock();
        queue.is_started = true;
        let connection = self.connection;
        if queue.is_cancelled {
            self.notify(Header::Cancel { connection });
        }
        if queue.is_closed {
            self.notify(Header::Close { connection });
        }
        // As below.
        let _ = self.pump(&mut queue);
    }

    fn send(&self, command: &[u8]) -> Result<(), SendErrorKind> {
        let mut queue = self.lock();
        if queue.is_closed {
            return Err(SendErrorKind::Closed);
        }
        if self.mux.upgrade().is_none_or(|mux| mux.is_disconnected()) {
            return Err(SendErrorKind::Disconnected);
        }
        let cost = cost(command);
        if !queue.has_room(cost) {
            return Err(SendErrorKind::Full);
        }
        queue.waiting.push_back(command.to_vec());
        queue.waiting_bytes += cost;
        // A worker that is gone now is found by the inlet, and the command is one of those that it
        // has not taken.
        let _ = self.pump(&mut queue);
        Ok(())
    }

    fn cancel(&self) {
        let mut queue = self.lock();
        let is_new = !std::mem::replace(&mut queue.is_cancelled, true);
        if is_new && queue.is_started && !queue.is_closed {
            self.notify(Header::Cancel { connection: self.connection });
        }
    }

    fn close(&self) {
        let mut queue = self.lock();
        if std::mem::replace(&mut queue.is_closed, true) {
            return;
        }
        queue.dropped += queue.waiting.len() as u64;
        queue.waiting = VecDeque::new();
        queue.waiting_bytes = 0;
        let connection = self.connection;
        if let Some(mux) = self.mux.upgrade() {
            // As in `notify`.
            let _ = mux.with(|scheduler, _| {
                scheduler.drop_messages(connection);
                Ok(())
            });
        }
        if queue.is_started {
            self.notify(Header::Close { connection });
        }
        wake(queue);
    }

    fn note_taken(&self, commands: u64) -> Result<(), ProtocolError> {
        let mut queue = self.lock();
        // What the link has had no space for was not taken: a worker that says so would have the
        // foreground keep more than the capacity.
        let queued = self.mux.upgrade().map_or(0, |mux| mux.queued_messages(self.connection));
        let written = queue.sent.len().saturating_sub(queued);
        let commands = usize::try_from(commands).ok().filter(|commands| *commands <= written);
        let commands = commands.ok_or(ProtocolError::OutOfTurn)?;
        let taken: u64 = queue.sent.drain(..commands).sum();
        queue.sent_bytes -= taken;
        if !queue.is_closed {
            // A worker that is gone is found by the inlet.
            let _ = self.pump(&mut queue);
        }
        wake(queue);
        Ok(())
    }

    fn untaken(&self) -> u64 {
        self.lock().untaken()
    }

    fn has_room(&self) -> bool {
        let queue = self.lock();
        queue.is_closed
            || queue.has_room(OVERHEAD as u64)
            || self.mux.upgrade().is_none_or(|mux| mux.is_disconnected())
    }

    fn wake_on_room(&self, waker: &Waker) {
        let mut queue = self.lock();
        if !queue.wakers.iter().any(|other| other.will_wake(waker)) {
            queue.wakers.push_back(waker.clone());
        }
        let oldest = match queue.wakers.len() > MAX_WAKERS {
            true => queue.wakers.pop_front(),
            false => None,
        };
        drop(queue);
        if let Some(oldest) = oldest {
            // If its task still waits, it comes again.
            oldest.wake();
        }
    }
}

/// Wakes the tasks that wait for room. A waker is code of an executor: the lock is released first.
fn wake(mut queue: MutexGuard<'_, Queue>) {
    let wakers = std::mem::take(&mut queue.wakers);
    drop(queue);
    wakers.into_iter().for_each(Waker::wake);
}
