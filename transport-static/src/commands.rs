//! The worker's end of a way back.

use core::fmt;

use heapless::spsc::Consumer;
use homing_core::{Commands, Receiver, RecvError, Told, Wait};

use crate::command_queue::DuplexPipe;
use crate::shared::has_no_place;

/// The receiver of a duplex pipe: for commands of type `D`.
pub type StaticReceiver<D> = Receiver<D, StaticCommands<D>>;

/// The worker's end of a duplex pipe's way back.
///
/// A chip does not wait: [`recv`](Receiver::recv) returns [`RecvError::Empty`] at once, as
/// [`try_recv`](Receiver::try_recv) does. A task waits with `recv_async`.
pub struct StaticCommands<D: Send + 'static> {
    consumer: Consumer<'static, D>,
    pub(crate) pipe: &'static DuplexPipe,
}

impl<D: Send> StaticCommands<D> {
    pub(crate) const fn new(consumer: Consumer<'static, D>, pipe: &'static DuplexPipe) -> Self {
        Self { consumer, pipe }
    }

    fn dequeue(&mut self) -> Option<D> {
        if has_no_place(self.consumer.capacity()) {
            return None;
        }
        self.consumer.dequeue()
    }

    pub(crate) fn take(&mut self) -> Result<D, RecvError> {
        // Before the queue: what was sent before the remote went is in it then.
        let is_disconnected = self.pipe.is_disconnected();
        let told = self.pipe.told.get();
        if told.is_closed() {
            while self.dequeue().is_some() {}
            return Err(RecvError::Closed);
        }
        match self.dequeue() {
            Some(command) => {
                self.pipe.note_taken();
                Ok(command)
            }
            None if is_disconnected => Err(RecvError::Disconnected),
            None if told.is_cancelled() => Err(RecvError::Cancelled),
            None => Err(RecvError::Empty),
        }
    }
}

impl<D: Send> Commands<D> for StaticCommands<D> {
    fn recv(&mut self, _: Wait) -> Result<D, RecvError> {
        self.take()
    }

    fn told(&self) -> Told {
        self.pipe.told.get()
    }
}

impl<D: Send> Drop for StaticCommands<D> {
    fn drop(&mut self) {
        self.pipe.leave();
        // A static is never dropped: what lies in its queue is, here.
        while self.dequeue().is_some() {}
    }
}

impl<D: Send> fmt::Debug for StaticCommands<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticCommands").field("told", &self.told()).finish_non_exhaustive()
    }
}
