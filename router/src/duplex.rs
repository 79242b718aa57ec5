//! The receiver of a duplex pipe: a handler, and the questions that were asked.

use std::cell::OnceCell;
use std::marker::PhantomData;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use homing_core::{
    Decode, Delivery, Downlink, End, Event, LinkId, Overflow, Payload, ProtocolError, RemoteEnd,
    Undecodable,
};

use crate::backpressure::Backpressure;
use crate::events::Events;
use crate::questions::{AskError, Open, Question, Questions};
use crate::receiver::{Claim, Receiver};

/// What comes on a duplex pipe before its end, in order.
pub(crate) enum Incoming<C, M> {
    Message(M),
    /// A question with its answer.
    Answer(Box<dyn Question<C>>),
    /// A question that the pipe has ended without an answer to.
    Unanswered(Box<dyn Question<C>>, End),
}

/// The links of a router that have a way back.
pub(crate) trait WayBacks {
    /// A duplex pipe was claimed over this link. Returns the foreground's sending side of it, where
    /// commands travel as bytes.
    fn claimed_over(&self, link: LinkId) -> Option<Arc<dyn Downlink>>;
}

/// Calls a closure with each message of its pipe and its end, and the handlers of questions with
/// their answers.
///
/// Answers are stored among the messages, and so are told in order with them. Questions without an
/// answer are stored before the end, one by one: the panic of a handler keeps no other from being
/// told.
pub(crate) struct Duplex<C, D, K, M, F> {
    claim: Claim,
    events: Events<Incoming<C, M>, F>,
    questions: Rc<Questions<C>>,
    /// The router's.
    way_backs: Weak<dyn WayBacks>,
    /// Set once the pipe has its place in the routing table.
    remote: OnceCell<Arc<dyn RemoteEnd<D>>>,
    _codec: PhantomData<fn(K)>,
}

/// Makes the receiver of a duplex pipe.
pub(crate) fn new<C, D, K, M>(
    claim: Claim,
    overflow: Overflow,
    questions: Rc<Questions<C>>,
    way_backs: Weak<dyn WayBacks>,
    mut handler: impl FnMut(&mut C, Event<M>),
) -> Duplex<C, D, K, M, impl FnMut(&mut C, Event<Incoming<C, M>>)> {
    let tell = move |context: &mut C, event| match event {
        Event::Message(Incoming::Message(message)) => handler(context, Event::Message(message)),
        // The answer is stored: the error is not used.
        Event::Message(Incoming::Answer(question)) => {
            question.tell(context, AskError::Ended(End::Closed));
        }
        Event::Message(Incoming::Unanswered(question, end)) => {
            question.tell(context, AskError::Ended(end));
        }
        Event::Ended(end) => handler(context, Event::Ended(end)),
    };
    let events = Events::new(overflow, tell);
    Duplex { claim, events, questions, way_backs, remote: OnceCell::new(), _codec: PhantomData }
}

impl<C: 'static, D, K, M, F> Duplex<C, D, K, M, F> {
    /// Gives the pipe its way back.
    pub(crate) fn set_remote(&self, remote: Arc<dyn RemoteEnd<D>>) {
        // It is set once.
        let _ = self.remote.set(remote);
    }

    /// Of a pipe that the foreground has closed: drops the messages that are stored, and keeps the
    /// answers. Returns the messages, which may be anything of the application's.
    fn keep_answers(&self) -> Vec<Incoming<C, M>> {
        let (messages, answers): (Vec<_>, Vec<_>) = self
            .events
            .take_messages()
            .into_iter()
            .partition(|incoming| matches!(incoming, Incoming::Message(_)));
        for answer in answers {
            self.events.store(answer, 0);
        }
        messages
    }
}

impl<C, D, K, M, F> Receiver<C> for Duplex<C, D, K, M, F>
where
    C: 'static,
    K: Decode<M>,
    F: FnMut(&mut C, Event<Incoming<C, M>>),
{
    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    #[inline]
    fn on_message(&self, payload: &mut Payload<'_>) -> Result<Delivery, Undecodable> {
        let bytes = payload.len().max(size_of::<M>());
        let message = K::decode(payload.reborrow())?;
        Ok(self.events.accept(Incoming::Message(message), bytes))
    }

    fn on_answer(&self, number: u32, payload: &mut Payload<'_>) -> Result<Delivery, ProtocolError> {
        let open = self.questions.take(number).ok_or(ProtocolError::OutOfTurn)?;
        // An answer that comes late is dropped.
        let Open::Asked { mut question, .. } = open else { return Ok(Delivery::Immediate) };
        let bytes = payload.len();
        // Code of the application runs: nothing is borrowed.
        match question.accept(payload) {
            Ok(()) => {
                self.events.store(Incoming::Answer(question), bytes);
                Ok(Delivery::Immediate)
            }
            Err(undecodable) => {
                // The link is cut off, which ends the pipe and answers the question.
                self.questions.put_back(number, question);
                Err(ProtocolError::Undecodable(undecodable))
            }
        }
    }

    fn note_started(&self, link: LinkId) -> Result<(), ProtocolError> {
        if let Some(remote) = self.remote.get() {
            let way_backs = self.way_backs.upgrade();
            let downlink = way_backs.and_then(|way_backs| way_backs.claimed_over(link));
            remote.bind(downlink.as_deref())?;
            remote.note_started();
        }
        Ok(())
    }

    fn note_taken(&self, commands: u64) -> Result<(), ProtocolError> {
        let remote = self.remote.get().ok_or(ProtocolError::OutOfTurn)?;
        remote.note_taken(commands)
    }

    fn has_way_back(&self) -> bool {
        true
    }

    fn on_end(&self, end: End) {
        if self.events.has_ended() {
            return;
        }
        if let Some(remote) = self.remote.get() {
            // Commands that wait are dropped: nothing is borrowed.
            remote.close();
        }
        let dropped = (end == End::Closed).then(|| self.keep_answers());
        for question in self.questions.end() {
            self.events.store(Incoming::Unanswered(question, end.clone()), 0);
        }
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
