//! Makes the pipes of a link.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crossbeam_channel::Receiver;
use homing_core::{
    Authorization, ByValue, ConnectionId, Duplex, MakeDuplex, MakeSender, Overflow, Ticket,
};

use crate::bounded::Bounded;
use crate::channel::Capacity;
use crate::commands::{ChannelCommands, CommandQueue, CommandReceiver, Registration};
use crate::control::Control;
use crate::link::Shared;
use crate::lossy::Lossy;
use crate::notice::Notice;
use crate::on_link::{OnLink, Place};
use crate::outlet::{ChannelOutlet, QueueWriter, Sender};
use crate::queue::SharedFlag;
use crate::reader::{DuplexQueue, DuplexReader, PrivateReader, QueueReader, SharedReader};
use crate::up::LossyUp;

/// Makes the pipes of one link, for messages of any type that is `Send + 'static`.
///
/// The link ends when its factory and all senders made by it are gone.
pub struct ChannelFactory {
    link: Arc<Shared>,
    capacity: Capacity,
    /// The shared queue for each type of message `M`: a `SharedQueue<M>`, and for duplex pipes a
    /// `SharedQueue<Up<M>>`.
    shared: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
    /// Slots that were used once and are free again.
    free: Receiver<usize>,
    /// The first slot that was never used.
    fresh: AtomicUsize,
}

/// What every pipe of a shared queue gets a copy of.
struct SharedQueue<M> {
    queue: Arc<Bounded<M>>,
    place: Place,
}

impl ChannelFactory {
    pub(crate) fn new(link: Arc<Shared>, capacity: Capacity, free: Receiver<usize>) -> Self {
        Self { link, capacity, shared: Mutex::default(), free, fresh: AtomicUsize::new(0) }
    }

    /// The queue that all pipes of messages `T` share. The first one makes it.
    fn shared_queue<T: Send + 'static>(
        &self,
        capacity: usize,
        reader: impl FnOnce(Arc<Bounded<T>>) -> Box<dyn QueueReader>,
    ) -> SharedQueue<T> {
        // Nothing in here leaves the map half changed when it panics.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shared.get(&TypeId::of::<T>()).and_then(|queue| queue.downcast_ref());
        if let Some(SharedQueue::<T> { queue, place }) = known {
            return SharedQueue { queue: Arc::clone(queue), place: place.clone() };
        }
        let queue = Arc::new(Bounded::new(capacity));
        let place = self.add_queue(reader(Arc::clone(&queue)), false);
        let known = SharedQueue { queue: Arc::clone(&queue), place: place.clone() };
        shared.insert(TypeId::of::<T>(), Box::new(known));
        SharedQueue { queue, place }
    }

    /// The queue of a pipe that has no way back.
    fn queue<M: Send + 'static>(&self, ticket: &Ticket<M>) -> (QueueWriter<M>, Place) {
        match self.lossy_capacity::<M>(ticket.overflow()) {
            Some(capacity) => {
                let queue = Arc::new(Lossy::new(capacity));
                let reader = PrivateReader::new(ticket.connection(), Arc::clone(&queue));
                (QueueWriter::Private(queue), self.add_queue(Box::new(reader), true))
            }
            None => {
                let SharedQueue { queue, place } = self
                    .shared_queue(self.capacity.of::<M>(), |queue| {
                        Box::new(SharedReader::<M>::new(queue))
                    });
                (QueueWriter::Shared(queue), place)
            }
        }
    }

    /// The queue of a duplex pipe.
    fn duplex_queue<M: Send + 'static, D>(&self, ticket: &Ticket<M, D>) -> (QueueWriter<M>, Place) {
        match self.lossy_capacity::<M>(ticket.overflow()) {
            Some(capacity) => {
                let queue = Arc::new(LossyUp::new(capacity));
                let source = DuplexQueue::Lossy(ticket.connection(), Arc::clone(&queue));
                let reader = Box::new(DuplexReader::new(source));
                (QueueWriter::LossyDuplex(queue), self.add_queue(reader, true))
            }
            None => {
                let SharedQueue { queue, place } = self
                    .shared_queue(self.capacity.of::<M>(), |queue| {
                        Box::new(DuplexReader::<M>::new(DuplexQueue::Shared(queue)))
                    });
                (QueueWriter::Duplex(queue), place)
            }
        }
    }

    /// How many messages wait on a pipe whose policy drops older ones. `None` for other policies.
    fn lossy_capacity<M>(&self, overflow: Overflow) -> Option<usize> {
        match overflow {
            Overflow::DropOldest => Some(self.capacity.of::<M>()),
            Overflow::LatestWins => Some(1),
            _ => None,
        }
    }

    fn add_queue(&self, reader: Box<dyn QueueReader>, private: bool) -> Place {
        // Each slot is handed out by itself: nothing else is ordered by the counter.
        let slot =
            self.free.try_recv().unwrap_or_else(|_| self.fresh.fetch_add(1, Ordering::Relaxed));
        let flag = SharedFlag::default();
        // There is nothing to wake for yet.
        let control = Control::NewQueue { slot, reader, flag: flag.clone(), private };
        self.link.tell_quietly(control);
        Place { slot, flag }
    }

    fn on_link(&self, connection: ConnectionId, overflow: Overflow, place: Place) -> OnLink {
        OnLink { connection, overflow, place, link: Arc::clone(&self.link) }
    }
}

impl<M: Send + 'static> MakeSender<M> for ChannelFactory {
    type Sender = Sender<M>;
    type Codec = ByValue;

    /// The holder of the sender may use it.
    const AUTHORIZATION: Authorization = Authorization::Trusted;

    fn make_sender(&self, ticket: Ticket<M>) -> Sender<M> {
        let connection = ticket.connection();
        let (queue, place) = self.queue(&ticket);
        let notice = Arc::new(Notice::default());
        let end: Weak<Notice> = Arc::downgrade(&notice);
        self.link.notices().add(connection, end);
        let on_link = self.on_link(connection, ticket.overflow(), place);
        Sender::new(connection, ChannelOutlet::new(queue, notice, on_link))
    }
}

impl<D: Send + 'static, U: Send + 'static> MakeDuplex<D, U> for ChannelFactory {
    type Ends = (CommandReceiver<D>, Sender<U>);

    /// Each command counts the size of `D`, at least 16 bytes; what it refers to does not count.
    /// One command is accepted in any case.
    fn make_duplex(&self, ticket: Ticket<U, D>, capacity: usize) -> Option<Duplex<Self::Ends, D>> {
        let connection = ticket.connection();
        let notice = Arc::new(Notice::default());
        let notices = Arc::clone(self.link.notices());
        let commands = Arc::new(CommandQueue::<D>::new(
            capacity,
            Arc::clone(&notice),
            Registration { connection, notices },
        ));
        let end: Weak<CommandQueue<D>> = Arc::downgrade(&commands);
        self.link.notices().add(connection, end);
        let (queue, place) = self.duplex_queue(&ticket);
        let on_link = self.on_link(connection, ticket.overflow(), place);
        let sender = Sender::new(connection, ChannelOutlet::new(queue, notice, on_link));
        let receiver = ChannelCommands::new(Arc::clone(&commands), self.link.foreground());
        Some(Duplex::new((CommandReceiver::new(connection, receiver), sender), commands))
    }
}

impl fmt::Debug for ChannelFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelFactory").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
