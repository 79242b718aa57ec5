//! The way back of one duplex pipe, as the `static` that it is.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use heapless::spsc::{Consumer, Producer, Queue};
use homing_core::{Pinger, ToldCell};
use static_cell::ConstStaticCell;

#[cfg(feature = "task")]
use crate::tasks::PipeWakers;

/// The way back of one duplex pipe in a `static`: a queue of `K - 1` commands of type `D`, from the
/// main loop to a task or an interrupt handler. A power of two is fastest.
///
/// [`StaticFactory::duplex`](crate::StaticFactory::duplex) makes the ends of a pipe with it.
pub struct CommandQueue<D: Send + 'static, const K: usize> {
    queue: ConstStaticCell<Queue<D, K>>,
    pub(crate) pipe: DuplexPipe,
}

impl<D: Send, const K: usize> CommandQueue<D, K> {
    /// A queue that belongs to no pipe yet. `K` is at least 2.
    pub const fn new() -> Self {
        Self { queue: ConstStaticCell::new(Queue::new()), pipe: DuplexPipe::new(None) }
    }

    /// As [`new`](Self::new), with a bell that is rung in the main loop when a command was sent,
    /// or the pipe was cancelled or closed: what makes the worker look, such as a software
    /// interrupt. A task that waits needs none.
    pub const fn with_bell(bell: &'static (dyn Pinger + Sync)) -> Self {
        Self { queue: ConstStaticCell::new(Queue::new()), pipe: DuplexPipe::new(Some(bell)) }
    }

    /// Takes both ends, once.
    pub(crate) fn split(&'static self) -> Option<(Producer<'static, D>, Consumer<'static, D>)> {
        Some(self.queue.try_take()?.split())
    }
}

impl<D: Send, const K: usize> Default for CommandQueue<D, K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Send, const K: usize> fmt::Debug for CommandQueue<D, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandQueue").field("told", &self.pipe.told.get()).finish_non_exhaustive()
    }
}

/// What the three ends of a duplex pipe know of one another.
pub(crate) struct DuplexPipe {
    /// Only the remote changes it.
    pub(crate) told: ToldCell,
    /// Commands that were taken. Only the receiver changes it.
    taken: AtomicU32,
    /// The remote is gone.
    disconnected: AtomicBool,
    /// The receiver is gone.
    left: AtomicBool,
    bell: Option<&'static (dyn Pinger + Sync)>,
    #[cfg(feature = "task")]
    pub(crate) wakers: PipeWakers,
}

impl DuplexPipe {
    const fn new(bell: Option<&'static (dyn Pinger + Sync)>) -> Self {
        Self {
            told: ToldCell::new(),
            taken: AtomicU32::new(0),
            disconnected: AtomicBool::new(false),
            left: AtomicBool::new(false),
            bell,
            #[cfg(feature = "task")]
            wakers: PipeWakers::new(),
        }
    }

    /// Makes the worker look.
    pub(crate) fn ring(&self) {
        #[cfg(feature = "task")]
        self.wakers.wake();
        if let Some(bell) = self.bell {
            bell.ping();
        }
    }

    pub(crate) fn disconnect(&self) {
        // Release: what was sent before is seen by a receiver that sees this.
        self.disconnected.store(true, Ordering::Release);
        self.ring();
    }

    pub(crate) fn is_disconnected(&self) -> bool {
        self.disconnected.load(Ordering::Acquire)
    }

    pub(crate) fn leave(&self) {
        self.left.store(true, Ordering::Release);
    }

    pub(crate) fn has_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }

    /// The receiver has taken one more command. Small processors have no read-modify-write.
    pub(crate) fn note_taken(&self) {
        let taken = self.taken.load(Ordering::Relaxed);
        self.taken.store(taken.wrapping_add(1), Ordering::Relaxed);
    }

    pub(crate) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }
}
