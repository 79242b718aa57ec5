//! Both ends of a line, and what may happen between them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod chip;
mod noise;
mod wire;

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use embedded_io::{ErrorType, Write};
use homing_core::{Arrival, Carries, ConnectionId, End, Inlet, Nonce, Ticket};

use crate::host::{Health, SerialInlet, SerialRoad, pieces};
use crate::{Gap, Heard};

/// A line that keeps what is written, write by write of a whole frame.
#[derive(Clone, Default)]
pub(super) struct Kept(Rc<RefCell<Vec<u8>>>);

impl Kept {
    /// What was written since the last time.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.take()
    }
}

impl ErrorType for Kept {
    type Error = Infallible;
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// What a host hears of messages of type `M`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told<M> {
    Message(M),
    Gap(Gap),
    Ended(End),
}

/// A host with some pipes, without a router.
pub(super) struct Host {
    put: pieces::Put,
    inlet: SerialInlet,
    pub(super) health: Health,
}

impl Host {
    pub(super) fn new(ports: u32, limit: usize) -> Self {
        let ((put, pieces), road, health) =
            (pieces::pieces(), SerialRoad::default(), Health::default());
        for port in 0..ports {
            let connection = ConnectionId::from_parts(port, 0);
            let ticket = Ticket::<Heard<Vec<u8>>>::new(connection, Nonce::new(0));
            assert_eq!(road.far(ticket).0, port);
        }
        Self { put, inlet: SerialInlet::new(pieces, limit, road, health.clone()), health }
    }

    /// Hears what the bytes bring, with the number of the port.
    pub(super) fn hear<M: serde::de::DeserializeOwned>(
        &mut self,
        bytes: &[u8],
    ) -> Vec<(u32, Told<M>)> {
        let mut told = Vec::new();
        for piece in bytes.chunks(pieces::PIECE) {
            assert!(self.put.put(pieces::Piece::Bytes(piece.to_vec())));
            while let Some(arrival) = self.inlet.poll().unwrap() {
                let (connection, one) = match arrival {
                    Arrival::Message { connection, parcel } => {
                        let one = match <SerialRoad as Carries<Heard<M>>>::open(parcel).unwrap() {
                            Heard::Message(message) => Told::Message(message),
                            Heard::Gap(gap) => Told::Gap(gap),
                        };
                        (connection, one)
                    }
                    Arrival::Stopped { connection, end } => (connection, Told::Ended(end)),
                    Arrival::Partial | Arrival::Missed { .. } => continue,
                    Arrival::Started { .. } => panic!("nothing is claimed on a serial line"),
                };
                told.push((connection.index(), one));
            }
        }
        told
    }
}
