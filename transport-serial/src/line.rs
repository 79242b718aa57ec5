//! The worker's end of a serial line.

use core::fmt;
use core::ops::Deref;

use embedded_io::{Error as _, ErrorKind, Write};
use homing_core::{ConnectionId, MessageType, SendErrorKind, Sender, Told};
use serde::Serialize;

use crate::frame::{self, Header, RESYNC, max_message};
use crate::inboxes::{OneWay, WayBack, sealed::Owed};
use crate::lock::Lock;
use crate::outlet::SerialOutlet;
use crate::port::Port;

/// How many ports a line has.
pub const PORTS: u32 = 256;

/// The worker's end of a serial line: what makes the senders of its pipes.
///
/// `W` is what the chip writes to: a UART, a USB endpoint, a radio that pretends to be one of
/// these. `N` is the most bytes of one frame, which `send` encodes on its stack;
/// [`MAX_MESSAGE`](Line::MAX_MESSAGE) says how long a message may be then.
///
/// Without the standard library (without the feature `std`), all senders of a line belong to
/// one context: the main loop, or one task. An interrupt handler hands its messages to that
/// one. With it, they may be on several threads.
///
/// `B` is what the line has for its way back: nothing, unless it is a
/// [`DuplexLine`](crate::DuplexLine).
pub struct Line<W, const N: usize = 256, B = OneWay> {
    state: Lock<State<W, B>>,
    run: u32,
}

struct State<W, B> {
    writer: W,
    /// A frame may have been written in part.
    needs_resync: bool,
    /// The ports that have, or had, a sender: one bit each.
    taken: [u32; PORTS as usize / 32],
    way_back: B,
}

impl<W, const N: usize> Line<W, N> {
    /// Takes a writer over.
    ///
    /// `run` is a number that tells this run of the firmware from those before it: by it the
    /// foreground learns that the chip was reset, and takes no frame of an earlier run for one
    /// of this, whatever the line did to either. It SHALL differ from those of the four runs
    /// before. Any of these will do:
    ///
    /// * a random number, where the chip has a source of them;
    /// * a count in memory that a reset leaves alone, one higher each time (the section
    ///   `.uninit` of `cortex-m-rt`, or a backup register). What is there after power has
    ///   been off is as good as random;
    /// * the time, where there is a clock that goes on.
    ///
    /// With the same number again, what the chip sends is taken for late copies of what it
    /// sent before, and is dropped, until it has sent more than before; the foreground's
    /// program logs a warning then.
    pub const fn new(writer: W, run: u32) -> Self {
        Self::assemble(writer, run, OneWay)
    }
}

impl<W, const N: usize, B> Line<W, N, B> {
    /// The most bytes that a message may have when it is encoded.
    pub const MAX_MESSAGE: usize = {
        assert!(N >= 64, "a frame has at least 64 bytes");
        max_message(N)
    };

    pub(crate) const fn assemble(writer: W, run: u32, way_back: B) -> Self {
        // Looked at here, so that it is checked.
        let _ = Self::MAX_MESSAGE;
        Self {
            state: Lock::new(State {
                writer,
                needs_resync: false,
                taken: [0; PORTS as usize / 32],
                way_back,
            }),
            run,
        }
    }

    /// Uses the way back. `None` when a caller of this one uses the line.
    pub(crate) fn with<R>(&self, use_it: impl FnOnce(&mut B) -> R) -> Option<R> {
        self.state.with(|state| use_it(&mut state.way_back))
    }

    /// Gives the writer back.
    pub fn into_writer(self) -> W {
        self.state.into_inner().writer
    }

    pub(crate) fn run(&self) -> u32 {
        self.run
    }
}

impl<W: Write, const N: usize, B: WayBack> Line<W, N, B> {
    /// Makes the sender of a port. It is still to be started.
    ///
    /// # Errors
    ///
    /// When the port had a sender before, also one that is gone: a pipe has one sender in a
    /// run. And when there is no such port.
    pub fn sender<M: Serialize>(
        &self,
        port: Port,
    ) -> Result<Sender<M, SerialOutlet<&Self>>, PortError> {
        Self::sender_of(self, port)
    }

    /// As [`sender`](Line::sender), for a sender that owns its part of the line: an `Rc` of
    /// it, or an `Arc`.
    ///
    /// # Errors
    ///
    /// As [`sender`](Line::sender).
    pub fn sender_of<M: Serialize, L: Deref<Target = Self>>(
        line: L,
        port: Port,
    ) -> Result<Sender<M, SerialOutlet<L>>, PortError> {
        Self::make_sender(line, port, MessageType::UNCHECKED)
    }

    /// As [`sender`](Line::sender). When the sender is started it says of which type its messages
    /// are. A foreground that expects another type ends the pipe then, and drops what comes.
    ///
    /// # Errors
    ///
    /// As [`sender`](Line::sender).
    #[cfg(feature = "schema")]
    pub fn checked_sender<M: Serialize + homing_core::Schema>(
        &self,
        port: Port,
    ) -> Result<Sender<M, SerialOutlet<&Self>>, PortError> {
        Self::make_sender(self, port, MessageType::of::<M>())
    }

    /// As [`checked_sender`](Line::checked_sender), for a sender that owns its part of the line.
    ///
    /// # Errors
    ///
    /// As [`sender`](Line::sender).
    #[cfg(feature = "schema")]
    pub fn checked_sender_of<M: Serialize + homing_core::Schema, L: Deref<Target = Self>>(
        line: L,
        port: Port,
    ) -> Result<Sender<M, SerialOutlet<L>>, PortError> {
        Self::make_sender(line, port, MessageType::of::<M>())
    }

    fn make_sender<M: Serialize, L: Deref<Target = Self>>(
        line: L,
        port: Port,
        message_type: MessageType<'static>,
    ) -> Result<Sender<M, SerialOutlet<L>>, PortError> {
        Self::take_port(&line, port, |_| Some(()))?;
        let connection = ConnectionId::from_parts(port.0, 0);
        Ok(Sender::new(connection, SerialOutlet::new(line, port, message_type, None)))
    }

    /// Gives a port away, with what `add` makes of the way back.
    pub(crate) fn take_port<T>(
        line: &Self,
        port: Port,
        add: impl FnOnce(&mut B) -> Option<T>,
    ) -> Result<T, PortError> {
        let (word, bit) = (port.0 as usize / 32, 1 << (port.0 % 32));
        let taken = line.state.with(|state| {
            let word = state.taken.get_mut(word).ok_or(PortError::NoSuchPort)?;
            if *word & bit != 0 {
                return Err(PortError::Taken);
            }
            let added = add(&mut state.way_back).ok_or(PortError::NoInbox)?;
            *word |= bit;
            Ok(added)
        });
        taken.unwrap_or(Err(PortError::NoSuchPort))
    }

    /// What a pipe with an inbox was told, by a look at what has come.
    pub(crate) fn told(&self, inbox: usize) -> Told {
        let told = self.with(|way_back| {
            way_back.pump();
            way_back.told(inbox)
        });
        told.unwrap_or(Told::NOTHING)
    }

    /// Tells the foreground what was taken, if it is to know: at once, or only if that is much.
    pub(crate) fn settle(&self, inbox: usize, at_once: bool) {
        let owed = self.with(|way_back| way_back.owed(inbox, at_once)).flatten();
        let Some(Owed { port, of, number, told, window }) = owed else { return };
        let header = Header::Taken { port, run: self.run, of, number, told, window };
        let mut buffer = [0; 64];
        let written = frame::encode(&header, &(), &mut buffer).and_then(|frame| self.write(frame));
        self.flush();
        // Otherwise it is told the next time.
        if written.is_ok() {
            let _ = self.with(|way_back| way_back.settle(inbox));
        }
    }

    /// Writes a frame.
    ///
    /// # Errors
    ///
    /// [`SendErrorKind::Full`] when a caller of this one is writing, and [`SendErrorKind::Disconnected`] when
    /// the writer fails. Then the frame is none, however much of it was written.
    pub(crate) fn write(&self, frame: &[u8]) -> Result<(), SendErrorKind> {
        let written = self.state.with(|state| {
            if state.needs_resync {
                write_all(&mut state.writer, &RESYNC)?;
            }
            // Before the first byte, for a writer that panics.
            state.needs_resync = true;
            write_all(&mut state.writer, frame)?;
            state.needs_resync = false;
            Ok(())
        });
        written.unwrap_or(Err(SendErrorKind::Full))
    }

    /// Makes the writer send what it has kept back.
    pub(crate) fn flush(&self) {
        // What it cannot send is lost on the way, as anything on a line may be, and is found
        // to be missing.
        let _ = self.state.with(|state| state.writer.flush());
    }
}

/// Unlike `Write::write_all`, does not panic when a writer takes nothing.
fn write_all(writer: &mut impl Write, bytes: &[u8]) -> Result<(), SendErrorKind> {
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = match writer.write(rest) {
            Ok(0) => return Err(SendErrorKind::Disconnected),
            Ok(len) => rest.get(len..).unwrap_or(&[]),
            Err(error) if error.kind() == ErrorKind::Interrupted => rest,
            Err(_) => return Err(SendErrorKind::Disconnected),
        };
    }
    Ok(())
}

impl<W, const N: usize, B> fmt::Debug for Line<W, N, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("run", &self.run).finish_non_exhaustive()
    }
}

/// Why a line made no sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortError {
    /// The port has a sender, or had one in this run.
    Taken,
    /// A line has the ports 0 to 255.
    NoSuchPort,
    /// All inboxes of the line belong to other ports: its type says how many there are.
    NoInbox,
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PortError::Taken => "the port has, or had, a sender",
            PortError::NoSuchPort => "there is no such port",
            PortError::NoInbox => "the line has no inbox for another duplex pipe",
        })
    }
}

impl core::error::Error for PortError {}

#[cfg(test)]
mod tests;
