//! The thread that reads the way back while the worker does something else.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};

use homing_mux::WayBack;

use super::orders::{Orders, readable, wait};
use super::signal::Signal;

/// There is no thread. A look reads.
const ABSENT: u8 = 0;
/// The thread sleeps. A look reads.
const PARKED: u8 = 1;
/// The thread reads, or is about to. A look is a load.
const WATCHING: u8 = 2;
/// Nothing will come any more, and the thread ends.
const OVER: u8 = 3;

/// After so many looks without a wait between them, the thread reads in place of the looks. It costs
/// them a system call each until then, and this process a thread that is woken afterwards.
const OFTEN: u32 = 16;

/// The thread of one link (`homing-orders`), which is started when it is first of use.
///
/// While a receiver waits, it reads what comes, sooner than by way of another thread. So the thread
/// sleeps as soon as it finds that a receiver has waited, until there are many looks again.
pub(super) struct Watcher {
    state: AtomicU8,
    /// How many looks have read since a receiver waited.
    looks: AtomicU32,
    /// Whether a receiver has waited since the thread last looked.
    has_waited: AtomicBool,
    /// Set by the thread itself, before it is first parked.
    thread: OnceLock<Thread>,
    /// Wakes the thread when the link is dropped.
    stop: OnceLock<Signal>,
    way_back: Mutex<Option<WayBack>>,
}

impl Watcher {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU8::new(ABSENT),
            looks: AtomicU32::new(0),
            has_waited: AtomicBool::new(false),
            thread: OnceLock::new(),
            stop: OnceLock::new(),
            way_back: Mutex::new(None),
        }
    }

    pub(super) fn attach(&self, way_back: WayBack) {
        *self.lock() = Some(way_back);
    }

    /// The link is dropped. Nothing looks any more, so no thread is being started.
    pub(super) fn detach(&self) {
        self.end();
        // The way back holds what holds this.
        let way_back = self.lock().take();
        drop(way_back);
    }

    /// Nothing will come any more.
    pub(super) fn end(&self) {
        self.state.store(OVER, Ordering::Release);
        if let Some(stop) = self.stop.get() {
            stop.raise();
        }
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.load(Ordering::Relaxed) == OVER
    }

    /// Whether looks need not read.
    #[inline]
    pub(super) fn watches(&self) -> bool {
        // What the thread has read is published by what it tells the pipes.
        self.state.load(Ordering::Relaxed) >= WATCHING
    }

    /// A receiver is about to wait.
    pub(super) fn note_wait(&self) {
        self.looks.store(0, Ordering::Relaxed);
        self.has_waited.store(true, Ordering::Relaxed);
    }

    /// A look is about to read. Returns true.
    #[cold]
    pub(super) fn note_look(&self, orders: &Arc<Orders>) -> bool {
        if self.looks.fetch_add(1, Ordering::Relaxed) >= OFTEN {
            self.watch(orders);
        }
        true
    }

    /// Has the thread read.
    fn watch(&self, orders: &Arc<Orders>) {
        let change = |from, to| {
            self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        self.looks.store(0, Ordering::Relaxed);
        if change(PARKED, WATCHING) {
            if let Some(thread) = self.thread.get() {
                thread.unpark();
            }
        } else if change(ABSENT, WATCHING) && self.start(orders).is_err() {
            // The looks go on reading, and try again.
            change(WATCHING, ABSENT);
        }
    }

    fn start(&self, orders: &Arc<Orders>) -> io::Result<()> {
        if self.stop.get().is_none() {
            // One thread at a time comes here.
            let _ = self.stop.set(Signal::new()?);
        }
        let Some(way_back) = self.lock().clone() else { return Ok(()) };
        let orders = Arc::clone(orders);
        let run = move || orders.watcher().run(&orders, &way_back);
        thread::Builder::new().name("homing-orders".into()).spawn(run).map(drop)
    }

    fn run(&self, orders: &Orders, way_back: &WayBack) {
        self.thread.get_or_init(thread::current);
        let Some(stop) = self.stop.get() else { return };
        while !self.is_over() {
            wait(&mut [readable(orders), readable(stop)], None);
            if self.has_waited.swap(false, Ordering::Relaxed) {
                self.park();
            } else {
                way_back.drain();
            }
        }
    }

    /// Sleeps until there are many looks, or nothing will come any more. Looks read meanwhile.
    fn park(&self) {
        // The thread's handle is visible to a look that sees this.
        let parked =
            self.state.compare_exchange(WATCHING, PARKED, Ordering::AcqRel, Ordering::Relaxed);
        while parked.is_ok() && self.state.load(Ordering::Acquire) == PARKED {
            thread::park();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<WayBack>> {
        self.way_back.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
