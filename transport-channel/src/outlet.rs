//! The worker's end of one pipe.

use std::fmt;
use std::sync::Arc;

use homing_core::{
    Blocking, CloseReason, ConnectionId, Disconnected, Outlet, Overflow, Panic, SendError,
    SendErrorKind,
};

use crate::bounded::{Bounded, Item, PushError};
use crate::control::Control;
use crate::link::Shared;
use crate::lossy::Lossy;
use crate::queue::SharedFlag;

/// The sender of a pipe on a [`Channel`](crate::Channel).
pub type Sender<M> = homing_core::Sender<M, ChannelOutlet<M>>;

/// The worker's end of one pipe on a [`Channel`](crate::Channel).
pub struct ChannelOutlet<M> {
    connection: ConnectionId,
    overflow: Overflow,
    queue: QueueWriter<M>,
    flag: SharedFlag,
    /// Where the inlet keeps the queue.
    slot: usize,
    /// How many messages the policy dropped.
    missed: u64,
    link: Arc<Shared>,
}

/// The sender's end of a queue.
pub(crate) enum QueueWriter<M> {
    /// Other pipes use it too.
    Shared(Arc<Bounded<M>>),
    /// All that waits there is this pipe's, and the oldest may be dropped.
    Private(Arc<Lossy<M>>),
}

impl<M: Send + 'static> ChannelOutlet<M> {
    pub(crate) fn new(
        connection: ConnectionId,
        overflow: Overflow,
        queue: QueueWriter<M>,
        flag: SharedFlag,
        slot: usize,
        link: Arc<Shared>,
    ) -> Self {
        Self { connection, overflow, queue, flag, slot, missed: 0, link }
    }

    /// Makes known that a message was pushed.
    #[inline]
    fn pushed(&self) {
        if self.flag.set() {
            // When the inlet is gone, the message is lost with it.
            let _ = self.link.tell(Control::Ready { slot: self.slot });
        }
    }

    /// A shared queue had no room.
    #[cold]
    fn put_slow(&mut self, item: Item<M>, blocking: Blocking) -> Result<u64, SendError<M>> {
        match (self.overflow, &self.queue) {
            (Overflow::DropNewest, _) => {
                self.missed += 1;
                Ok(1)
            }
            (Overflow::Wait, QueueWriter::Shared(queue))
                if blocking == Blocking::Allowed && !self.link.is_foreground() =>
            {
                // The sender that filled the queue has made it ready, so the inlet will make
                // room.
                if let Err(Item { message, .. }) = queue.push_blocking(item) {
                    return Err(SendError::new(message, SendErrorKind::Disconnected));
                }
                self.pushed();
                Ok(0)
            }
            _ => Err(SendError::new(item.message, SendErrorKind::Full)),
        }
    }
}

impl<M: Send + 'static> Outlet<M> for ChannelOutlet<M> {
    fn open(&mut self) -> Result<(), Disconnected> {
        homing_panic::install();
        if self.link.is_gone() { Err(Disconnected) } else { Ok(()) }
    }

    #[inline]
    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        match &self.queue {
            QueueWriter::Shared(queue) => {
                match queue.try_push(Item { message, connection: self.connection }) {
                    Ok(()) => {
                        self.pushed();
                        Ok(0)
                    }
                    Err(PushError::Full(item)) => self.put_slow(item, blocking),
                    Err(PushError::Closed(Item { message, .. })) => {
                        Err(SendError::new(message, SendErrorKind::Disconnected))
                    }
                }
            }
            QueueWriter::Private(queue) => match queue.force_push(message) {
                Ok(oldest) => {
                    let dropped = u64::from(oldest.is_some());
                    self.missed += dropped;
                    self.pushed();
                    Ok(dropped)
                }
                Err(message) => Err(SendError::new(message, SendErrorKind::Disconnected)),
            },
        }
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        let (slot, connection, missed) = (self.slot, self.connection, self.missed);
        self.link.tell(Control::Closed { slot, connection, missed, reason })
    }

    fn panicking(&self) -> Option<Panic> {
        homing_panic::current()
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
