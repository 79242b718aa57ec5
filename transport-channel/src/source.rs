//! Where the inlet takes a lane's messages from.

use std::any::Any;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use crossbeam_queue::ArrayQueue;
use homing_core::ConnectionId;

/// The foreground's end of a lane's queue, without the type of its messages.
pub(crate) trait Source: Send {
    /// Pulls the next message to the front, and says whose it is. `None` when there is
    /// none now.
    fn pull(&mut self) -> Option<ConnectionId>;

    /// The message that was pulled last: an `Option<M>`, from which it may be taken.
    fn front(&mut self) -> &mut dyn Any;

    /// How many messages wait behind the front. Nobody else takes any while the caller
    /// relies on this; more may be added.
    fn waiting(&self) -> usize;
}

/// Of a lane that many pipes share.
pub(crate) struct Shared<M> {
    queue: Receiver<(ConnectionId, M)>,
    front: Option<M>,
}

impl<M> Shared<M> {
    pub(crate) fn new(queue: Receiver<(ConnectionId, M)>) -> Self {
        Self { queue, front: None }
    }
}

impl<M: Send + 'static> Source for Shared<M> {
    #[inline]
    fn pull(&mut self) -> Option<ConnectionId> {
        // That the senders are gone is told by the link's events.
        let (connection, message) = self.queue.try_recv().ok()?;
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

/// Of a lane that one pipe has for itself, whose sender drops what is oldest there.
pub(crate) struct Own<M> {
    connection: ConnectionId,
    queue: Arc<ArrayQueue<M>>,
    front: Option<M>,
}

impl<M> Own<M> {
    pub(crate) fn new(connection: ConnectionId, queue: Arc<ArrayQueue<M>>) -> Self {
        Self { connection, queue, front: None }
    }
}

impl<M: Send + 'static> Source for Own<M> {
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

impl<M> Drop for Own<M> {
    fn drop(&mut self) {
        // The sender keeps the queue alive, and what waits in it: a message might even hold
        // that sender. The bound is for one that has not noticed yet.
        for _ in 0..self.queue.capacity() {
            if self.queue.pop().is_none() {
                break;
            }
        }
    }
}
