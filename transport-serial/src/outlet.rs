//! The chip's end of one pipe.

use core::fmt;

use embedded_io::Write;
use homing_core::{Disconnected, Leaving, Outlet, Patience, SendError};
use serde::Serialize;

use crate::line::Line;
use crate::wire::Port;

/// The chip's end of one pipe of a serial line.
///
/// Everything waits as long as the line's writer does, `try_send` too: a writer that never
/// waits makes senders that never do. When the writer fails, a message comes back as
/// [`Reason::Disconnected`](homing_core::Reason::Disconnected), and may be sent again.
pub struct SerialOutlet<'a, W, const N: usize> {
    line: &'a Line<W, N>,
    port: Port,
    /// The sequence number of the next frame.
    next: u32,
}

impl<'a, W: Write, const N: usize> SerialOutlet<'a, W, N> {
    pub(crate) fn new(line: &'a Line<W, N>, port: Port) -> Self {
        // 0 is that of the start.
        Self { line, port, next: 1 }
    }
}

impl<M: Serialize, W: Write, const N: usize> Outlet<M> for SerialOutlet<'_, W, N> {
    fn open(&mut self) -> Result<(), Disconnected> {
        self.line.start(self.port).map_err(|_| Disconnected)
    }

    fn put(&mut self, message: M, _: Patience) -> Result<u64, SendError<M>> {
        match self.line.message(self.port, self.next, &message) {
            Ok(()) => {
                self.next = self.next.wrapping_add(1);
                Ok(0)
            }
            Err(reason) => Err(SendError::new(message, reason)),
        }
    }

    fn close(&mut self, leaving: Leaving) -> Result<(), Disconnected> {
        self.line.stop(self.port, self.next, leaving).map_err(|_| Disconnected)
    }

    fn is_panicking(&self) -> bool {
        #[cfg(feature = "std")]
        return std::thread::panicking();
        #[cfg(not(feature = "std"))]
        false
    }
}

impl<W, const N: usize> fmt::Debug for SerialOutlet<'_, W, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialOutlet")
            .field("port", &self.port)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
