//! What the routing table holds for each pipe.

use std::rc::Rc;

use homing_core::{
    Authorize, Delivery, End, LinkId, MessageType, Nonce, Payload, ProtocolError, Receive,
    Undecodable,
};

use crate::backpressure::Backpressure;

/// What a worker has to claim a pipe with.
#[derive(Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) nonce: Nonce,
    /// The type that its messages have to be of.
    pub(crate) message_type: MessageType<'static>,
}

/// The foreground's end of a pipe, for a router whose handlers get a `C`.
///
/// Messages and the end are stored first, and told by [`flush`](Receiver::flush): while they
/// are told neither the router nor the link is borrowed, so that a handler may use both.
pub(crate) trait Receiver<C> {
    /// What a worker has to claim the pipe with. `None` where it is not claimed.
    fn claim(&self) -> Option<&Claim>;

    /// Takes a message out of its payload, and stores it.
    fn on_message(&self, payload: &mut Payload<'_>) -> Result<Delivery, Undecodable>;

    /// Takes an answer out of its payload, and stores it. Only duplex pipes have any.
    fn on_answer(
        &self,
        question: u32,
        payload: &mut Payload<'_>,
    ) -> Result<Delivery, ProtocolError> {
        let _ = (question, payload);
        Err(ProtocolError::OutOfTurn)
    }

    /// A worker has claimed the pipe, over this link.
    fn note_started(&self, link: LinkId) -> Result<(), ProtocolError> {
        let _ = link;
        Ok(())
    }

    /// The worker has taken commands. Only duplex pipes have any.
    fn note_taken(&self, commands: u64) -> Result<(), ProtocolError> {
        let _ = commands;
        Err(ProtocolError::OutOfTurn)
    }

    /// Whether the pipe has a way back of its own, on which [`on_end`](Receiver::on_end) tells the
    /// worker.
    fn has_way_back(&self) -> bool {
        false
    }

    /// Stores how the pipe ended. No message follows. A pipe that the foreground has closed
    /// drops the messages that it has stored.
    fn on_end(&self, end: End);

    /// Tells the oldest event that is stored, and says whether there are more.
    ///
    /// While the handler of the receiver runs further up the stack nothing is told and false
    /// is returned: the `flush` that runs it returns true. Should the receiver have stored too
    /// much meanwhile, it closes `backpressure`.
    #[must_use = "what is left has to be told later"]
    fn flush(&self, context: &mut C, backpressure: Option<&Backpressure>) -> bool;

    /// Whether something is stored that was not told yet.
    fn has_pending(&self) -> bool;
}

/// A receiver in the routing table. Clones are handles of the same receiver.
pub(crate) struct Entry<C>(Rc<dyn Receiver<C>>);

impl<C> Entry<C> {
    pub(crate) fn new(receiver: impl Receiver<C> + 'static) -> Self {
        Self::shared(Rc::new(receiver))
    }

    /// An entry of a receiver that something else refers to as well.
    pub(crate) fn shared(receiver: Rc<impl Receiver<C> + 'static>) -> Self {
        Self(receiver)
    }

    pub(crate) fn on_end(&self, end: End) {
        self.0.on_end(end);
    }

    #[inline]
    #[must_use = "what is left has to be told later"]
    pub(crate) fn flush(&self, context: &mut C, backpressure: Option<&Backpressure>) -> bool {
        self.0.flush(context, backpressure)
    }

    pub(crate) fn has_pending(&self) -> bool {
        self.0.has_pending()
    }

    pub(crate) fn has_way_back(&self) -> bool {
        self.0.has_way_back()
    }
}

impl<C> Clone for Entry<C> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<C> Authorize for Entry<C> {
    fn authorizes(&self, nonce: Nonce) -> bool {
        self.0.claim().is_some_and(|claim| claim.nonce == nonce)
    }

    fn message_type(&self) -> MessageType<'static> {
        self.0.claim().map_or(MessageType::UNCHECKED, |claim| claim.message_type)
    }
}

impl<C> Receive for Entry<C> {
    #[inline]
    fn accept(&self, payload: &mut Payload<'_>) -> Result<Delivery, Undecodable> {
        self.0.on_message(payload)
    }

    fn accept_answer(
        &self,
        question: u32,
        payload: &mut Payload<'_>,
    ) -> Result<Delivery, ProtocolError> {
        self.0.on_answer(question, payload)
    }

    fn note_started(&self, link: LinkId) -> Result<(), ProtocolError> {
        self.0.note_started(link)
    }

    fn note_taken(&self, commands: u64) -> Result<(), ProtocolError> {
        self.0.note_taken(commands)
    }
}
