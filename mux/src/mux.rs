//! One side of a link: its sink, and how threads share it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::thread::{self, ThreadId};

use homing_core::{ConnectionId, Disconnected};

use crate::biased_lock::{BiasedLock, backoff};
use crate::frame::{Header, MAX_BODY, PrefixedHeader};
use crate::message::MessageBounds;
use crate::message::{fragment, pad};
use crate::pending::Accepted;
use crate::scheduler::Scheduler;
use crate::sink::{FrameSink, Written};
use crate::way_back::{PipeEnd, WayBack};

/// One side of a link. Every handle and every outlet holds it, and so does the thread that
/// flushes, while there is one. When the last of them lets go, the sink is dropped, and the
/// peer finds the end of the link.
///
/// The lock is held for one frame at a time, and while no code of a message's runs. A thread
/// that waits for space waits without it.
pub(crate) struct Mux<S: FrameSink> {
    pub(crate) sink: S,
    pub(crate) bounds: MessageBounds,
    /// The most bytes of the body of one frame, and of one that is written as a whole or not
    /// at all.
    pub(crate) max_body: usize,
    pub(crate) max_atomic_body: usize,
    /// The thread on which nothing waits, if it is one of this process.
    never_blocks_on: Option<ThreadId>,
    /// How many senders there are.
    pub(crate) senders: AtomicUsize,
    scheduler: Mutex<Scheduler>,
    /// Notified after [`Scheduler::changed`] was set.
    changed: Condvar,
    /// The way back of the link, where it has one, on the side that reads it.
    way_back: OnceLock<WayBack>,
}

impl<S: FrameSink> Drop for Mux<S> {
    fn drop(&mut self) {
        // In a forked copy of the process its lock may be held by a thread that does not exist there.
        if let Some(way_back) = self.way_back.get()
            && !self.sink.is_forked_copy()
        {
            way_back.end();
        }
    }
}

/// Whether a wait goes on.
pub(crate) type KeepWaiting<'a> = &'a dyn Fn() -> bool;

/// The peer went before all was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) written: usize,
}

impl<S: FrameSink> Mux<S> {
    pub(crate) fn new(
        sink: S,
        bounds: MessageBounds,
        never_blocks_on: Option<ThreadId>,
    ) -> Arc<Self> {
        let max_body = sink.max_body().clamp(1, MAX_BODY);
        Arc::new(Self {
            bounds,
            max_body,
            max_atomic_body: sink.max_atomic_body().clamp(1, max_body),
            never_blocks_on,
            senders: AtomicUsize::new(0),
            scheduler: Mutex::new(Scheduler::new(bounds.len, S::ALIGN)),
            changed: Condvar::new(),
            way_back: OnceLock::new(),
            sink,
        })
    }

    /// Whether this thread may wait.
    pub(crate) fn may_block(&self) -> bool {
        self.never_blocks_on.is_none_or(|never| thread::current().id() != never)
    }

    /// Writes whole frames if nothing comes before them and there is space, and says whether
    /// it did. The sink writes them as a whole or not at all. It does not wait.
    ///
    /// `bias` is the sender's own, which is granted when it is the only sender.
    #[inline]
    pub(crate) fn try_write_fast(
        &self,
        bias: &Arc<BiasedLock>,
        frames: &[u8],
    ) -> Result<bool, Disconnected> {
        if !S::BIASED || !bias.try_acquire() {
            return self.try_write_locked(bias, frames);
        }
        let written = self.sink.try_write(frames, &[]);
        bias.release();
        match written {
            Ok(Written::Complete { notify: false }) => Ok(true),
            Ok(Written::Complete { notify: true }) => self.after(Ok(true), false, true),
            Ok(Written::WouldBlock) => Ok(false),
            // The rest of a frame would have to be kept under the lock.
            Ok(Written::Partial { .. }) | Err(Disconnected) => {
                self.after(Err(Disconnected), false, false)
            }
        }
    }

    fn try_write_locked(
        &self,
        bias: &Arc<BiasedLock>,
        frames: &[u8],
    ) -> Result<bool, Disconnected> {
        let mut scheduler = self.lock();
        if !scheduler.is_idle() {
            return Ok(false);
        }
        let written = scheduler.pending.write(&self.sink, frames, &[]).map(Accepted::is_accepted);
        let notify = std::mem::take(&mut scheduler.pending.notify);
        // Relaxed: a sender that has come since takes the lock before it touches anything.
        if S::BIASED && written == Ok(true) && self.senders.load(Ordering::Relaxed) == 1 {
            bias.grant();
            scheduler.bias = Some(Arc::clone(bias));
        }
        drop(scheduler);
        match written {
            Ok(written) if !notify => Ok(written),
            written => self.after(written, false, notify),
        }
    }

    /// Writes whole frames, in two slices that follow each other, waiting for space.
    ///
    /// On an error, some of the bytes may have been written: as many as it says.
    pub(crate) fn send(&self, first: &[u8], second: &[u8]) -> Result<(), Lost> {
        self.send_while(first, second, &|| true).map(drop)
    }

    /// As [`send`](Mux::send), while `keep_waiting` says so. When it does not, nothing is written,
    /// and false is returned.
    pub(crate) fn send_while(
        &self,
        first: &[u8],
        second: &[u8],
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<bool, Lost> {
        let accepted = self.send_beginning(first, second, keep_waiting);
        let until = match accepted.map_err(|Disconnected| Lost { written: 0 })? {
            Accepted::Complete => return Ok(true),
            Accepted::WouldBlock => return Ok(false),
            Accepted::Partial { until } => until,
        };
        let len = first.len() + second.len();
        self.send_rest(until).map(|()| true).map_err(|Disconnected| {
            let unwritten = usize::try_from(self.lock().pending.unwritten_before(until));
            Lost { written: len.saturating_sub(unwritten.unwrap_or(len)) }
        })
    }

    /// Waits until there was space for the beginning of a frame, while `keep_waiting` says so.
    fn send_beginning(
        &self,
        first: &[u8],
        second: &[u8],
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<Accepted, Disconnected> {
        loop {
            let accepted = self.with(|scheduler, sink| scheduler.write(sink, first, second))?;
            if accepted.is_accepted() || !keep_waiting() {
                return Ok(accepted);
            }
            self.wait_writable(first.len() + second.len(), keep_waiting)?;
        }
    }

    /// Waits until all that was pending at this mark is written.
    fn send_rest(&self, until: u64) -> Result<(), Disconnected> {
        loop {
            let left = self.with(|scheduler, sink| {
                if scheduler.disconnected {
                    return Err(Disconnected);
                }
                scheduler.pending.flush(sink)?;
                Ok(scheduler.pending.unwritten_before(until))
            })?;
            if left == 0 {
                return Ok(());
            }
            self.wait_writable(usize::try_from(left).unwrap_or(MAX_BODY), &|| true)?;
        }
    }

    /// Writes a frame without waiting, and says whether there was space. Where `begun` says
    /// that it is not the first of a message and there was none, what was written before is
    /// taken back.
    pub(crate) fn try_frame(
        &self,
        header: Header,
        body: &[u8],
        begun: Option<ConnectionId>,
    ) -> Result<bool, Disconnected> {
        let mut buffer = PrefixedHeader::new();
        let header = header.encode_prefixed(body.len(), &mut buffer);
        self.with(|scheduler, sink| {
            let accepted = scheduler.write(sink, header, body)?.is_accepted();
            if let (false, Some(connection)) = (accepted, begun) {
                // The next sender writes it first; there is no hurry.
                scheduler.queue_control(reset(connection, S::ALIGN));
            }
            Ok(accepted)
        })
    }

    /// Sends a message or an answer that one frame cannot hold, waiting for space while
    /// `keep_waiting` says so. Between two of its frames other pipes may send. Says whether it was
    /// sent; what was sent of it is taken back otherwise.
    pub(crate) fn send_fragments(
        self: &Arc<Self>,
        connection: ConnectionId,
        question: Option<u32>,
        message: &[u8],
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<bool, Disconnected> {
        self.reserve_budget(message.len())?;
        let mut at = 0;
        let mut sent = Ok(true);
        while at < message.len() && sent == Ok(true) {
            let (header, body) = fragment(connection, question, message, at, self.max_body);
            let mut buffer = PrefixedHeader::new();
            let header = header.encode_prefixed(body.len(), &mut buffer);
            let begun = at > 0;
            at += body.len();
            // Only the last must be all written; the next one writes the rest of another.
            sent = match at < message.len() {
                true => self.send_beginning(header, body, keep_waiting).map(Accepted::is_accepted),
                false => self.send_while(header, body, keep_waiting).map_err(|_| Disconnected),
            };
            if sent == Ok(false) && begun {
                self.abort_fragments(connection);
            }
        }
        self.release_budget(message.len());
        sent
    }

    /// Writes a message in fragments without waiting, and says whether there was space for
    /// all of it. They are written as a whole or not at all, so that it can be taken back in
    /// the middle.
    pub(crate) fn try_fragments(
        &self,
        connection: ConnectionId,
        message: &[u8],
    ) -> Result<bool, Disconnected> {
        if !self.try_reserve_budget(message.len())? {
            return Ok(false);
        }
        let mut at = 0;
        let mut sent = Ok(true);
        while at < message.len() && sent == Ok(true) {
            let (header, body) = fragment(connection, None, message, at, self.max_atomic_body);
            sent = self.try_frame(header, body, (at > 0).then_some(connection));
            at += body.len();
        }
        self.release_budget(message.len());
        sent
    }

    /// Reserves the budget for a message in fragments: waits for its turn, and for others to
    /// be through.
    pub(crate) fn reserve_budget(self: &Arc<Self>, len: usize) -> Result<(), Disconnected> {
        self.check_process()?;
        let mut scheduler = self.lock();
        let ticket = scheduler.next_ticket;
        scheduler.next_ticket += 1;
        loop {
            if scheduler.disconnected {
                return Err(Disconnected);
            }
            if scheduler.now_serving == ticket && scheduler.budget.reserve(len) {
                scheduler.now_serving += 1;
                drop(scheduler);
                // The next may find the budget too.
                self.changed.notify_all();
                return Ok(());
            }
            scheduler = self.wait_for_change(scheduler);
        }
    }

    /// Reserves the budget for a message in fragments that does not wait, if it can be had.
    pub(crate) fn try_reserve_budget(&self, len: usize) -> Result<bool, Disconnected> {
        self.with(|scheduler, sink| {
            // Not ahead of senders that wait, and only if the message has a chance to fit.
            Ok(scheduler.flush_pending(sink)?
                && scheduler.next_ticket == scheduler.now_serving
                && sink.may_fit(len)
                && scheduler.budget.reserve(len))
        })
    }

    pub(crate) fn release_budget(&self, len: usize) {
        // It fails only if the peer is gone, and that is known by then.
        let _ = self.with(|scheduler, _| {
            scheduler.budget.release(len);
            scheduler.changed = true;
            Ok(())
        });
    }

    /// Discards a message in fragments of which some were written. It does not wait.
    pub(crate) fn abort_fragments(&self, connection: ConnectionId) {
        // When the peer is gone there is nothing to be taken back.
        let _ = self.with(|scheduler, sink| {
            let reset = reset(connection, S::ALIGN);
            if !scheduler.write(sink, &reset, &[])?.is_accepted() {
                scheduler.queue_control(reset);
            }
            Ok(())
        });
    }

    /// In a forked copy of the process, the lock may be held by a thread that does not exist
    /// there, and the link is the original's.
    pub(crate) fn check_process(&self) -> Result<(), Disconnected> {
        if self.sink.is_forked_copy() { Err(Disconnected) } else { Ok(()) }
    }

    /// Works on the link, makes known what has changed for others, and notifies the peer.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Scheduler, &S) -> Result<T, Disconnected>,
    ) -> Result<T, Disconnected> {
        self.check_process()?;
        let mut scheduler = self.lock();
        let outcome = work(&mut scheduler, &self.sink);
        let changed = std::mem::take(&mut scheduler.changed);
        let notify = std::mem::take(&mut scheduler.pending.notify);
        scheduler.changes += u64::from(changed);
        // To notify no thread costs a system call as well.
        let changed = changed && scheduler.waiting > 0;
        wake(scheduler);
        self.after(outcome, changed, notify)
    }

    fn after<T>(
        &self,
        outcome: Result<T, Disconnected>,
        changed: bool,
        notify: bool,
    ) -> Result<T, Disconnected> {
        if changed {
            self.changed.notify_all();
        }
        let outcome = match outcome {
            Ok(done) if notify => self.sink.notify_peer().map(|()| done),
            outcome => outcome,
        };
        if outcome.is_err() {
            self.disconnect();
        }
        outcome
    }

    /// The peer is gone. Other senders learn it with their next message, and those that wait
    /// now.
    #[cold]
    pub(crate) fn disconnect(&self) {
        if self.sink.is_forked_copy() {
            return;
        }
        self.sink.disconnect();
        let mut scheduler = self.lock();
        scheduler.disconnect();
        scheduler.changed = false;
        scheduler.changes += 1;
        wake(scheduler);
        self.changed.notify_all();
    }

    /// Waits until there may be space for frames of `len` bytes, while `keep_waiting` says so.
    pub(crate) fn wait_writable(
        &self,
        len: usize,
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<(), Disconnected> {
        let Some(way_back) = self.way_back.get() else {
            let waited = self.sink.wait_writable(len, keep_waiting);
            return self.after(waited, false, false);
        };
        // Before, so that what comes from now on wakes this side. After, because the sink may have
        // returned for what has come.
        way_back.drain();
        let waited = self.sink.wait_writable(len, keep_waiting);
        way_back.drain();
        self.after(waited, false, false)
    }

    /// The way back that is read on this side.
    #[inline]
    pub(crate) fn way_back(&self) -> Option<&WayBack> {
        self.way_back.get()
    }

    pub(crate) fn set_way_back(self: &Arc<Self>, way_back: WayBack)
    where
        S: FrameSink,
    {
        let mux = Arc::downgrade(self);
        way_back.on_interrupt(move || {
            if let Some(mux) = mux.upgrade() {
                mux.sink.interrupt();
                let mut scheduler = mux.lock();
                scheduler.wake_tasks();
                wake(scheduler);
            }
        });
        // A link has one.
        let _ = self.way_back.set(way_back);
    }

    /// Sends whole frames that must not be lost. It does not wait: where there is no space, a thread
    /// writes them, before all else. [`poll_flushed`](Mux::poll_flushed) is ready when they are
    /// written.
    pub(crate) fn send_later(
        self: &Arc<Self>,
        connection: ConnectionId,
        frames: Vec<u8>,
    ) -> Result<(), Disconnected> {
        self.with(|scheduler, sink| {
            if !scheduler.write(sink, &frames, &[])?.is_accepted() {
                scheduler.queue_control(frames);
            }
            scheduler.waiters.finish(connection, &scheduler.pending, None);
            Ok(())
        })?;
        self.flush_later();
        Ok(())
    }

    /// Sends a control frame. It does not wait: where there is no space, the frame is written
    /// before all else as soon as there is.
    pub(crate) fn send_notice(&self, notice: Header) -> Result<(), Disconnected> {
        let mut frame = notice.frame(&[]);
        pad(&mut frame, S::ALIGN);
        self.with(|scheduler, sink| {
            if !scheduler.write(sink, &frame, &[])?.is_accepted() {
                scheduler.queue_control(frame);
            }
            Ok(())
        })
    }

    /// How many bytes of control frames wait for space.
    pub(crate) fn pending_bytes(&self) -> u64 {
        self.lock().pending.unwritten_before(u64::MAX)
    }

    /// How many messages of a pipe are queued, or were written in part.
    pub(crate) fn queued_messages(&self, connection: ConnectionId) -> usize {
        self.lock().queued_messages(connection)
    }

    /// Whether the peer was found to be gone.
    pub(crate) fn is_disconnected(&self) -> bool {
        self.lock().disconnected
    }

    /// Tells the peer which commands of a pipe were taken. It does not wait.
    pub(crate) fn settle(
        self: &Arc<Self>,
        connection: ConnectionId,
        pipe: &PipeEnd,
    ) -> Result<(), Disconnected> {
        let commands = pipe.settle();
        if commands == 0 {
            return Ok(());
        }
        self.send_notice(Header::Taken { connection, commands })?;
        self.flush_later();
        Ok(())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Scheduler> {
        // Nothing in here panics half-way through a change.
        lock_exclusive(self.scheduler.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something has changed. Spurious wakes are the caller's.
    pub(crate) fn wait_changed<'a>(
        &self,
        mut scheduler: MutexGuard<'a, Scheduler>,
    ) -> MutexGuard<'a, Scheduler> {
        scheduler.waiting += 1;
        let waited = self.changed.wait(scheduler).unwrap_or_else(PoisonError::into_inner);
        let mut scheduler = lock_exclusive(waited);
        scheduler.waiting -= 1;
        scheduler
    }
}

/// Releases the lock, and wakes the tasks that are to be woken. What was written is noted first.
fn wake(mut scheduler: MutexGuard<'_, Scheduler>) {
    let Scheduler { waiters, pending, .. } = &mut *scheduler;
    waiters.note_written(pending);
    let woken = waiters.take_woken();
    drop(scheduler);
    woken.into_iter().for_each(Waker::wake);
}

/// Revokes a sender's bias: no other thread changes anything from now on, as long as the lock
/// is held.
fn lock_exclusive(mut scheduler: MutexGuard<'_, Scheduler>) -> MutexGuard<'_, Scheduler> {
    if let Some(bias) = scheduler.bias.take() {
        bias.revoke(backoff());
    }
    scheduler
}

/// The frame that discards a message in fragments.
fn reset(connection: ConnectionId, align: usize) -> Vec<u8> {
    let mut frame = Header::Reset { connection }.frame(&[]);
    pad(&mut frame, align);
    frame
}
