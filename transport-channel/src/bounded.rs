//! The queue that pipes share: a bounded channel that the foreground closes. What waits in it is
//! dropped then.
//!
//! A channel of crossbeam's keeps what waits in it until its last sender is gone. A worker that
//! waits for the answer to a message would then wait for ever, as the message holds the other
//! end of its answer. So senders hold a receiver too, to drop what was pushed too late.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::{Receiver, Select, Sender, TrySendError, bounded};

/// How often a sender that waits looks for room before it goes to sleep.
const LOOKS: u32 = 8;

/// How long it leaves the queue alone between two looks, in spin hints: a microsecond or two
/// on most machines.
const PAUSE: u32 = 64;

/// A bounded queue with many producers and one consumer.
///
/// A producer pushes, which is a `SeqCst` exchange of the channel's tail, then reads `closed`; the
/// consumer sets `closed`, then pops until the channel is empty, which reads the tail after a
/// `SeqCst` fence. So either the consumer pops what was pushed, or the producer finds the queue
/// closed, and pops it itself.
pub(crate) struct Bounded<T> {
    sender: Sender<T>,
    /// Producers hold it too, so the channel is never disconnected. That it is closed is told by
    /// `closed`, and to producers that wait by `gone`.
    receiver: Receiver<T>,
    closed: AtomicBool,
    /// Dropped when the queue is closed, which disconnects `gone`.
    open: Mutex<Option<Sender<Infallible>>>,
    gone: Receiver<Infallible>,
}

/// Why a message was not pushed.
pub(crate) enum PushError<T> {
    /// The queue is full.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

impl<T> Bounded<T> {
    /// A queue for `capacity` messages, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        let (sender, receiver) = bounded(capacity.max(1));
        let (open, gone) = bounded(0);
        let (closed, open) = (AtomicBool::new(false), Mutex::new(Some(open)));
        Self { sender, receiver, closed, open, gone }
    }

    /// Pushes a message if there is room.
    #[inline]
    pub(crate) fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        // Relaxed: spares work only. What slips through is found below.
        if self.closed.load(Ordering::Relaxed) {
            return Err(PushError::Closed(item));
        }
        match self.sender.try_send(item) {
            Ok(()) => {
                self.drain_if_closed();
                Ok(())
            }
            Err(TrySendError::Full(item)) => Err(PushError::Full(item)),
            Err(TrySendError::Disconnected(item)) => Err(PushError::Closed(item)),
        }
    }

    /// Pushes a message, and waits for room. The message comes back when the queue is closed.
    pub(crate) fn push_blocking(&self, item: T) -> Result<(), T> {
        self.spin_for_capacity();
        let item = match self.try_push(item) {
            Ok(()) => return Ok(()),
            Err(PushError::Closed(item)) => return Err(item),
            Err(PushError::Full(item)) => item,
        };
        let mut select = Select::new();
        let sending = select.send(&self.sender);
        select.recv(&self.gone);
        let selected = select.select();
        if selected.index() == sending {
            selected.send(&self.sender, item).map_err(|error| error.into_inner())?;
            self.drain_if_closed();
            return Ok(());
        }
        // Nothing ever comes over it: it is disconnected.
        let _ = selected.recv(&self.gone);
        Err(item)
    }

    /// Takes the oldest message. For the consumer.
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        self.receiver.try_recv().ok()
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Closes the queue: what waits in it is dropped, and nothing is pushed any more. For the
    /// consumer, as its last call.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // Before the queue is emptied: a producer that waits gets its message back.
        drop(self.open.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.drain();
    }

    #[inline]
    fn drain_if_closed(&self) {
        if self.closed.load(Ordering::SeqCst) {
            self.drain();
        }
    }

    /// Drops what waits. A destructor may push to this queue or others: no lock is held.
    #[cold]
    fn drain(&self) {
        while self.receiver.try_recv().is_ok() {}
    }

    /// Waits a little for room, without sleeping.
    ///
    /// Every look at a full queue takes the cache line away that the foreground writes with
    /// each message that it pulls. A sender that looks without pause slows it down to less
    /// than half, and finds room for one message at a time; after a pause it finds room for
    /// many.
    fn spin_for_capacity(&self) {
        for _ in 0..LOOKS {
            for _ in 0..PAUSE {
                std::hint::spin_loop();
            }
            if !self.sender.is_full() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn messages_come_in_order_and_a_full_queue_gives_them_back() {
        let queue = Bounded::new(2);
        assert!(queue.try_push(1).is_ok());
        assert!(queue.try_push(2).is_ok());
        assert!(matches!(queue.try_push(3), Err(PushError::Full(3))));
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(1), Some(2), None));
    }

    #[test]
    fn a_closed_queue_is_empty_and_gives_messages_back() {
        let message = Arc::new(());
        let queue = Bounded::new(2);
        assert!(queue.try_push(Arc::clone(&message)).is_ok());
        queue.close();
        assert_eq!(Arc::strong_count(&message), 1);
        assert!(matches!(queue.try_push(Arc::clone(&message)), Err(PushError::Closed(_))));
        assert!(queue.push_blocking(message).is_err());
    }

    /// Producers that wait for room, also several at once: each message arrives once.
    #[test]
    fn no_producer_is_forgotten() {
        const EACH: u32 = 5_000;
        for capacity in [1, 3] {
            let queue = Arc::new(Bounded::new(capacity));
            let producers: Vec<_> = (0..4)
                .map(|_| {
                    let queue = Arc::clone(&queue);
                    thread::spawn(move || (0..EACH).for_each(|n| queue.push_blocking(n).unwrap()))
                })
                .collect();
            let mut sum = 0;
            let mut count = 0;
            while count < 4 * EACH {
                match queue.pop() {
                    Some(n) => (sum, count) = (sum + u64::from(n), count + 1),
                    None => thread::yield_now(),
                }
            }
            for producer in producers {
                producer.join().unwrap();
            }
            assert_eq!(sum, 4 * u64::from(EACH) * u64::from(EACH - 1) / 2);
        }
    }

    /// Producers that push, and wait, while the queue is closed: no message stays in it.
    #[test]
    fn nothing_stays_in_a_queue_that_is_closed_while_messages_come() {
        for _ in 0..200 {
            let message = Arc::new(());
            let queue = Arc::new(Bounded::new(2));
            let producers: Vec<_> = (0..3)
                .map(|_| {
                    let (queue, message) = (Arc::clone(&queue), Arc::clone(&message));
                    thread::spawn(move || while queue.push_blocking(message.clone()).is_ok() {})
                })
                .collect();
            for _ in 0..10 {
                queue.pop();
            }
            queue.close();
            for producer in producers {
                producer.join().unwrap();
            }
            assert_eq!(Arc::strong_count(&message), 1);
        }
    }
}
