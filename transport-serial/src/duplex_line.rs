//! The worker's end of a serial line that has a way back.

use core::ops::Deref;

use embedded_io::Write;
use homing_core::{ConnectionId, MessageType, Receiver, Sender};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::commands::{SerialCommands, SerialReceiver};
use crate::inbox::Entry;
use crate::inboxes::Inboxes;
use crate::line::{Line, PortError};
use crate::outlet::SerialOutlet;
use crate::port::Port;
use crate::receive_buffer::ReceiveBuffer;

/// A [`Line`] with a way back: what makes the ends of its duplex pipes, and of others.
///
/// `N` is the most bytes of one frame to the foreground, `RING` the size of the
/// [`ReceiveBuffer`]. There may be `PIPES` duplex pipes, each with an inbox of `BYTES` bytes for
/// commands that have come and were not taken. The foreground sends no more than what has room, so
/// that nothing is lost but what the line loses.
///
/// ```
/// use homing_transport_serial::{DuplexLine, Port, ReceiveBuffer, Received};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// enum Order { Rate { hertz: u16 } }
///
/// #[derive(Serialize)]
/// struct Reading { celsius: i16 }
///
/// /// The UART's interrupt handler calls `RECEIVED.receive(…)`.
/// static RECEIVED: ReceiveBuffer<256> = ReceiveBuffer::new();
///
/// # fn run(uart: impl embedded_io::Write, times_started: u32) -> Option<()> {
/// // Frames of 128 bytes, a ring of 256, one duplex pipe, 64 bytes of commands.
/// let line: DuplexLine<_, 128, 256, 1, 64> = DuplexLine::with_way_back(uart, times_started, &RECEIVED);
/// let (mut orders, mut readings) = line.duplex::<Order, Reading>(Port(0)).ok()?;
/// readings.start().ok()?;
/// # let mut rate = 1;
/// loop {
///     // Commands, and where some are missing.
///     while let Ok(received) = orders.try_recv() {
///         if let Received::Message(Order::Rate { hertz }) = received {
///             rate = hertz;
///         }
///     }
///     if orders.is_cancelled() || orders.is_closed() {
///         break;
///     }
///     readings.send(Reading { celsius: 21 }).ok()?;
///     // And wait for a time that the rate says.
/// #   break;
/// }
/// # let _ = rate;
/// # Some(())
/// # }
/// # run(embedded_io_adapters::std::FromStd::new(std::io::sink()), 1);
/// ```
pub type DuplexLine<
    W,
    const N: usize = 256,
    const RING: usize = 256,
    const PIPES: usize = 1,
    const BYTES: usize = 128,
> = Line<W, N, Inboxes<RING, PIPES, BYTES>>;

/// The ends of a duplex pipe on a line of type `L`.
pub type DuplexEnds<D, U, L> = (SerialReceiver<D, L>, Sender<U, SerialOutlet<L>>);

impl<W, const N: usize, const RING: usize, const PIPES: usize, const BYTES: usize>
    Line<W, N, Inboxes<RING, PIPES, BYTES>>
{
    /// Takes a writer over, and what the other direction is received by. One line at a time uses a
    /// receive buffer. `run` is as for [`Line::new`].
    pub const fn with_way_back(
        writer: W,
        run: u32,
        received: &'static ReceiveBuffer<RING>,
    ) -> Self {
        Self::assemble(writer, run, Inboxes::new(received))
    }

    /// Takes what the receiver of a pipe is told next.
    pub(crate) fn take(&self, inbox: usize, buffer: &mut [u8; BYTES]) -> Option<Entry> {
        self.with(|inboxes| inboxes.take(inbox, buffer)).flatten()
    }
}

impl<W, const N: usize, const RING: usize, const PIPES: usize, const BYTES: usize>
    Line<W, N, Inboxes<RING, PIPES, BYTES>>
where
    W: Write,
{
    /// Makes the ends of a duplex pipe: what receives commands of type `D`, and the sender of
    /// messages of type `U`, which is still to be started.
    ///
    /// # Errors
    ///
    /// As [`sender`](Line::sender), and when all inboxes of the line belong to other pipes.
    pub fn duplex<D: DeserializeOwned, U: Serialize>(
        &self,
        port: Port,
    ) -> Result<DuplexEnds<D, U, &Self>, PortError> {
        Self::duplex_of(self, port)
    }

    /// As [`duplex`](Line::duplex), for ends that own their part of the line: an `Rc` of it, or an
    /// `Arc`.
    ///
    /// # Errors
    ///
    /// As [`duplex`](Line::duplex).
    pub fn duplex_of<D: DeserializeOwned, U: Serialize, L: Deref<Target = Self> + Clone>(
        line: L,
        port: Port,
    ) -> Result<DuplexEnds<D, U, L>, PortError> {
        Self::make_pipe(line, port, MessageType::UNCHECKED)
    }

    /// As [`duplex`](Line::duplex). When the sender is started it says of which type its messages are,
    /// as that of [`checked_sender`](Line::checked_sender).
    ///
    /// # Errors
    ///
    /// As [`duplex`](Line::duplex).
    #[cfg(feature = "schema")]
    pub fn checked_duplex<D: DeserializeOwned, U: Serialize + homing_core::Schema>(
        &self,
        port: Port,
    ) -> Result<DuplexEnds<D, U, &Self>, PortError> {
        Self::make_pipe(self, port, MessageType::of::<U>())
    }

    fn make_pipe<D: DeserializeOwned, U: Serialize, L: Deref<Target = Self> + Clone>(
        line: L,
        port: Port,
        message_type: MessageType<'static>,
    ) -> Result<DuplexEnds<D, U, L>, PortError> {
        let inbox = Self::take_port(&line, port, |inboxes| inboxes.add(port.0))?;
        let connection = ConnectionId::from_parts(port.0, 0);
        let receiver = Receiver::new(connection, SerialCommands::new(line.clone(), inbox));
        let outlet = SerialOutlet::new(line, port, message_type, Some(inbox));
        Ok((receiver, Sender::new(connection, outlet)))
    }
}
