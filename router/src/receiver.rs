//! What the routing table holds for each pipe.

use std::marker::PhantomData;

use homing_core::{
    Accepted, Admit, Carries, End, Event, Nonce, Overflow, Parcel, Receive, Undecodable,
};

use crate::gate::Gate;

/// The foreground's end of a pipe, for a router whose handlers get a `C`.
pub(crate) trait Deliver<C>: Receive {
    /// Tells the receiver the message that it has accepted, if it still holds one.
    fn deliver(&mut self, context: &mut C, gate: &Gate);

    /// Takes a message out of its parcel and tells it at once.
    ///
    /// Only for a receiver that is lent, and whose [`accept`](Receive::accept) says
    /// [`Now`](Accepted::Now). The parcel stays where it is until its bytes are read: to copy
    /// it would take as long as to read them.
    fn handle(
        &mut self,
        parcel: &mut Parcel<'_>,
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

impl<C> Admit for Box<dyn Deliver<C>> {
    fn admits(&self, nonce: Nonce) -> bool {
        (**self).admits(nonce)
    }
}

impl<C> Receive for Box<dyn Deliver<C>> {
    #[inline]
    fn accept(&mut self, parcel: Parcel<'_>) -> Result<Accepted, Undecodable> {
        (**self).accept(parcel)
    }
}

/// Calls a closure.
pub(crate) struct Handler<R, M, F> {
    nonce: Nonce,
    latest_wins: bool,
    held: Option<M>,
    handle: F,
    _road: PhantomData<fn(R)>,
}

impl<R, M, F> Handler<R, M, F> {
    pub(crate) fn new(nonce: Nonce, overflow: Overflow, handle: F) -> Self {
        let latest_wins = overflow == Overflow::LatestWins;
        Self { nonce, latest_wins, held: None, handle, _road: PhantomData }
    }
}

impl<R: Carries<M>, M, F> Admit for Handler<R, M, F> {
    fn admits(&self, nonce: Nonce) -> bool {
        self.nonce == nonce
    }
}

impl<R: Carries<M>, M, F> Receive for Handler<R, M, F> {
    #[inline]
    fn accept(&mut self, parcel: Parcel<'_>) -> Result<Accepted, Undecodable> {
        let replaced = self.held.replace(R::open(parcel)?).is_some();
        Ok(if self.latest_wins { Accepted::Later(replaced.into()) } else { Accepted::Now })
    }
}

impl<C, R, M, F> Deliver<C> for Handler<R, M, F>
where
    R: Carries<M>,
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
        parcel: &mut Parcel<'_>,
        context: &mut C,
        _: &Gate,
    ) -> Result<(), Undecodable> {
        (self.handle)(context, Event::Message(R::open(parcel.reborrow())?));
        Ok(())
    }

    fn holds(&self) -> bool {
        self.held.is_some()
    }

    fn end(mut self: Box<Self>, context: &mut C, end: End) {
        (self.handle)(context, Event::Ended(end));
    }
}
