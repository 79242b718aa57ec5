//! The queue that pipes share: a bounded channel that the foreground closes. What waits in it is
//! dropped then.
//!
//! A channel of crossbeam's keeps what waits in it until its last sender is gone. A worker that
//! waits for the answer to a message would then wait for ever, as the message holds the other
//! end of its answer. So senders hold a receiver too, to take back what was pushed too late.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crossbeam_channel::{Receiver, Select, SendTimeoutError, Sender, TrySendError, bounded};
use homing_core::{ConnectionId, SendErrorKind};

use crate::notice::Notice;
use crate::waker_list::WakerList;

/// How often a sender that waits looks for room before it goes to sleep.
const LOOKS: u32 = 8;

/// How long it leaves the queue alone between two looks, in spin hints: a microsecond or two
/// on most machines.
const PAUSE: u32 = 64;

/// How long a sender waits for room alone before it also waits for what the foreground tells its
/// pipe: a wait for two things costs more, and most waits are shorter.
const UNINTERRUPTED: Duration = Duration::from_millis(1);

/// What waits in a queue that pipes share.
///
/// The message comes first: so it stays aligned with the wide copies that compilers make of
/// what a channel returns, which would otherwise stall where the message alone is read.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Item<M> {
    pub(crate) message: M,
    pub(crate) connection: ConnectionId,
}

/// A bounded queue with many producers, one for each connection, and one consumer.
///
/// A producer pushes, which is a `SeqCst` exchange of the channel's tail, then reads `closed`. The
/// consumer sets `closed`, then reads the tail after a `SeqCst` fence, and drops what waits up to
/// it. So a message that the consumer does not drop has a producer that finds the queue closed,
/// and takes it back. Producers that wait for room wake each other: each message that is taken
/// out makes room for one. Tasks that wait are all woken by the next message that is taken out, and
/// come again if they find no room.
pub(crate) struct Bounded<M> {
    sender: Sender<Item<M>>,
    /// Producers hold it too, so the channel is never disconnected.
    receiver: Receiver<Item<M>>,
    closed: AtomicBool,
    /// Messages that one producer has taken out of the closed queue for others.
    returned: Mutex<Vec<Item<M>>>,
    /// Tasks that wait for room.
    tasks: WakerList,
}

/// Why a message was not pushed.
#[derive(Debug)]
pub(crate) enum PushError<M> {
    /// The queue is full.
    Full(Item<M>),
    /// The queue is closed.
    Closed(Item<M>),
}

impl<M> Bounded<M> {
    /// A queue for `capacity` messages, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        let (sender, receiver) = bounded(capacity.max(1));
        let (closed, returned) = (AtomicBool::new(false), Mutex::default());
        Self { sender, receiver, closed, returned, tasks: WakerList::default() }
    }

    /// Pushes a message if there is room.
    #[inline]
    pub(crate) fn try_push(&self, item: Item<M>) -> Result<(), PushError<M>> {
        // Relaxed: spares work only. What slips through is found below.
        if self.closed.load(Ordering::Relaxed) {
            return Err(PushError::Closed(item));
        }
        let connection = item.connection;
        match self.sender.try_send(item) {
            Ok(()) => self.check_pushed(connection).map_err(PushError::Closed),
            Err(TrySendError::Full(item)) => Err(PushError::Full(item)),
            Err(TrySendError::Disconnected(item)) => Err(PushError::Closed(item)),
        }
    }

    /// Pushes a message, and waits for room. The message comes back when the queue is closed, and
    /// when its pipe is closed, or cancelled without that its sender knows it.
    pub(crate) fn push_blocking(
        &self,
        item: Item<M>,
        notice: &Notice,
    ) -> Result<(), (Item<M>, SendErrorKind)> {
        self.spin_for_capacity();
        let connection = item.connection;
        // The channel is never disconnected; a queue that is closed gets room.
        match self.sender.send_timeout(item, UNINTERRUPTED) {
            Ok(()) => {}
            Err(SendTimeoutError::Timeout(item) | SendTimeoutError::Disconnected(item)) => {
                self.push_unless_interrupted(item, notice)?;
            }
        }
        self.check_pushed(connection).map_err(|item| (item, SendErrorKind::Disconnected))
    }

    /// Waits for room or for news of the pipe.
    #[cold]
    fn push_unless_interrupted(
        &self,
        item: Item<M>,
        notice: &Notice,
    ) -> Result<(), (Item<M>, SendErrorKind)> {
        loop {
            let news = notice.listen();
            if let Some(kind) = notice.interruption() {
                return Err((item, kind));
            }
            let mut select = Select::new();
            let room = select.send(&self.sender);
            select.recv(&news);
            let selected = select.select();
            if selected.index() == room {
                let sent = selected.send(&self.sender, item);
                return sent.map_err(|error| (error.into_inner(), SendErrorKind::Disconnected));
            }
            // It carries nothing: it is disconnected.
            let _ = selected.recv(&news);
        }
    }

    /// Takes the oldest message. For the consumer.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Item<M>> {
        let item = self.receiver.try_recv().ok()?;
        // The channel takes a message out by a `SeqCst` exchange of its head.
        self.tasks.wake_all();
        Some(item)
    }

    /// Has a pipe's task woken when there is room, or the queue is closed. It looks afterwards.
    pub(crate) fn wake_on_room(&self, connection: ConnectionId, task: &Waker) {
        self.tasks.add(Some(connection), task);
    }

    /// Whether there is no room for a message.
    pub(crate) fn is_full(&self) -> bool {
        self.sender.is_full()
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Closes the queue: what waits in it is dropped, and nothing is pushed any more. For the
    /// consumer, as its last call.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for _ in 0..self.len() {
            // A destructor may push to this queue or others: no lock is held.
            drop(self.pop());
        }
        fence(Ordering::SeqCst);
        self.tasks.wake_all();
    }

    /// After a push: takes the message back if the queue was closed meanwhile.
    #[inline]
    fn check_pushed(&self, connection: ConnectionId) -> Result<(), Item<M>> {
        if self.closed.load(Ordering::SeqCst) { self.take_back(connection) } else { Ok(()) }
    }

    #[cold]
    fn take_back(&self, connection: ConnectionId) -> Result<(), Item<M>> {
        let mut returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        returned.extend(self.receiver.try_iter());
        match returned.iter().position(|item| item.connection == connection) {
            Some(mine) => Err(returned.swap_remove(mine)),
            // It was in time: the consumer has dropped it with the others.
            None => Ok(()),
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

    use homing_core::Told;

    use super::*;

    /// A message of the pipe with this number.
    fn item<M>(pipe: u32, message: M) -> Item<M> {
        Item { message, connection: ConnectionId::from_parts(pipe, 0) }
    }

    #[test]
    fn messages_come_in_order_and_a_full_queue_gives_them_back() {
        let queue = Bounded::new(2);
        assert!(queue.try_push(item(0, 1)).is_ok());
        assert!(queue.try_push(item(0, 2)).is_ok());
        assert!(matches!(
            queue.try_push(item(0, 3)),
            Err(PushError::Full(Item { message: 3, .. }))
        ));
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|item| item.message).collect();
        assert_eq!(popped, [1, 2]);
    }

    #[test]
    fn a_closed_queue_is_empty_and_gives_messages_back() {
        let message = Arc::new(());
        let queue = Bounded::new(2);
        assert!(queue.try_push(item(0, Arc::clone(&message))).is_ok());
        queue.close();
        assert_eq!(Arc::strong_count(&message), 1);
        let late = queue.try_push(item(0, Arc::clone(&message)));
        assert!(matches!(late, Err(PushError::Closed(_))));
        assert!(queue.push_blocking(item(0, message), &Notice::default()).is_err());
        assert_eq!(queue.len(), 0);
    }

    /// Producers that wait for room, also several at once: each message arrives once.
    #[test]
    fn no_producer_is_forgotten() {
        const EACH: u32 = 5_000;
        for capacity in [1, 3] {
            let queue = Arc::new(Bounded::new(capacity));
            let producers: Vec<_> = (0..4)
                .map(|pipe| {
                    let queue = Arc::clone(&queue);
                    thread::spawn(move || {
                        let notice = Notice::default();
                        for n in 0..EACH {
                            assert!(queue.push_blocking(item(pipe, n), &notice).is_ok());
                        }
                    })
                })
                .collect();
            let mut sum = 0;
            let mut count = 0;
            while count < 4 * EACH {
                match queue.pop() {
                    Some(item) => (sum, count) = (sum + u64::from(item.message), count + 1),
                    None => thread::yield_now(),
                }
            }
            for producer in producers {
                producer.join().unwrap();
            }
            assert_eq!(sum, 4 * u64::from(EACH) * u64::from(EACH - 1) / 2);
        }
    }

    /// Producers that push, and wait, while the queue is closed: each gets its own message back,
    /// and none stays in the queue.
    #[test]
    fn nothing_stays_in_a_queue_that_is_closed_while_messages_come() {
        for round in 0..400 {
            let alive = Arc::new(());
            let queue = Arc::new(Bounded::new(1 + round % 2));
            let producers: Vec<_> = (0..3)
                .map(|pipe| {
                    let (queue, alive) = (Arc::clone(&queue), Arc::clone(&alive));
                    thread::spawn(move || {
                        let notice = Notice::default();
                        loop {
                            let message = (pipe, Arc::clone(&alive));
                            if let Err((back, _)) =
                                queue.push_blocking(item(pipe, message), &notice)
                            {
                                assert_eq!(back.message.0, pipe);
                                return;
                            }
                        }
                    })
                })
                .collect();
            for _ in 0..10 {
                queue.pop();
            }
            queue.close();
            for producer in producers {
                producer.join().unwrap();
            }
            assert_eq!(Arc::strong_count(&alive), 1);
        }
    }

    /// Has a thread wait for room in a full queue, and calls `then` when it sleeps.
    fn wait_for_room(
        queue: &Arc<Bounded<u32>>,
        notice: &Arc<Notice>,
        then: impl FnOnce(),
    ) -> Result<(), (u32, SendErrorKind)> {
        let waiting = (Arc::clone(queue), Arc::clone(notice));
        let producer = thread::spawn(move || waiting.0.push_blocking(item(0, 2), &waiting.1));
        while !notice.is_listened_to() {
            thread::yield_now();
        }
        then();
        producer.join().unwrap().map_err(|(item, kind)| (item.message, kind))
    }

    #[test]
    fn what_a_pipe_is_told_wakes_a_producer_that_waits() {
        for (told, kind) in [
            (Told::CANCELLED, SendErrorKind::Cancelled),
            (Told::STOPPING, SendErrorKind::Cancelled),
            (Told::CLOSED, SendErrorKind::Closed),
        ] {
            let (queue, notice) = (Arc::new(Bounded::new(1)), Arc::<Notice>::default());
            assert!(queue.try_push(item(0, 1)).is_ok());
            let interrupted = wait_for_room(&queue, &notice, || {
                notice.tell(told);
            });
            assert_eq!(interrupted, Err((2, kind)));
        }
    }

    #[test]
    fn a_producer_that_waits_is_cancelled_once() {
        let (queue, notice) = (Arc::new(Bounded::new(1)), Arc::<Notice>::default());
        assert!(queue.try_push(item(0, 1)).is_ok());
        assert!(
            wait_for_room(&queue, &notice, || {
                notice.tell(Told::CANCELLED);
            })
            .is_err()
        );
        let pushed = wait_for_room(&queue, &notice, || {
            notice.tell(Told::STOPPING);
            assert!(queue.pop().is_some());
        });
        assert_eq!(pushed, Ok(()));
        assert!(queue.pop().is_some_and(|item| item.message == 2));
    }
}
