//! What the routing table holds for each pipe.

use std::marker::PhantomData;

use homing_core::{
    Authorize, Decode, Delivery, End, Event, Nonce, Overflow, Payload, Receive, Undecodable,
};

use crate::gate::Gate;

/// The foreground's end of a pipe, for a router whose handlers get a `C`.
pub(crate) trait Deliver<C>: Receive {
    /// Tells the receiver the message that it has accepted, if it still holds one.
    fn deliver(&mut self, context: &mut C, gate: &Gate);

    /// Takes a message out of its payload and tells it at once.
    ///
    /// Only for a receiver that is lent, and whose [`accept`](Receive::accept) says
    /// [`Now`](Delivery::Immediate). The payload stays where it is until its bytes are read: to copy
    /// it would take as long as to read them.
    fn handle(
        &mut self,
        payload: &mut Payload<'_>,
        context: &mut C,
        gate: &Gate,
    ) -> Result<(), Undecodable>;

    /// Whether it has accepted a message that it was not told yet.
    fn holds(&self) -> bool;

    /// Tells it how the pipe ended.
    fn end(self: Box<Self>, context: &mut C, end: End);
}

/// A receiver in the routing table.
pub(crate) type Entry<C> = Box<dyn Deliver<C>>;

impl<C> Authorize for Box<dyn Deliver<C>> {
    fn authorizes(&self, nonce: Nonce) -> bool {
        (**self).authorizes(nonce)
    }
}

impl<C> Receive for Box<dyn Deliver<C>> {
    #[inline]
    fn accept(&mut self, payload: Payload<'_>) -> Result<Delivery, Undecodable> {
        (**self).accept(payload)
    }
}

/// Calls a closure.
pub(crate) struct Handler<D, M, F> {
    nonce: Nonce,
    latest_wins: bool,
    held: Option<M>,
    handle: F,
    _codec: PhantomData<fn(D)>,
}

impl<D, M, F> Handler<D, M, F> {
    pub(crate) fn new(nonce: Nonce, overflow: Overflow, handle: F) -> Self {
        let latest_wins = overflow == Overflow::LatestWins;
        Self { nonce, latest_wins, held: None, handle, _codec: PhantomData }
    }
}

impl<D: Decode<M>, M, F> Authorize for Handler<D, M, F> {
    fn authorizes(&self, nonce: Nonce) -> bool {
        self.nonce == nonce
    }
}

impl<D: Decode<M>, M, F> Receive for Handler<D, M, F> {
    #[inline]
    fn accept(&mut self, payload: Payload<'_>) -> Result<Delivery, Undecodable> {
        let replaced = self.held.replace(D::decode(payload)?).is_some();
        Ok(if self.latest_wins {
            Delivery::Deferred { superseded: replaced.into() }
        } else {
            Delivery::Immediate
        })
    }
}

impl<C, D, M, F> Deliver<C> for Handler<D, M, F>
where
    D: Decode<M>,
    F: FnMut(&mut C, Event<M>),
{
    #[inline]
    fn deliver(&mut self, context: &mut C, _: &Gate) {
        if let Some(message) = self.held.take() {
            (self.handle)(context, Event::Message(message));
        }
    }

    #[inline]
    fn handle(
        &mut self,
        payload: &mut Payload<'_>,
        context: &mut C,
        _: &Gate,
    ) -> Result<(), Undecodable> {
        (self.handle)(context, Event::Message(D::decode(payload.reborrow())?));
        Ok(())
    }

    fn holds(&self) -> bool {
        self.held.is_some()
    }

    fn end(mut self: Box<Self>, context: &mut C, end: End) {
        (self.handle)(context, Event::Ended(end));
    }
}
