//! The receiving end of one pipe's way back on a line.

use core::fmt;
use core::ops::Deref;

use embedded_io::Write;
use homing_core::{Commands, DecodeLimits, Payload, Receiver, RecvError, Told, Wait};
use serde::de::DeserializeOwned;

use crate::inbox::Entry;
use crate::inboxes::Inboxes;
use crate::line::Line;
use crate::received::Received;

/// The receiver of a duplex pipe, whose line is an `L`: a reference to a
/// [`DuplexLine`](crate::DuplexLine), or an `Rc` or an `Arc` of one.
pub type SerialReceiver<D, L> = Receiver<Received<D>, SerialCommands<L>>;

/// The receiving end of one pipe's way back on a serial line.
///
/// A chip does not wait: [`recv`](Receiver::recv) returns [`RecvError::Empty`] at once, as
/// [`try_recv`](Receiver::try_recv) does. Both take what the receive buffer holds, and tell the
/// foreground what was taken. A task waits with `recv_async` (feature `task`).
///
/// A receiver that is dropped takes nothing any more: the foreground's commands come back as
/// [`Full`](homing_core::SendErrorKind::Full) once its capacity is used up.
pub struct SerialCommands<L> {
    line: L,
    inbox: usize,
}

impl<L> SerialCommands<L> {
    pub(crate) fn new(line: L, inbox: usize) -> Self {
        Self { line, inbox }
    }
}

impl<D, L, W, const N: usize, const RING: usize, const PIPES: usize, const BYTES: usize>
    Commands<Received<D>> for SerialCommands<L>
where
    D: DeserializeOwned,
    L: Deref<Target = Line<W, N, Inboxes<RING, PIPES, BYTES>>>,
    W: Write,
{
    fn recv(&mut self, _: Wait) -> Result<Received<D>, RecvError> {
        let told = self.line.told(self.inbox);
        if told.is_closed() {
            self.line.settle(self.inbox, true);
            return Err(RecvError::Closed);
        }
        // Copied, so that the line is not in use while code of the application's decodes.
        let mut buffer = [0; BYTES];
        let entry = self.line.take(self.inbox, &mut buffer);
        self.line.settle(self.inbox, entry.is_none());
        match entry {
            None if told.is_cancelled() => Err(RecvError::Cancelled),
            None => Err(RecvError::Empty),
            Some(Entry::Gap(count)) => Ok(Received::Gap(count)),
            Some(Entry::Reset) => Ok(Received::Reset),
            Some(Entry::Command(len)) => {
                let limits = &const { DecodeLimits::new().for_link(BYTES) };
                let bytes = buffer.get(..len).unwrap_or(&[]);
                let command = Payload::Bytes { bytes, limits }.decode();
                command.map(Received::Message).map_err(RecvError::Undecodable)
            }
        }
    }

    fn told(&self) -> Told {
        self.line.told(self.inbox)
    }
}

#[cfg(feature = "task")]
impl<L, W, const N: usize, const RING: usize, const PIPES: usize, const BYTES: usize>
    SerialCommands<L>
where
    L: Deref<Target = Line<W, N, Inboxes<RING, PIPES, BYTES>>>,
{
    /// Has a task woken when something comes. It looks afterwards.
    pub(crate) fn wake_on_frame(&self, waker: &core::task::Waker) {
        let _ = self.line.with(|inboxes| inboxes.wake_on_frame(self.inbox, waker));
    }
}

impl<L> fmt::Debug for SerialCommands<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialCommands").finish_non_exhaustive()
    }
}
