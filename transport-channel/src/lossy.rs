//! The queue of one pipe whose sender drops the oldest message where there is no room. The
//! foreground closes it; what waits in it is dropped then.

use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_queue::ArrayQueue;

/// A bounded queue with one producer and one consumer.
///
/// A producer pushes, then reads `closed`; the consumer sets `closed`, then pops until the queue
/// is empty. Both are ordered by `SeqCst`. So either the consumer pops what was pushed, or the
/// producer does.
pub(crate) struct Lossy<T> {
    queue: ArrayQueue<T>,
    closed: AtomicBool,
}

impl<T> Lossy<T> {
    /// A queue for `capacity` messages, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { queue: ArrayQueue::new(capacity.max(1)), closed: AtomicBool::new(false) }
    }

    /// Pushes a message, and returns the oldest one if there was no room. The message itself
    /// comes back as the error when the queue is closed.
    #[inline]
    pub(crate) fn force_push(&self, item: T) -> Result<Option<T>, T> {
        // Relaxed: spares work only. What slips through is found below.
        if self.closed.load(Ordering::Relaxed) {
            return Err(item);
        }
        let oldest = self.queue.force_push(item);
        if self.closed.load(Ordering::SeqCst) {
            self.drain();
        }
        Ok(oldest)
    }

    /// Takes the oldest message. For the consumer.
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.pop()
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
    }

    /// Drops what waits. A destructor may push to this queue or others: no lock is held.
    #[cold]
    fn drain(&self) {
        while self.queue.pop().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_oldest_message_makes_room() {
        let queue = Lossy::new(2);
        assert_eq!(queue.force_push(1), Ok(None));
        assert_eq!(queue.force_push(2), Ok(None));
        assert_eq!(queue.force_push(3), Ok(Some(1)));
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(2), Some(3), None));
    }

    #[test]
    fn a_closed_queue_is_empty_and_gives_messages_back() {
        let message = Arc::new(());
        let queue = Lossy::new(2);
        assert!(queue.force_push(Arc::clone(&message)).is_ok());
        queue.close();
        assert_eq!(Arc::strong_count(&message), 1);
        assert!(queue.force_push(message).is_err());
    }
}
