//! A serial line whose chip is a thread.

use std::io::{self, PipeWriter};
use std::ops::RangeInclusive;
use std::sync::Arc;

use embedded_io_adapters::std::FromStd;
use homing::serial::{Received, Serial, SerialFactory, SerialInlet};
use homing::{Pinger, Sender, Ticket};
use homing_conformance::TransportRig;
use homing_conformance::homing_core::{
    Authorization, Decode, MakeSender, NewLink, Nonce, Payload, Postcard, Transport, Undecodable,
};
use homing_conformance::homing_process::Doorbell;
use homing_transport_serial::{Line, SerialOutlet};
use serde::Serialize;
use serde::de::DeserializeOwned;

type Chip = Line<FromStd<PipeWriter>, 4096>;

/// A line with a chip on it, of which any thread can make senders. To its receivers a message is a
/// message, as the suite wants it: on a socket nothing may be missing.
pub struct Chips(Serial, Arc<Chip>);

impl Chips {
    fn new() -> Self {
        let (port, uart) = io::pipe().expect("the system gives a pipe");
        Self(Serial::new(port), Arc::new(Line::new(FromStd::new(uart), 1)))
    }
}

pub struct ChipFactory(SerialFactory, Arc<Chip>);

impl<P: Pinger + Send + Sync + 'static> Transport<P> for Chips {
    type Factory = ChipFactory;
    type Inlet = SerialInlet;
    type Doorbell = Doorbell;
    type Error = io::Error;

    fn link(&mut self, bell: P) -> io::Result<NewLink<ChipFactory, SerialInlet, Doorbell>> {
        let NewLink { factory, inlet, doorbell } = self.0.link(bell)?;
        Ok(NewLink { factory: ChipFactory(factory, Arc::clone(&self.1)), inlet, doorbell })
    }
}

impl<M: Serialize + DeserializeOwned> Decode<M> for ChipFactory {
    fn decode(payload: Payload<'_>) -> Result<M, Undecodable> {
        let heard: Received<M> = Postcard::decode(payload)?;
        heard.message().ok_or_else(|| Undecodable::new::<M>("a gap or a restart"))
    }
}

impl<M: Serialize + DeserializeOwned> MakeSender<M> for ChipFactory {
    type Sender = Sender<M, SerialOutlet<Arc<Chip>>>;
    type Codec = Self;

    const AUTHORIZATION: Authorization = <SerialFactory as MakeSender<Received<M>>>::AUTHORIZATION;

    fn make_sender(&self, ticket: Ticket<M>) -> Self::Sender {
        let ticket: Ticket<Received<M>> = Ticket::new(ticket.connection(), Nonce::new(0));
        let port = self.0.make_sender(ticket);
        Line::sender_of(Arc::clone(&self.1), port).expect("ports are used once")
    }
}

/// Serial lines: the chip is a thread, its UART an OS pipe.
pub struct SerialLines;

impl TransportRig for SerialLines {
    type Factory = ChipFactory;
    type Transport = Chips;

    const FIT: RangeInclusive<usize> = 100..=40_000;

    fn transport() -> Chips {
        Chips::new()
    }

    fn small() -> Chips {
        let Chips(serial, chip) = Chips::new();
        Chips(serial.buffer(1), chip)
    }

    fn limited(_: usize) -> Option<Chips> {
        None
    }
}
