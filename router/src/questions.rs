//! The questions of one duplex pipe that are not answered yet.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use homing_core::{Decode, End, Payload, SendErrorKind, Undecodable};

/// Why a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// The pipe has ended, and no answer had come.
    Ended(End),
    /// The question was not sent, and why. Only [`ask_async`](crate::Remote::ask_async) tells it.
    NotSent(SendErrorKind),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::Ended(end) => write!(f, "the question was not answered: {end}"),
            AskError::NotSent(kind) => write!(f, "the question was not answered: {kind}"),
        }
    }
}

impl std::error::Error for AskError {}

/// A question that was asked, without the type of its answer.
pub(crate) trait Question<C> {
    /// Takes the answer out of its payload, and stores it.
    fn accept(&mut self, payload: &mut Payload<'_>) -> Result<(), Undecodable>;

    /// Calls the handler with the answer that is stored, or with the error if there is none.
    fn tell(self: Box<Self>, context: &mut C, otherwise: AskError);
}

/// A question whose answer is an `A` that `K` decodes.
struct Asked<A, K, F> {
    answer: Option<A>,
    handler: F,
    _codec: PhantomData<fn(K)>,
}

impl<C, A, K, F> Question<C> for Asked<A, K, F>
where
    K: Decode<A>,
    F: FnOnce(&mut C, Result<A, AskError>),
{
    fn accept(&mut self, payload: &mut Payload<'_>) -> Result<(), Undecodable> {
        self.answer = Some(K::decode(payload.reborrow())?);
        Ok(())
    }

    fn tell(self: Box<Self>, context: &mut C, otherwise: AskError) {
        let Self { answer, handler, .. } = *self;
        handler(context, answer.ok_or(otherwise));
    }
}

/// The open questions of one pipe. It belongs to the foreground's thread.
pub(crate) struct Questions<C> {
    /// By their numbers, and so in the order in which they were asked.
    open: RefCell<BTreeMap<u32, Box<dyn Question<C>>>>,
    next: Cell<u32>,
    /// The pipe has ended: none is asked any more.
    has_ended: Cell<bool>,
}

impl<C> Questions<C> {
    pub(crate) fn new() -> Self {
        Self { open: RefCell::default(), next: Cell::new(0), has_ended: Cell::new(false) }
    }

    /// Opens a question, and returns its number. `None` when the pipe has ended.
    pub(crate) fn open<A, K, F>(&self, handler: F) -> Option<u32>
    where
        A: 'static,
        K: Decode<A> + 'static,
        F: FnOnce(&mut C, Result<A, AskError>) + 'static,
    {
        if self.has_ended.get() {
            return None;
        }
        let mut open = self.open.borrow_mut();
        let mut number = self.next.get();
        // Numbers come round. There is a free one: memory holds fewer than 2^32 questions.
        while open.contains_key(&number) {
            number = number.wrapping_add(1);
        }
        self.next.set(number.wrapping_add(1));
        open.insert(
            number,
            Box::new(Asked { answer: None, handler, _codec: PhantomData::<fn(K)> }),
        );
        Some(number)
    }

    /// Takes a question out.
    pub(crate) fn take(&self, number: u32) -> Option<Box<dyn Question<C>>> {
        self.open.borrow_mut().remove(&number)
    }

    /// Puts a question back whose answer could not be decoded.
    pub(crate) fn put_back(&self, number: u32, question: Box<dyn Question<C>>) {
        self.open.borrow_mut().insert(number, question);
    }

    /// The pipe has ended: takes all questions out, in the order in which they were asked.
    pub(crate) fn end(&self) -> impl Iterator<Item = Box<dyn Question<C>>> + use<C> {
        self.has_ended.set(true);
        self.open.take().into_values()
    }
}
