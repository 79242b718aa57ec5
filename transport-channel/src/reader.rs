//! Where the inlet takes a queue's messages from.

use std::any::Any;
use std::sync::Arc;

use homing_core::ConnectionId;

use crate::bounded::{Bounded, Item};
use crate::lossy::Lossy;
use crate::up::{Answer, LossyUp, Up};

/// The foreground's end of a queue, without the type of its messages. When it is dropped, the
/// queue is closed.
pub(crate) trait QueueReader: Send {
    /// Pulls the next message to the front, and returns its pipe. `None` when there is no
    /// message now.
    fn pull(&mut self) -> Option<ConnectionId>;

    /// The message that was pulled last: an `Option<M>`, from which it may be taken.
    fn front(&mut self) -> &mut dyn Any;

    /// Takes the answer that [`pull`](QueueReader::pull) has found instead of a message, and its
    /// pipe.
    fn take_answer(&mut self) -> Option<(ConnectionId, Answer)> {
        None
    }

    /// How many messages and answers wait behind the front. Only this reader takes any; more may
    /// be added.
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

/// Reads a queue of duplex pipes, on which answers are among the messages.
pub(crate) struct DuplexReader<M> {
    queue: DuplexQueue<M>,
    front: Option<M>,
    answer: Option<(ConnectionId, Answer)>,
}

/// What a [`DuplexReader`] reads.
pub(crate) enum DuplexQueue<M> {
    /// Many pipes share it.
    Shared(Arc<Bounded<Up<M>>>),
    /// The queue of one pipe.
    Lossy(ConnectionId, Arc<LossyUp<M>>),
}

impl<M> DuplexReader<M> {
    pub(crate) fn new(queue: DuplexQueue<M>) -> Self {
        Self { queue, front: None, answer: None }
    }
}

impl<M: Send + 'static> QueueReader for DuplexReader<M> {
    fn pull(&mut self) -> Option<ConnectionId> {
        if self.answer.is_some() {
            return None;
        }
        let (up, connection) = match &self.queue {
            DuplexQueue::Shared(queue) => {
                let Item { message, connection } = queue.pop()?;
                (message, connection)
            }
            DuplexQueue::Lossy(connection, queue) => (queue.pop()?, *connection),
        };
        match up {
            Up::Message(message) => {
                self.front = Some(message);
                Some(connection)
            }
            Up::Answer(answer) => {
                self.answer = Some((connection, answer));
                None
            }
        }
    }

    fn front(&mut self) -> &mut dyn Any {
        &mut self.front
    }

    fn take_answer(&mut self) -> Option<(ConnectionId, Answer)> {
        self.answer.take()
    }

    fn waiting(&self) -> usize {
        let waiting = match &self.queue {
            DuplexQueue::Shared(queue) => queue.len(),
            DuplexQueue::Lossy(_, queue) => queue.len(),
        };
        waiting + usize::from(self.answer.is_some())
    }
}

impl<M> Drop for DuplexReader<M> {
    fn drop(&mut self) {
        match &self.queue {
            DuplexQueue::Shared(queue) => queue.close(),
            DuplexQueue::Lossy(_, queue) => queue.close(),
        }
    }
}
