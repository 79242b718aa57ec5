//! The chip's end of a serial line.

use core::cell::RefCell;
use core::fmt;

use embedded_io::Write;
use homing_core::{ConnectionId, Leaving, Reason};
use postcard::ser_flavors::crc::CrcModifier;
use postcard::ser_flavors::{Cobs, Size, Slice};
use serde::Serialize;

use crate::outlet::SerialOutlet;
use crate::wire::{
    CHECKSUM, CHECKSUM_LEN, DELIMITER, Head, Kind, MAX_HEAD, Port, VERSION, stuffing,
};

/// The sender of a pipe of a serial line.
pub type Sender<'a, M, W, const N: usize> = homing_core::Sender<M, SerialOutlet<'a, W, N>>;

/// The chip's end of a serial line: a writer of bytes, which the pipes of the line share, and a
/// buffer of `N` bytes in which each frame is encoded.
///
/// A frame is a message with up to 23 bytes around it, and one more for each 254. It is
/// written with the writer's `write_all`, which waits as long as the writer does; nothing is
/// flushed.
///
/// A line belongs to one task. What interrupt handlers have to say goes to that task first, over
/// a link of its own, and is sent on from there.
pub struct Line<W, const N: usize = 256> {
    end: RefCell<End<W, N>>,
    run: u16,
}

struct End<W, const N: usize> {
    writer: W,
    buffer: [u8; N],
}

impl<W: Write, const N: usize> Line<W, N> {
    /// The most bytes of a message, which fit whatever they are.
    pub const MAX_MESSAGE: usize = {
        let around = MAX_HEAD + CHECKSUM_LEN + 1;
        assert!(N > around + stuffing(N), "the buffer of a line has no room for a message");
        N - around - stuffing(N)
    };

    /// Takes the writer of a serial line.
    pub const fn new(writer: W) -> Self {
        Self { end: RefCell::new(End { writer, buffer: [0; N] }), run: 0 }
    }

    /// Says which run of the firmware this is: a number that grows with each start, and wraps
    /// around to 1. A counter in memory that a reset leaves alone will do.
    ///
    /// Without it, or with 0, the host takes a frame that does not follow the last one for the
    /// sign of a new run. With it, frames that come late or twice are told from such.
    #[must_use]
    pub const fn run(mut self, run: u16) -> Self {
        self.run = run;
        self
    }

    /// Makes the sender of a pipe. Each port is to have one sender.
    pub fn sender<M: Serialize>(&self, port: Port) -> Sender<'_, M, W, N> {
        let connection = ConnectionId::from_parts(port.0, 0);
        homing_core::Sender::new(connection, SerialOutlet::new(self, port))
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.end.into_inner().writer
    }

    pub(crate) fn start(&self, port: Port) -> Result<(), Reason> {
        self.write(Kind::Start, port, 0, &())
    }

    pub(crate) fn message<M: Serialize>(
        &self,
        port: Port,
        sequence: u32,
        message: &M,
    ) -> Result<(), Reason> {
        self.write(Kind::Message, port, sequence, message)
    }

    pub(crate) fn stop(&self, port: Port, sequence: u32, leaving: Leaving) -> Result<(), Reason> {
        self.write(Kind::Stop(leaving), port, sequence, &())
    }

    fn write<B: Serialize>(
        &self,
        kind: Kind,
        port: Port,
        sequence: u32,
        body: &B,
    ) -> Result<(), Reason> {
        let head = Head { version: VERSION, kind, port, run: self.run, sequence };
        // Taken only by a message that sends another while it is encoded.
        let Ok(mut end) = self.end.try_borrow_mut() else { return Err(Reason::Full) };
        let End { writer, buffer } = &mut *end;
        let frame = encode(&head, body, buffer, Self::MAX_MESSAGE)?;
        // A delimiter before it as well: what a frame that was cut off has left on the line is
        // no part of this one.
        writer.write_all(&[DELIMITER]).map_err(|_| Reason::Disconnected)?;
        writer.write_all(frame).map_err(|_| Reason::Disconnected)
    }
}

/// Encodes a frame, with the delimiter that ends it.
fn encode<'a, B: Serialize>(
    head: &Head,
    body: &B,
    buffer: &'a mut [u8],
    max: usize,
) -> Result<&'a [u8], Reason> {
    let len =
        postcard::serialize_with_flavor(body, Size::default()).map_err(|_| Reason::Unencodable)?;
    if len > max {
        return Err(Reason::TooLarge { len, max });
    }
    // It fits, unless it is longer the second time.
    Cobs::try_new(Slice::new(buffer))
        .and_then(|stuffed| {
            let flavor = CrcModifier::new(stuffed, CHECKSUM.digest());
            postcard::serialize_with_flavor(&(head, body), flavor)
        })
        .map(|frame| &*frame)
        .map_err(|_| Reason::Unencodable)
}

impl<W, const N: usize> fmt::Debug for Line<W, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("run", &self.run).field("buffer", &N).finish_non_exhaustive()
    }
}
