//! The worker's end of the way back: a thread reads it.

use std::fs::File;
use std::io;
use std::os::windows::io::OwnedHandle;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use homing_core::{Disconnected, LinkEnd, Pinger};
use homing_mux::WayBack;
use homing_process::{BlockingReader, byte_queue, spawn_pump};

use super::Writer;
use crate::frames::Pieces;

/// How much the thread reads before it waits for this process to take it.
const CAPACITY: usize = 64 * 1024;

/// How a thread learns that something has come.
pub(crate) struct Orders {
    /// Whether anything has since [`OrderReader::next`] last looked.
    has_news: AtomicBool,
    is_over: AtomicBool,
    lock: Mutex<()>,
    /// Notified when something has come, or a wait is to return.
    changed: Condvar,
}

impl Orders {
    /// Takes over the end.
    pub(crate) fn open(handle: OwnedHandle) -> io::Result<(Arc<Self>, OrderReader)> {
        let orders = Arc::new(Self {
            has_news: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            lock: Mutex::new(()),
            changed: Condvar::new(),
        });
        let (queue, bytes) = byte_queue::bounded(CAPACITY);
        // It ends when the pipe does, or with the first thing that comes after the link was
        // dropped.
        spawn_pump(BlockingReader::new(File::from(handle), queue), News(Arc::clone(&orders)))?;
        let reader = OrderReader { bytes, orders: Arc::clone(&orders) };
        Ok((orders, reader))
    }

    /// No thread drains.
    #[allow(clippy::unused_self, reason = "threads do on other systems")]
    pub(crate) fn attach(&self, _: WayBack) {}

    /// The link is dropped.
    pub(crate) fn detach(&self) {
        self.end();
    }

    /// Nothing will come any more.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether something may have come: an atomic load.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        // The queue publishes what has come.
        self.has_news.load(Ordering::Relaxed)
    }

    /// Waits until something has come. It may return early.
    pub(crate) fn wait(&self, timeout: Option<Duration>) {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_news() {
            return;
        }
        match timeout {
            None => drop(self.changed.wait(guard)),
            Some(time) => drop(self.changed.wait_timeout(guard, time)),
        }
    }

    /// Makes the current or the next [`wait`](Orders::wait) return.
    pub(crate) fn interrupt_receiver(&self) {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_news.swap(true, Ordering::AcqRel);
        drop(guard);
        self.changed.notify_one();
    }

    /// There is nothing to wait for: [`write`](Writer::write) has waited.
    pub(crate) fn wait_writable(
        &self,
        _: &Writer,
        _: &dyn Fn() -> bool,
    ) -> Result<(), Disconnected> {
        match self.is_over.load(Ordering::Relaxed) {
            true => Err(Disconnected),
            false => Ok(()),
        }
    }

    /// No sender waits where it could be interrupted.
    #[allow(clippy::unused_self, reason = "senders do on other systems")]
    pub(crate) fn interrupt_senders(&self) {}
}

struct News(Arc<Orders>);

impl Pinger for News {
    fn ping(&self) {
        self.0.interrupt_receiver();
    }
}

/// Takes what the thread has read.
pub(crate) struct OrderReader {
    bytes: byte_queue::Reader,
    orders: Arc<Orders>,
}

impl Pieces for OrderReader {
    const KEEP: usize = 0;

    fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, LinkEnd> {
        // Before, so that what comes meanwhile is news: by its swap, this side sees all that was
        // news before.
        self.orders.has_news.swap(false, Ordering::AcqRel);
        self.bytes.next(piece)
    }
}
