//! The host's end of a serial line.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

use homing_core::{
    Carries, Claim, ConnectionId, NewLink, Parcel, Pinger, Ticket, Transport, Undecodable,
};
use homing_process::Doorbell;
use serde::de::DeserializeOwned;

use crate::heard::{Gap, Heard};
use crate::wire::Port;

mod decoder;
mod inlet;
pub(crate) mod pieces;
mod reader;
mod sequence;

pub use inlet::SerialInlet;
use pieces::Pieces;

/// How many bytes a message has at most, unless [`Serial::limit`] says otherwise.
const LIMIT: usize = 4096;

/// What makes a reader's bytes come: a descriptor to watch, or a thread that reads.
type Connect = Box<dyn FnOnce(Box<dyn Pinger + Send>) -> io::Result<(Doorbell, Pieces)>>;

/// The transport of one serial line: its one link, to one chip.
///
/// The pipes of the link are numbered as they are made: the first is the chip's `Port(0)`.
/// Their message type is [`Heard<M>`](Heard), and `M` whatever the chip sends on that port. A
/// message that its checksum says is right but that is no `M` has the link cut off, as on
/// every link of bytes: the firmware is not the one that was expected.
pub struct Serial {
    connect: Option<Connect>,
    limit: usize,
    health: Health,
}

impl Serial {
    /// Reads what `reader` yields: a serial port, a socket, the output of a process. Its
    /// descriptor is made not to block, and is watched like every other doorbell.
    ///
    /// Speed and mode of a port are to be set before.
    #[cfg(unix)]
    pub fn new(reader: impl Read + std::os::fd::AsFd + Send + 'static) -> Self {
        Self::with(Box::new(|_| {
            let (pump, pieces) = reader::watched(reader)?;
            Ok((Doorbell::new(pump), pieces))
        }))
    }

    /// As `Serial::new`, for any reader and on any system: a thread reads, waiting as the reader
    /// does. The thread ends with the reader, or with the first bytes that come after the link
    /// has ended.
    pub fn threaded(reader: impl Read + Send + 'static) -> Self {
        Self::with(Box::new(|bell| Ok((Doorbell::default(), reader::threaded(reader, bell)?))))
    }

    fn with(connect: Connect) -> Self {
        Self { connect: Some(connect), limit: LIMIT, health: Health::default() }
    }

    /// The most bytes of a message; 4096 unless it is said. What is longer is taken for noise.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// What is counted of the line, to be looked at while it is in use.
    pub fn health(&self) -> Health {
        self.health.clone()
    }
}

impl<P: Pinger + Send + 'static> Transport<P> for Serial {
    type Road = SerialRoad;
    type Inlet = SerialInlet;
    type Doorbell = Doorbell;
    type Error = SerialError;

    fn link(&mut self, bell: P) -> Result<NewLink<SerialRoad, SerialInlet, Doorbell>, SerialError> {
        let connect = self.connect.take().ok_or(SerialError::InUse)?;
        let (doorbell, pieces) = connect(Box::new(bell)).map_err(SerialError::Reader)?;
        let road = SerialRoad::default();
        let inlet = SerialInlet::new(pieces, self.limit, road.clone(), self.health.clone());
        Ok(NewLink { road, inlet, doorbell })
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serial")
            .field("limit", &self.limit)
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

/// Why a serial line could not be made a link.
#[derive(Debug)]
pub enum SerialError {
    /// It is one already: a serial line is one link.
    InUse,
    /// The reader could not be watched, or there can be no thread to read.
    Reader(io::Error),
}

impl fmt::Display for SerialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SerialError::InUse => f.write_str("the serial line is in use already"),
            SerialError::Reader(error) => write!(f, "the serial line cannot be read: {error}"),
        }
    }
}

impl std::error::Error for SerialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SerialError::InUse => None,
            SerialError::Reader(error) => Some(error),
        }
    }
}

/// Makes the pipes of a serial line, and knows which port is which.
#[derive(Clone, Debug, Default)]
pub struct SerialRoad(Rc<RefCell<Vec<ConnectionId>>>);

impl SerialRoad {
    /// The pipe of a port, if it was made.
    fn connection(&self, port: Port) -> Option<ConnectionId> {
        self.0.borrow().get(usize::try_from(port.0).ok()?).copied()
    }
}

impl<M: DeserializeOwned> Carries<Heard<M>> for SerialRoad {
    type Far = Port;
    // The line is the worker, and has no pipes but its own.
    const CLAIM: Claim = Claim::Granted;

    fn far(&self, ticket: Ticket<Heard<M>>) -> Port {
        let mut ports = self.0.borrow_mut();
        ports.push(ticket.connection());
        Port((ports.len() - 1) as u32)
    }

    fn open(parcel: Parcel<'_>) -> Result<Heard<M>, Undecodable> {
        match parcel {
            Parcel::Bytes(_) => parcel.decode().map(Heard::Message),
            Parcel::Value(_) => parcel.take::<Gap>().map(Heard::Gap),
        }
    }
}

/// Shows what was counted of a serial line. Clones show the same. It belongs to the
/// foreground's thread.
#[derive(Clone, Debug, Default)]
pub struct Health(Rc<Cell<LineCounters>>);

impl Health {
    /// What was counted so far.
    pub fn counters(&self) -> LineCounters {
        self.0.get()
    }

    fn count(&self, one: impl FnOnce(&mut LineCounters) -> &mut u64) {
        let mut counters = self.0.get();
        let counter = one(&mut counters);
        *counter = counter.saturating_add(1);
        self.0.set(counters);
    }
}

/// What was counted of a serial line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounters {
    /// Frames that arrived whole, and followed what came before on their port.
    pub frames: u64,
    /// Pieces between two delimiters that are no frame: noise, and frames that were damaged.
    pub damaged: u64,
    /// Frames that came again, or late, and were dropped.
    pub stale: u64,
    /// Frames for a port of which there is no pipe.
    pub unknown: u64,
}
