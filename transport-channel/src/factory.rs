//! Makes the pipes of a link.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Receiver;
use homing_core::{Authorization, ByValue, MakeSender, Overflow, Ticket};

use crate::bounded::Bounded;
use crate::channel::Capacity;
use crate::control::Control;
use crate::link::Shared;
use crate::lossy::Lossy;
use crate::outlet::{ChannelOutlet, QueueWriter, Sender};
use crate::queue::SharedFlag;
use crate::reader::{PrivateReader, QueueReader, SharedReader};

/// Makes the pipes of one link, for messages of any type that is `Send + 'static`.
///
/// The link ends when its factory and all senders made by it are gone.
pub struct ChannelFactory {
    link: Arc<Shared>,
    capacity: Capacity,
    /// The shared queue for each type of message `M`: a `SharedQueue<M>`.
    shared: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
    /// Slots that were used once and are free again.
    free: Receiver<usize>,
    /// The first slot that was never used.
    fresh: AtomicUsize,
}

/// What every pipe of a shared queue gets a copy of.
struct SharedQueue<M> {
    queue: Arc<Bounded<M>>,
    flag: SharedFlag,
    slot: usize,
}

impl ChannelFactory {
    pub(crate) fn new(link: Arc<Shared>, capacity: Capacity, free: Receiver<usize>) -> Self {
        Self { link, capacity, shared: Mutex::default(), free, fresh: AtomicUsize::new(0) }
    }

    /// An outlet on the queue that all pipes of this type share. The first one makes it.
    fn on_shared_queue<M: Send + 'static>(&self, ticket: &Ticket<M>) -> ChannelOutlet<M> {
        // Nothing in here leaves the map half changed when it panics.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shared.get(&TypeId::of::<M>()).and_then(|queue| queue.downcast_ref());
        let (queue, flag, slot) = match known {
            Some(SharedQueue::<M> { queue, flag, slot }) => (queue.clone(), flag.clone(), *slot),
            None => {
                let queue = Arc::new(Bounded::new(self.capacity.of::<M>()));
                let reader = SharedReader::new(Arc::clone(&queue));
                let (slot, flag) = self.add_queue(Box::new(reader), false);
                let known = SharedQueue { queue: queue.clone(), flag: flag.clone(), slot };
                shared.insert(TypeId::of::<M>(), Box::new(known));
                (queue, flag, slot)
            }
        };
        self.outlet(ticket, QueueWriter::Shared(queue), flag, slot)
    }

    /// An outlet on a queue of its own, where at most `capacity` messages wait.
    fn on_private_queue<M: Send + 'static>(
        &self,
        ticket: &Ticket<M>,
        capacity: usize,
    ) -> ChannelOutlet<M> {
        let queue = Arc::new(Lossy::new(capacity));
        let reader = PrivateReader::new(ticket.connection(), queue.clone());
        let (slot, flag) = self.add_queue(Box::new(reader), true);
        self.outlet(ticket, QueueWriter::Private(queue), flag, slot)
    }

    fn add_queue(&self, reader: Box<dyn QueueReader>, private: bool) -> (usize, SharedFlag) {
        // Each slot is handed out by itself: nothing else is ordered by the counter.
        let slot =
            self.free.try_recv().unwrap_or_else(|_| self.fresh.fetch_add(1, Ordering::Relaxed));
        let flag = SharedFlag::default();
        // There is nothing to wake for yet.
        let control = Control::NewQueue { slot, reader, flag: flag.clone(), private };
        self.link.tell_quietly(control);
        (slot, flag)
    }

    fn outlet<M: Send + 'static>(
        &self,
        ticket: &Ticket<M>,
        queue: QueueWriter<M>,
        flag: SharedFlag,
        slot: usize,
    ) -> ChannelOutlet<M> {
        let (connection, overflow) = (ticket.connection(), ticket.overflow());
        ChannelOutlet::new(connection, overflow, queue, flag, slot, self.link.clone())
    }
}

impl<M: Send + 'static> MakeSender<M> for ChannelFactory {
    type Sender = Sender<M>;
    type Codec = ByValue;

    /// The holder of the sender may use it.
    const AUTHORIZATION: Authorization = Authorization::Trusted;

    fn make_sender(&self, ticket: Ticket<M>) -> Sender<M> {
        let outlet = match ticket.overflow() {
            Overflow::DropOldest => self.on_private_queue(&ticket, self.capacity.of::<M>()),
            Overflow::LatestWins => self.on_private_queue(&ticket, 1),
            _ => self.on_shared_queue(&ticket),
        };
        Sender::new(ticket.connection(), outlet)
    }
}

impl fmt::Debug for ChannelFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelFactory").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
