//! The worker's end of one pipe.

use std::fmt;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::TrySendError;
use crossbeam_queue::ArrayQueue;
use homing_core::{
    Blocking, CloseReason, ConnectionId, Disconnected, Outlet, Overflow, SendError, SendErrorKind,
};

use crate::event::Event;
use crate::lane::SharedFlag;
use crate::link::Link;

/// How often a sender that waits looks for room before it goes to sleep.
const LOOKS: u32 = 8;

/// How long it leaves the lane alone between two looks, in spin hints: a microsecond or two
/// on most machines.
const PAUSE: u32 = 64;

/// The sender of a pipe on a [`Channel`](crate::Channel).
pub type Sender<M> = homing_core::Sender<M, ChannelOutlet<M>>;

/// The worker's end of one pipe on a [`Channel`](crate::Channel).
pub struct ChannelOutlet<M> {
    connection: ConnectionId,
    overflow: Overflow,
    queue: Queue<M>,
    flag: SharedFlag,
    /// Where the inlet keeps the lane.
    slot: usize,
    /// How many messages the policy dropped.
    missed: u64,
    link: Arc<Link>,
}

/// The sender's end of a lane's queue.
pub(crate) enum Queue<M> {
    /// Other pipes use it too.
    Shared(crossbeam_channel::Sender<(ConnectionId, M)>),
    /// What waits there is this pipe's, and the oldest may be dropped.
    Own(Arc<ArrayQueue<M>>),
}

impl<M: Send + 'static> ChannelOutlet<M> {
    pub(crate) fn new(
        connection: ConnectionId,
        overflow: Overflow,
        queue: Queue<M>,
        flag: SharedFlag,
        slot: usize,
        link: Arc<Link>,
    ) -> Self {
        Self { connection, overflow, queue, flag, slot, missed: 0, link }
    }

    /// Makes known that a message was pushed.
    #[inline]
    fn pushed(&self) {
        if self.flag.set() {
            // When the inlet is gone, the message is lost with it.
            let _ = self.link.tell(Event::Ready { slot: self.slot });
        }
    }

    /// A shared lane did not take the message at once.
    #[cold]
    fn put_later(
        &mut self,
        refused: TrySendError<(ConnectionId, M)>,
        blocking: Blocking,
    ) -> Result<u64, SendError<M>> {
        let item = match refused {
            TrySendError::Full(item) => item,
            TrySendError::Disconnected((_, message)) => {
                return Err(SendError::new(message, SendErrorKind::Disconnected));
            }
        };
        match (self.overflow, &self.queue) {
            (Overflow::DropNewest, _) => {
                self.missed += 1;
                Ok(1)
            }
            (Overflow::Wait, Queue::Shared(queue))
                if blocking == Blocking::Allowed && !self.link.is_foreground() =>
            {
                // Whoever filled the lane has made it ready, so the inlet will make room.
                leave_alone(queue);
                match queue.send(item) {
                    Ok(()) => {
                        self.pushed();
                        Ok(0)
                    }
                    Err(error) => {
                        Err(SendError::new(error.into_inner().1, SendErrorKind::Disconnected))
                    }
                }
            }
            _ => Err(SendError::new(item.1, SendErrorKind::Full)),
        }
    }
}

/// Waits a little for room, without sleeping.
///
/// Every look at a full queue takes the cache line away that the foreground writes with each
/// message that it pulls. A sender that looks without pause slows it down to less than half,
/// and finds room for one message at a time; after a pause it finds room for many.
fn leave_alone<T>(queue: &crossbeam_channel::Sender<T>) {
    for _ in 0..LOOKS {
        for _ in 0..PAUSE {
            std::hint::spin_loop();
        }
        if !queue.is_full() {
            return;
        }
    }
}

impl<M: Send + 'static> Outlet<M> for ChannelOutlet<M> {
    fn open(&mut self) -> Result<(), Disconnected> {
        if self.link.is_gone() { Err(Disconnected) } else { Ok(()) }
    }

    #[inline]
    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        match &self.queue {
            Queue::Shared(queue) => {
                if let Err(refused) = queue.try_send((self.connection, message)) {
                    return self.put_later(refused, blocking);
                }
                self.pushed();
                Ok(0)
            }
            Queue::Own(queue) => {
                // Both ends hold the queue, so it cannot tell by itself.
                if self.link.is_gone() {
                    return Err(SendError::new(message, SendErrorKind::Disconnected));
                }
                // It goes either to the inlet or comes back here, never both.
                let dropped = u64::from(queue.force_push(message).is_some());
                self.missed += dropped;
                self.pushed();
                Ok(dropped)
            }
        }
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        let (slot, connection, missed) = (self.slot, self.connection, self.missed);
        self.link.tell(Event::Left { slot, connection, missed, reason })
    }

    fn is_panicking(&self) -> bool {
        thread::panicking()
    }
}

impl<M> fmt::Debug for ChannelOutlet<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelOutlet")
            .field("connection", &self.connection)
            .field("overflow", &self.overflow)
            .finish_non_exhaustive()
    }
}
