//! What all queues of a pipe's sender need: its pipe, and the link.

use std::sync::Arc;

use homing_core::{Blocking, ConnectionId, Overflow, SendError, SendErrorKind};

use crate::bounded::{Bounded, Item, PushError};
use crate::control::Control;
use crate::link::Shared;
use crate::notice::Notice;
use crate::queue::SharedFlag;
use crate::up::{Answer, Up};

/// The pipe, and how the inlet is told of it.
pub(crate) struct OnLink {
    pub(crate) connection: ConnectionId,
    pub(crate) overflow: Overflow,
    pub(crate) place: Place,
    pub(crate) link: Arc<Shared>,
}

/// Where the inlet keeps a queue, and how it is woken for it.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) slot: usize,
    pub(crate) flag: SharedFlag,
}

impl OnLink {
    /// Makes known that a message was pushed.
    #[inline]
    pub(crate) fn pushed(&self) {
        let Place { slot, flag } = &self.place;
        if flag.set() {
            // When the inlet is gone, the message is lost with it.
            let _ = self.link.tell(Control::Ready { slot: *slot });
        }
    }

    /// Pushes to a queue that pipes share, and says how many messages were dropped for it.
    #[inline]
    pub(crate) fn push<T>(
        &self,
        queue: &Bounded<T>,
        message: T,
        blocking: Blocking,
        notice: &Notice,
    ) -> Result<u64, SendError<T>> {
        match queue.try_push(Item { message, connection: self.connection }) {
            Ok(()) => {
                self.pushed();
                Ok(0)
            }
            Err(PushError::Full(item)) => self.push_slow(queue, item, blocking, notice),
            Err(PushError::Closed(Item { message, .. })) => {
                Err(SendError::new(message, SendErrorKind::Disconnected))
            }
        }
    }

    /// A shared queue had no room.
    #[cold]
    fn push_slow<T>(
        &self,
        queue: &Bounded<T>,
        item: Item<T>,
        blocking: Blocking,
        notice: &Notice,
    ) -> Result<u64, SendError<T>> {
        match self.overflow {
            Overflow::DropNewest => Ok(1),
            Overflow::Wait if blocking == Blocking::Allowed => {
                self.push_waiting(queue, item, notice).map(|()| 0)
            }
            _ => Err(SendError::new(item.message, SendErrorKind::Full)),
        }
    }

    /// Waits for room, except on the foreground's own thread.
    #[cold]
    fn push_waiting<T>(
        &self,
        queue: &Bounded<T>,
        item: Item<T>,
        notice: &Notice,
    ) -> Result<(), SendError<T>> {
        if self.link.is_foreground() {
            return Err(SendError::new(item.message, SendErrorKind::Full));
        }
        // The sender that filled the queue has made it ready, so the inlet will make room.
        match queue.push_blocking(item, notice) {
            Ok(()) => {
                self.pushed();
                Ok(())
            }
            Err((Item { message, .. }, kind)) => Err(SendError::new(message, kind)),
        }
    }

    /// Pushes an answer, which no policy drops.
    pub(crate) fn push_answer<M>(
        &self,
        queue: &Bounded<Up<M>>,
        answer: Answer,
        blocking: Blocking,
        notice: &Notice,
    ) -> Result<(), SendError<Up<M>>> {
        match queue.try_push(Item { message: Up::Answer(answer), connection: self.connection }) {
            Ok(()) => {
                self.pushed();
                Ok(())
            }
            Err(PushError::Full(item)) if blocking == Blocking::Allowed => {
                self.push_waiting(queue, item, notice)
            }
            Err(PushError::Full(item)) => Err(SendError::new(item.message, SendErrorKind::Full)),
            Err(PushError::Closed(Item { message, .. })) => {
                Err(SendError::new(message, SendErrorKind::Disconnected))
            }
        }
    }
}
