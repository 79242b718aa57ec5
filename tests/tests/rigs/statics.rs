//! A link in a `static`, as the suite drives it. Each is leaked: a `static` is never dropped.

use std::ops::RangeInclusive;

use homing_conformance::InletRig;
use homing_conformance::homing_core::{
    Authorization, Decode, MakeSender, NewLink, Overflow, Payload, Pinger, Sender, Ticket,
    Transport, Undecodable,
};
use homing_transport_static::{
    AlreadySplit, Bytes, BytesInlet, BytesLink, StaticFactory, StaticOutlet,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest message in bytes.
const CAPACITY: usize = 16;

/// The places of a link, of which each pipe takes one for its end.
const PLACES: usize = 8;

/// Makes static links.
pub struct Statics;

pub struct LeakedFactory(StaticFactory<Bytes<CAPACITY>>);

impl<P: Pinger + Send + Sync + 'static> Transport<P> for Statics {
    type Factory = LeakedFactory;
    type Inlet = BytesInlet<CAPACITY>;
    type Doorbell = ();
    type Error = AlreadySplit;

    fn link(
        &mut self,
        bell: P,
    ) -> Result<NewLink<LeakedFactory, BytesInlet<CAPACITY>, ()>, AlreadySplit> {
        let link: &'static BytesLink<CAPACITY, { PLACES + 1 }> = Box::leak(Box::default());
        let (factory, inlet) = link.split(Box::leak(Box::new(bell)))?;
        Ok(NewLink { factory: LeakedFactory(factory), inlet, doorbell: () })
    }
}

impl<M: Serialize + DeserializeOwned> Decode<M> for LeakedFactory {
    fn decode(payload: Payload<'_>) -> Result<M, Undecodable> {
        <StaticFactory<Bytes<CAPACITY>> as Decode<M>>::decode(payload)
    }
}

impl<M: Serialize + DeserializeOwned> MakeSender<M> for LeakedFactory {
    type Sender = Sender<M, StaticOutlet<Bytes<CAPACITY>>>;
    type Codec = Self;

    const AUTHORIZATION: Authorization = Authorization::Trusted;

    fn make_sender(&self, ticket: Ticket<M>) -> Self::Sender {
        let overflow = match ticket.overflow() {
            // Nothing waits on a chip.
            Overflow::Wait => Overflow::GiveBack,
            other => other,
        };
        let sender = self.0.sender(ticket.connection(), overflow);
        sender.expect("there is a place for the pipe's end")
    }
}

impl InletRig for Statics {
    type Factory = LeakedFactory;
    type Transport = Self;

    const FIT: RangeInclusive<usize> = PLACES - 1..=PLACES - 1;
    const POLL_BYTES: Option<usize> = None;

    fn small() -> Self {
        Self
    }
}
