//! Where the inlet takes a queue's messages from.

use std::any::Any;
use std::sync::Arc;

use homing_core::ConnectionId;

use crate::bounded::{Bounded, Item};
use crate::lossy::Lossy;

/// The foreground's end of a queue, without the type of its messages. When it is dropped, the
/// queue is closed.
pub(crate) trait QueueReader: Send {
    /// Pulls the next message to the front, and returns its pipe. `None` when there is no
    /// message now.
    fn pull(&mut self) -> Option<ConnectionId>;

    /// The message that was pulled last: an `Option<M>`, from which it may be taken.
    fn front(&mut self) -> &mut dyn Any;

    /// How many messages wait behind the front. Only this reader takes any; more may be
    /// added.
    fn waiting(&self) -> usize;
}

/// Reads a queue that many pipes share.
pub(crate) struct SharedReader<M> {
    queue: Arc<Bounded<M>>,
    front: Option<M>,
}

impl<M> SharedReader<M> {
    pub(crate) fn new(queue: Arc<Bounded<M>>) -> Self {
        Self { queue, front: None }
    }
}

impl<M: Send + 'static> QueueReader for SharedReader<M> {
    #[inline]
    fn pull(&mut self) -> Option<ConnectionId> {
        let Item { message, connection } = self.queue.pop()?;
        self.front = Some(message);
        Some(connection)
    }

    #[inline]
    fn front(&mut self) -> &mut dyn Any {
        &mut self.front
    }

    fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl<M> Drop for SharedReader<M> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Reads a queue of one pipe, whose sender drops the oldest message when there is no room.
pub(crate) struct PrivateReader<M> {
    connection: ConnectionId,
    queue: Arc<Lossy<M>>,
    front: Option<M>,
}

impl<M> PrivateReader<M> {
    pub(crate) fn new(connection: ConnectionId, queue: Arc<Lossy<M>>) -> Self {
        Self { connection, queue, front: None }
    }
}

impl<M: Send + 'static> QueueReader for PrivateReader<M> {
    #[inline]
    fn pull(&mut self) -> Option<ConnectionId> {
        self.front = Some(self.queue.pop()?);
        Some(self.connection)
    }

    #[inline]
    fn front(&mut self) -> &mut dyn Any {
        &mut self.front
    }

    fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl<M> Drop for PrivateReader<M> {
    fn drop(&mut self) {
        self.queue.close();
    }
}
