//! The questions of one duplex pipe that are not answered yet.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::rc::{Rc, Weak};
use std::time::Duration;

use homing_core::{Decode, End, Payload, SendErrorKind, Undecodable};

use crate::alarm::{Alarm, Alarms};

/// Why a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// The pipe has ended, and no answer had come.
    Ended(End),
    /// The time is over that [`ask_within`](crate::Remote::ask_within) gave the worker. The pipe is
    /// open, and an answer that comes late is dropped.
    TimedOut,
    /// The question was not sent, and why. Only [`ask_async`](crate::Remote::ask_async) tells it.
    NotSent(SendErrorKind),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::Ended(end) => write!(f, "the question was not answered: {end}"),
            AskError::TimedOut => f.write_str("the question was not answered in time"),
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

/// A question that the worker may still answer.
pub(crate) enum Open<C> {
    /// Its handler waits. The alarm is the question's deadline, where it has one.
    Asked { question: Box<dyn Question<C>>, deadline: Option<Alarm> },
    /// Its handler was told that the time is over.
    TimedOut,
}

/// The open questions of one pipe. It belongs to the foreground's thread.
pub(crate) struct Questions<C> {
    /// By their numbers, and so in the order in which they were asked.
    open: RefCell<BTreeMap<u32, Open<C>>>,
    next: Cell<u32>,
    /// The pipe has ended: none is asked any more.
    has_ended: Cell<bool>,
    /// The router's, for deadlines.
    alarms: Weak<Alarms<C>>,
}

impl<C: 'static> Questions<C> {
    pub(crate) fn new(alarms: &Rc<Alarms<C>>) -> Self {
        Self {
            open: RefCell::default(),
            next: Cell::new(0),
            has_ended: Cell::new(false),
            alarms: Rc::downgrade(alarms),
        }
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
        let question = Box::new(Asked { answer: None, handler, _codec: PhantomData::<fn(K)> });
        open.insert(number, Open::Asked { question, deadline: None });
        Some(number)
    }

    /// Gives an open question a deadline.
    pub(crate) fn set_deadline(self: &Rc<Self>, number: u32, timeout: Duration) {
        // Without a router the question has ended.
        let Some(alarms) = self.alarms.upgrade() else { return };
        let questions = Rc::downgrade(self);
        let time_out = move |context: &mut C| {
            if let Some(questions) = questions.upgrade() {
                questions.time_out(number, context);
            }
        };
        let alarm = alarms.add(timeout, Box::new(time_out));
        if let Some(Open::Asked { deadline, .. }) = self.open.borrow_mut().get_mut(&number) {
            *deadline = Some(alarm);
        }
    }

    /// The time of a question is over.
    fn time_out(&self, number: u32, context: &mut C) {
        let mut open = self.open.borrow_mut();
        let Some(entry) = open.get_mut(&number) else { return };
        let entry = std::mem::replace(entry, Open::TimedOut);
        drop(open);
        if let Open::Asked { question, .. } = entry {
            question.tell(context, AskError::TimedOut);
        }
    }

    /// Takes a question out.
    pub(crate) fn take(&self, number: u32) -> Option<Open<C>> {
        self.open.borrow_mut().remove(&number)
    }

    /// Puts a question back whose answer could not be decoded.
    pub(crate) fn put_back(&self, number: u32, question: Box<dyn Question<C>>) {
        self.open.borrow_mut().insert(number, Open::Asked { question, deadline: None });
    }

    /// The pipe has ended: takes all questions out that were not told, in the order in which they
    /// were asked.
    pub(crate) fn end(&self) -> impl Iterator<Item = Box<dyn Question<C>>> + use<C> {
        self.has_ended.set(true);
        self.open.take().into_values().filter_map(|open| match open {
            Open::Asked { question, .. } => Some(question),
            Open::TimedOut => None,
        })
    }
}
