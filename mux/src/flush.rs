//! Writing what a sender has left behind.

use std::sync::{Arc, MutexGuard};
use std::thread;

use homing_core::{ConnectionId, Disconnected};

use crate::frame::{MAX_HEADER, MAX_PREFIX};
use crate::mux::Mux;
use crate::scheduler::Scheduler;
use crate::send_queue::WriteOutcome;
use crate::sink::FrameSink;

impl<S: FrameSink> Mux<S> {
    /// Sees to it that a thread flushes what is left, if anything is: it ends when nothing is
    /// left, and keeps the link open until then. It returns false when the system gives no
    /// thread; then the next sender that writes flushes, and asks again.
    pub(crate) fn flush_later(self: &Arc<Self>) -> bool {
        let mut scheduler = self.lock();
        if !scheduler.needs_flush() || scheduler.flushing || scheduler.disconnected {
            return true;
        }
        let mux = Arc::clone(self);
        let spawned = thread::Builder::new().name("homing-flush".into()).spawn(move || mux.flush());
        // The thread waits for the lock before it looks.
        scheduler.flushing = spawned.is_ok();
        scheduler.flushing
    }

    /// Flushes until nothing is left, or the peer is gone.
    fn flush(&self) {
        loop {
            let wrote = self.with(|scheduler, sink| {
                let outcome = scheduler.write_left(sink)?;
                let wanted = scheduler.waiters.wanted_space();
                if outcome == WriteOutcome::Idle && wanted.is_none() {
                    scheduler.flushing = false;
                }
                Ok((outcome, wanted, scheduler.changes))
            });
            let Ok((outcome, wanted, changes)) = wrote else { return };
            let waited = match (outcome, wanted) {
                (WriteOutcome::Idle, None) => return,
                (WriteOutcome::Wrote, _) => Ok(()),
                (WriteOutcome::Idle, Some(len)) => self.wait_for_space(len),
                (WriteOutcome::WouldBlock, _) => {
                    self.wait_for_space(MAX_PREFIX + MAX_HEADER + self.max_body)
                }
                (WriteOutcome::BudgetExhausted, _) => {
                    let mut scheduler = self.lock();
                    while scheduler.changes == changes {
                        scheduler = self.wait_changed(scheduler);
                    }
                    Ok(())
                }
            };
            if waited.is_err() {
                return;
            }
        }
    }

    /// Waits until there may be space, and wakes a task that does.
    fn wait_for_space(&self, len: usize) -> Result<(), Disconnected> {
        self.wait_writable(len, &|| true)?;
        self.with(|scheduler, _| {
            scheduler.waiters.wake_for_space();
            Ok(())
        })
    }

    /// Flushes as far as there is space. What is left is flushed by the next call, for which the
    /// sink has this side's doorbell ring.
    pub(crate) fn flush_now(&self) -> Result<(), Disconnected> {
        loop {
            let wrote = self.with(|scheduler, sink| {
                match scheduler.write_left(sink)? {
                    WriteOutcome::Wrote => Ok(true),
                    WriteOutcome::WouldBlock => sink.notify_when_writable(),
                    // The fragments that use up the budget are of this queue.
                    WriteOutcome::BudgetExhausted | WriteOutcome::Idle => Ok(false),
                }
            });
            if !wrote? {
                return Ok(());
            }
        }
    }

    /// Waits for a change that the flushing thread may have to bring about. It may return
    /// early.
    pub(crate) fn wait_for_change<'a>(
        self: &'a Arc<Self>,
        mut scheduler: MutexGuard<'a, Scheduler>,
    ) -> MutexGuard<'a, Scheduler> {
        if scheduler.flushing || !scheduler.has_queues() {
            return self.wait_changed(scheduler);
        }
        drop(scheduler);
        if self.flush_later() {
            return self.lock();
        }
        // No thread to be had: this one may wait as well.
        scheduler = self.lock();
        scheduler.flushing = true;
        drop(scheduler);
        self.flush();
        self.lock()
    }

    /// Waits until nothing of a pipe is queued.
    pub(crate) fn wait_flushed(
        self: &Arc<Self>,
        connection: ConnectionId,
    ) -> Result<(), Disconnected> {
        self.check_process()?;
        let mut scheduler = self.lock();
        while !scheduler.disconnected && scheduler.is_queued(connection) {
            scheduler = self.wait_for_change(scheduler);
        }
        if scheduler.disconnected { Err(Disconnected) } else { Ok(()) }
    }
}
