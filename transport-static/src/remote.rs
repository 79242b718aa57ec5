//! The main loop's end of a way back.

use core::fmt;

use heapless::spsc::Producer;
use homing_core::{ConnectionId, SendError, SendErrorKind, Told};

use crate::command_queue::DuplexPipe;
use crate::shared::has_no_place;

/// The main loop's end of a duplex pipe's way back: sends commands of type `D` to the worker.
///
/// Nothing here waits, or masks interrupts. Commands arrive in order. When it is dropped, the worker
/// finds that the foreground is gone, after the commands that were sent.
///
/// The router knows nothing of it: [close](StaticRemote::close) it where you close the pipe.
pub struct StaticRemote<D: Send + 'static> {
    producer: Producer<'static, D>,
    pipe: &'static DuplexPipe,
    connection: ConnectionId,
    accepted: u32,
}

impl<D: Send> StaticRemote<D> {
    pub(crate) const fn new(
        producer: Producer<'static, D>,
        pipe: &'static DuplexPipe,
        connection: ConnectionId,
    ) -> Self {
        Self { producer, pipe, connection, accepted: 0 }
    }

    /// The pipe that this belongs to.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// Sends a command.
    ///
    /// # Errors
    ///
    /// The command comes back: [`SendErrorKind::Full`] when the queue has no room,
    /// [`SendErrorKind::Closed`] after a [`close`](StaticRemote::close), and
    /// [`SendErrorKind::Disconnected`] when the worker has dropped its receiver.
    pub fn send(&mut self, command: D) -> Result<(), SendError<D>> {
        if self.pipe.told.get().is_closed() {
            return Err(SendError::new(command, SendErrorKind::Closed));
        }
        if self.pipe.has_left() {
            return Err(SendError::new(command, SendErrorKind::Disconnected));
        }
        if has_no_place(self.producer.capacity()) {
            return Err(SendError::new(command, SendErrorKind::Full));
        }
        if let Err(command) = self.producer.enqueue(command) {
            return Err(SendError::new(command, SendErrorKind::Full));
        }
        self.accepted = self.accepted.wrapping_add(1);
        // Push first, ring second.
        self.pipe.ring();
        Ok(())
    }

    /// Tells the worker that the pipe's work is not wanted any more: both of its ends see it by a
    /// look, and tasks that wait are woken. The pipe stays open, so that the worker can report.
    /// Commands can still be sent.
    pub fn cancel(&mut self) {
        self.tell(Told::CANCELLED);
    }

    /// Tells the worker that the foreground is about to stop, which cancels the pipe as well.
    pub fn announce_stop(&mut self) {
        self.tell(Told::STOPPING);
    }

    /// Tells the worker that the pipe was closed: its sends come back as
    /// [`SendErrorKind::Closed`], and commands that it has not taken are dropped.
    pub fn close(&mut self) {
        self.tell(Told::CLOSED);
    }

    /// How many commands the worker has not taken. When the pipe has ended, or was closed, so many
    /// were lost.
    pub fn untaken(&self) -> u32 {
        self.accepted.wrapping_sub(self.pipe.taken())
    }

    fn tell(&mut self, told: Told) {
        // Calls do not overlap: there is one remote, and it is borrowed mutably.
        self.pipe.told.add(told);
        self.pipe.ring();
    }
}

impl<D: Send> Drop for StaticRemote<D> {
    fn drop(&mut self) {
        self.pipe.disconnect();
    }
}

impl<D: Send> fmt::Debug for StaticRemote<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticRemote")
            .field("connection", &self.connection)
            .field("untaken", &self.untaken())
            .finish_non_exhaustive()
    }
}
