//! The worker's end of one pipe.

use core::fmt;
use core::ops::Deref;

use embedded_io::Write;
use homing_core::{
    Blocking, CloseReason, Disconnected, Outlet, SendError, SendErrorKind, SenderCounters,
};
use serde::Serialize;

use crate::frame::{Head, encode};
use crate::line::Line;
use crate::port::Port;

/// The worker's end of one pipe on a serial line.
///
/// `send` writes a frame and flushes, and waits as the line's writer does; so does `try_send`,
/// as such a writer does not say how much it would take. `send_all` flushes once.
///
/// When the writer fails, the message comes back as
/// [`Disconnected`](homing_core::SendErrorKind::Disconnected). It was not sent then, however much of
/// it was written, and the sender can be used on: the next frame spoils what was cut off.
///
/// `Ok` says that the writer has taken the message. A line can lose it still; then its
/// receiver is told of a gap.
pub struct SerialOutlet<L> {
    line: L,
    port: Port,
    /// The number of the next message.
    next: u64,
}

impl<L> SerialOutlet<L> {
    pub(crate) fn new(line: L, port: Port) -> Self {
        Self { line, port, next: 0 }
    }
}

impl<L, W: Write, const N: usize> SerialOutlet<L>
where
    L: Deref<Target = Line<W, N>>,
{
    fn write<M: Serialize>(&mut self, message: M) -> Result<(), SendError<M>> {
        let Port(port) = self.port;
        let head = Head::Message { port, run: self.line.run(), number: self.next };
        let mut buffer = [0; N];
        let written = encode(&head, &message, &mut buffer).and_then(|frame| self.line.write(frame));
        match written {
            Ok(()) => {
                self.next += 1;
                Ok(())
            }
            Err(kind) => Err(SendError::new(message, kind)),
        }
    }

    fn tell(&self, head: Head) -> Result<(), Disconnected> {
        let mut buffer = [0; N];
        let written = encode(&head, &(), &mut buffer).and_then(|frame| self.line.write(frame));
        self.line.flush();
        written.map_err(|_: SendErrorKind| Disconnected)
    }
}

impl<M, L, W, const N: usize> Outlet<M> for SerialOutlet<L>
where
    M: Serialize,
    L: Deref<Target = Line<W, N>>,
    W: Write,
{
    fn open(&mut self) -> Result<(), Disconnected> {
        let Port(port) = self.port;
        self.tell(Head::Start { port, run: self.line.run() })
    }

    fn put(&mut self, message: M, _: Blocking) -> Result<u64, SendError<M>> {
        self.write(message)?;
        self.line.flush();
        Ok(0)
    }

    fn put_all(
        &mut self,
        messages: &mut dyn Iterator<Item = M>,
        counters: &mut SenderCounters,
    ) -> Result<(), SendError<M>> {
        let mut written = Ok(());
        for message in messages {
            written = self.write(message);
            if written.is_err() {
                break;
            }
            counters.sent += 1;
        }
        self.line.flush();
        written
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        let Port(port) = self.port;
        self.tell(Head::Stop { port, run: self.line.run(), number: self.next, reason })
    }

    fn is_panicking(&self) -> bool {
        #[cfg(feature = "std")]
        let panicking = std::thread::panicking();
        // There is no unwinding, so no drop comes from a panic.
        #[cfg(not(feature = "std"))]
        let panicking = false;
        panicking
    }
}

impl<L> fmt::Debug for SerialOutlet<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialOutlet")
            .field("port", &self.port)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
