//! Makes the pipes of a link.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, bounded};
use crossbeam_queue::ArrayQueue;
use homing_core::{Authorization, ByValue, ConnectionId, MakeSender, Overflow, Ticket};

use crate::channel::Capacity;
use crate::event::Event;
use crate::lane::SharedFlag;
use crate::link::Link;
use crate::outlet::{ChannelOutlet, Queue, Sender};
use crate::source::{Own, Shared, Source};

/// Makes the pipes of one link, for messages of any type that is `Send + 'static`.
///
/// The link ends when its factory and all senders made by it are gone.
pub struct ChannelFactory {
    link: Arc<Link>,
    capacity: Capacity,
    /// The shared lane for each type of message `M`: a `SharedLane<M>`.
    shared: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
    /// Slots that were used once and are free again.
    free: Receiver<usize>,
    /// The first slot that was never used.
    fresh: AtomicUsize,
}

/// What every pipe of a shared lane gets a copy of.
struct SharedLane<M> {
    queue: crossbeam_channel::Sender<(ConnectionId, M)>,
    flag: SharedFlag,
    slot: usize,
}

impl ChannelFactory {
    pub(crate) fn new(link: Arc<Link>, capacity: Capacity, free: Receiver<usize>) -> Self {
        Self { link, capacity, shared: Mutex::default(), free, fresh: AtomicUsize::new(0) }
    }

    /// An outlet on the lane that all pipes of this type share. The first one makes it.
    fn on_shared_lane<M: Send + 'static>(&self, ticket: &Ticket<M>) -> ChannelOutlet<M> {
        // Nothing in here leaves the map half changed when it panics.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shared.get(&TypeId::of::<M>()).and_then(|lane| lane.downcast_ref());
        let (queue, flag, slot) = match known {
            Some(SharedLane::<M> { queue, flag, slot }) => (queue.clone(), flag.clone(), *slot),
            None => {
                let (queue, taken) = bounded(self.capacity.of::<M>());
                let (slot, flag) = self.add_lane(Box::new(Shared::new(taken)), false);
                let lane = SharedLane { queue: queue.clone(), flag: flag.clone(), slot };
                shared.insert(TypeId::of::<M>(), Box::new(lane));
                (queue, flag, slot)
            }
        };
        self.outlet(ticket, Queue::Shared(queue), flag, slot)
    }

    /// An outlet on a lane of its own, where at most `capacity` messages wait.
    fn on_own_lane<M: Send + 'static>(
        &self,
        ticket: &Ticket<M>,
        capacity: usize,
    ) -> ChannelOutlet<M> {
        let queue = Arc::new(ArrayQueue::new(capacity));
        let source = Own::new(ticket.connection(), queue.clone());
        let (slot, flag) = self.add_lane(Box::new(source), true);
        self.outlet(ticket, Queue::Own(queue), flag, slot)
    }

    fn add_lane(&self, source: Box<dyn Source>, own: bool) -> (usize, SharedFlag) {
        // Each slot is handed out by itself: nothing else is ordered by the counter.
        let slot =
            self.free.try_recv().unwrap_or_else(|_| self.fresh.fetch_add(1, Ordering::Relaxed));
        let flag = SharedFlag::default();
        // There is nothing to wake for yet.
        self.link.tell_quietly(Event::Lane { slot, source, flag: flag.clone(), own });
        (slot, flag)
    }

    fn outlet<M: Send + 'static>(
        &self,
        ticket: &Ticket<M>,
        queue: Queue<M>,
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

    /// Who holds the sender may use it.
    const AUTHORIZATION: Authorization = Authorization::Trusted;

    fn make_sender(&self, ticket: Ticket<M>) -> Sender<M> {
        let outlet = match ticket.overflow() {
            Overflow::DropOldest => self.on_own_lane(&ticket, self.capacity.of::<M>()),
            Overflow::LatestWins => self.on_own_lane(&ticket, 1),
            _ => self.on_shared_lane(&ticket),
        };
        Sender::new(ticket.connection(), outlet)
    }
}

impl fmt::Debug for ChannelFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelFactory").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
