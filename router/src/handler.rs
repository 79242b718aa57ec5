//! A receiver that is called: a closure of the application's.

use std::marker::PhantomData;

use homing_core::{Decode, Delivery, End, Event, Overflow, Payload, Undecodable};

use crate::backpressure::Backpressure;
use crate::events::Events;
use crate::receiver::{Claim, Receiver};

/// Calls a closure with each event of its pipe.
pub(crate) struct Handler<D, M, F> {
    claim: Claim,
    events: Events<M, F>,
    _codec: PhantomData<fn(D)>,
}

impl<D, M, F> Handler<D, M, F> {
    pub(crate) fn new(claim: Claim, overflow: Overflow, handle: F) -> Self {
        Self { claim, events: Events::new(overflow, handle), _codec: PhantomData }
    }
}

impl<C, D, M, F> Receiver<C> for Handler<D, M, F>
where
    D: Decode<M>,
    F: FnMut(&mut C, Event<M>),
{
    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    #[inline]
    fn on_message(&self, payload: &mut Payload<'_>) -> Result<Delivery, Undecodable> {
        let bytes = payload.len().max(size_of::<M>());
        let message = D::decode(payload.reborrow())?;
        Ok(self.events.accept(message, bytes))
    }

    fn on_end(&self, end: End) {
        if self.events.has_ended() {
            return;
        }
        let dropped = (end == End::Closed).then(|| self.events.take_messages());
        self.events.end(end);
        // Messages may be anything of the application's: nothing is borrowed.
        drop(dropped);
    }

    #[inline]
    fn flush(&self, context: &mut C, backpressure: Option<&Backpressure>) -> bool {
        self.events.flush(context, backpressure)
    }

    fn has_pending(&self) -> bool {
        self.events.has_pending()
    }
}
