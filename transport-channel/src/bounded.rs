//! A bounded queue of messages that the foreground closes: what waits in it is dropped then.
//!
//! A channel of crossbeam's or of the standard library's keeps what waits in it until its last
//! sender is gone. A worker that waits for the answer to a message would then wait for ever,
//! as the message holds the other end of its answer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_queue::ArrayQueue;

/// How often a sender that waits looks for room before it goes to sleep.
const LOOKS: u32 = 8;

/// How long it leaves the queue alone between two looks, in spin hints: a microsecond or two
/// on most machines.
const PAUSE: u32 = 64;

/// A bounded queue with many producers and one consumer.
///
/// Two pairs of accesses are ordered by `SeqCst`:
///
/// * A producer pushes, then reads `closed`; the consumer sets `closed`, then pops until the
///   queue is empty. So either the consumer pops what was pushed, or the producer does.
/// * A producer that found the queue full counts itself in `sleepers`, then tries once more;
///   the consumer pops, then reads `sleepers`. So either the producer finds the room, or the
///   consumer finds the producer.
pub(crate) struct Bounded<T> {
    queue: ArrayQueue<T>,
    closed: AtomicBool,
    /// Producers that sleep in `room`, and that the consumer has not woken. Changed with
    /// `lock` held.
    sleepers: AtomicUsize,
    lock: Mutex<()>,
    room: Condvar,
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
        Self {
            queue: ArrayQueue::new(capacity.max(1)),
            closed: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            lock: Mutex::new(()),
            room: Condvar::new(),
        }
    }

    /// Pushes a message if there is room.
    #[inline]
    pub(crate) fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        // Relaxed: spares work only. What slips through is found below.
        if self.closed.load(Ordering::Relaxed) {
            return Err(PushError::Closed(item));
        }
        self.queue.push(item).map_err(PushError::Full)?;
        self.drain_if_closed();
        Ok(())
    }

    /// Pushes a message, and waits for room. The message comes back when the queue is closed.
    pub(crate) fn push_blocking(&self, item: T) -> Result<(), T> {
        self.spin_for_capacity();
        let mut item = item;
        let mut guard = self.lock();
        loop {
            item = match self.try_push(item) {
                Ok(()) => return Ok(()),
                Err(PushError::Closed(item)) => return Err(item),
                Err(PushError::Full(item)) => item,
            };
            self.sleepers.fetch_add(1, Ordering::SeqCst);
            let tried = self.try_push(item);
            let Err(PushError::Full(full)) = tried else {
                self.sleepers.fetch_sub(1, Ordering::SeqCst);
                return match tried {
                    Ok(()) => Ok(()),
                    Err(PushError::Closed(item) | PushError::Full(item)) => Err(item),
                };
            };
            item = full;
            guard = self.room.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Pushes a message, and returns the oldest one if there was no room. The message itself
    /// comes back as the error when the queue is closed.
    #[inline]
    pub(crate) fn force_push(&self, item: T) -> Result<Option<T>, T> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(item);
        }
        let oldest = self.queue.force_push(item);
        self.drain_if_closed();
        Ok(oldest)
    }

    /// Takes the oldest message. For the consumer.
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        let item = self.queue.pop()?;
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            self.wake_one();
        }
        Some(item)
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Closes the queue: what waits in it is dropped, and nothing is pushed any more. For the
    /// consumer, as its last call.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.drain();
        let _guard = self.lock();
        self.sleepers.store(0, Ordering::SeqCst);
        self.room.notify_all();
    }

    #[inline]
    fn drain_if_closed(&self) {
        if self.closed.load(Ordering::SeqCst) {
            self.drain();
        }
    }

    /// Drops what waits. A destructor may push to other queues, or wait for nothing of this
    /// one's: no lock is held.
    #[cold]
    fn drain(&self) {
        while self.queue.pop().is_some() {}
    }

    #[cold]
    fn wake_one(&self) {
        let _guard = self.lock();
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            self.sleepers.fetch_sub(1, Ordering::SeqCst);
            self.room.notify_one();
        }
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
            if !self.queue.is_full() {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        // It guards no data.
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert_eq!(queue.force_push(4), Ok(Some(1)));
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(2), Some(4), None));
    }

    #[test]
    fn a_closed_queue_is_empty_and_gives_messages_back() {
        let message = Arc::new(());
        let queue = Bounded::new(2);
        assert!(queue.try_push(Arc::clone(&message)).is_ok());
        queue.close();
        assert_eq!(Arc::strong_count(&message), 1);
        assert!(matches!(queue.try_push(Arc::clone(&message)), Err(PushError::Closed(_))));
        assert!(queue.force_push(Arc::clone(&message)).is_err());
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
