//! The foreground's end of a serial line.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use homing_core::{Arrival, ConnectionId, End, Inlet, LinkEnd, Parcel, Refusal};

use crate::heard::Gap;
use crate::host::decoder::{Decoder, Found};
use crate::host::pieces::Pieces;
use crate::host::sequence::{Place, Sequence};
use crate::host::{Health, SerialRoad};
use crate::wire::{Head, Kind};

/// The foreground's end of a serial line. Each [`poll`](Inlet::poll) looks at the bytes up to
/// one delimiter.
pub struct SerialInlet {
    pieces: Pieces,
    /// What came last, and how far it is read.
    piece: Vec<u8>,
    at: usize,
    decoder: Decoder,
    ports: HashMap<ConnectionId, Sequence>,
    /// What a frame has brought, as far as it was not handed out.
    due: Option<Due>,
    /// The gap that is being told.
    telling: Option<Gap>,
    road: SerialRoad,
    health: Health,
}

/// What one frame has brought for one pipe, in this order: how many messages were lost, for
/// the router to count; that gap, for the receiver; the frame itself.
struct Due {
    connection: ConnectionId,
    lost: u64,
    gap: Option<Gap>,
    frame: Option<Frame>,
}

enum Frame {
    Message(Range<usize>),
    Stop(End),
}

impl SerialInlet {
    pub(crate) fn new(pieces: Pieces, limit: usize, road: SerialRoad, health: Health) -> Self {
        Self {
            pieces,
            piece: Vec::new(),
            at: 0,
            decoder: Decoder::new(limit),
            ports: HashMap::new(),
            due: None,
            telling: None,
            road,
            health,
        }
    }

    /// Looks at a frame that arrived whole.
    fn accept(&mut self, head: Head, body: Range<usize>) {
        let Some(connection) = self.road.connection(head.port) else {
            return self.health.count(|counters| &mut counters.unknown);
        };
        let Place::Follows(gap) =
            self.ports.entry(connection).or_default().place(head.run, head.sequence)
        else {
            return self.health.count(|counters| &mut counters.stale);
        };
        self.health.count(|counters| &mut counters.frames);
        let frame = match head.kind {
            Kind::Start => None,
            Kind::Message => Some(Frame::Message(body)),
            Kind::Stop(leaving) => Some(Frame::Stop(leaving.end())),
        };
        let lost = gap.map_or(0, |gap| gap.lost.into());
        self.due = Some(Due { connection, lost, gap, frame });
    }

    /// Hands out what the last frame has brought next.
    fn take_due(&mut self) -> Option<Arrival<'_>> {
        let due = self.due.as_mut()?;
        let connection = due.connection;
        let count = std::mem::take(&mut due.lost);
        if count > 0 {
            return Some(Arrival::Missed { connection, count });
        }
        if let Some(gap) = due.gap.take() {
            self.telling = Some(gap);
            return Some(Arrival::Message { connection, parcel: Parcel::Value(&mut self.telling) });
        }
        match self.due.take()?.frame? {
            Frame::Message(body) => {
                let parcel = Parcel::Bytes(self.decoder.body(body));
                Some(Arrival::Message { connection, parcel })
            }
            Frame::Stop(end) => Some(Arrival::Stopped { connection, end }),
        }
    }
}

impl Inlet for SerialInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        if self.due.is_none() {
            if self.at >= self.piece.len() {
                self.at = 0;
                match self.pieces.next()? {
                    Some(piece) => self.piece = piece,
                    None => {
                        self.piece = Vec::new();
                        return Ok(None);
                    }
                }
            }
            let mut rest = self.piece.get(self.at..).unwrap_or(&[]);
            let found = self.decoder.next(&mut rest);
            self.at = self.piece.len() - rest.len();
            match found {
                Some(Found::Frame(head, body)) => self.accept(head, body),
                Some(Found::Damage) => self.health.count(|counters| &mut counters.damaged),
                Some(Found::Version(version)) => return Err(Refusal::Version(version).into()),
                None => {}
            }
        }
        Ok(Some(self.take_due().unwrap_or(Arrival::Partial)))
    }
}

impl fmt::Debug for SerialInlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialInlet").field("health", &self.health).finish_non_exhaustive()
    }
}
