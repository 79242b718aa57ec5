//! What the worker of a duplex pipe sends: messages, and among them answers.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use homing_core::SendError;

/// What travels on the queue of a duplex pipe.
pub(crate) enum Up<M> {
    Message(M),
    Answer(Answer),
}

/// The answer to a question that was asked with a command.
pub(crate) struct Answer {
    pub(crate) question: u32,
    /// An `Option<A>`, from which the answer may be taken.
    pub(crate) value: Box<dyn Any + Send>,
}

impl<M> Up<M> {
    /// The message of a push that failed. `Ok` for an answer, which was not pushed as a message.
    pub(crate) fn give_back(error: SendError<Self>) -> Result<u64, SendError<M>> {
        let kind = error.kind();
        match error.into_message() {
            Up::Message(message) => Err(SendError::new(message, kind)),
            Up::Answer(_) => Ok(0),
        }
    }

    /// The answer of a push that failed. `Ok` for anything else, which was not pushed as an answer.
    pub(crate) fn give_answer_back<A: 'static>(error: SendError<Self>) -> Result<(), SendError<A>> {
        let kind = error.kind();
        let Up::Answer(Answer { mut value, .. }) = error.into_message() else { return Ok(()) };
        match value.downcast_mut::<Option<A>>().and_then(Option::take) {
            Some(answer) => Err(SendError::new(answer, kind)),
            None => Ok(()),
        }
    }
}

/// The queue of one duplex pipe whose sender drops the oldest message where there is no room, but
/// no answer. The foreground closes it; what waits in it is dropped then.
pub(crate) struct LossyUp<M> {
    capacity: usize,
    state: Mutex<State<M>>,
}

struct State<M> {
    waiting: VecDeque<Up<M>>,
    /// How many of those are messages.
    messages: usize,
    closed: bool,
}

impl<M> LossyUp<M> {
    /// A queue for `capacity` messages, at least one, and the answers between them.
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { waiting: VecDeque::new(), messages: 0, closed: false };
        Self { capacity: capacity.max(1), state: Mutex::new(state) }
    }

    /// Pushes a message, and returns the oldest one if there was no room. The message itself
    /// comes back as the error when the queue is closed.
    pub(crate) fn force_push(&self, message: M) -> Result<Option<M>, M> {
        let mut state = self.lock();
        if state.closed {
            return Err(message);
        }
        let oldest = if state.messages < self.capacity { None } else { state.drop_oldest() };
        state.waiting.push_back(Up::Message(message));
        state.messages += 1;
        Ok(oldest)
    }

    /// Pushes an answer. It comes back when the queue is closed.
    pub(crate) fn push_answer(&self, answer: Answer) -> Result<(), Answer> {
        let mut state = self.lock();
        if state.closed {
            return Err(answer);
        }
        state.waiting.push_back(Up::Answer(answer));
        Ok(())
    }

    /// Takes the oldest message or answer. For the consumer.
    pub(crate) fn pop(&self) -> Option<Up<M>> {
        let mut state = self.lock();
        let up = state.waiting.pop_front()?;
        state.messages -= usize::from(matches!(up, Up::Message(_)));
        Some(up)
    }

    /// How many messages and answers wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Closes the queue: what waits in it is dropped, and nothing is pushed any more. For the
    /// consumer, as its last call.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.messages = 0;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // A destructor may push to this queue or others: no lock is held.
        drop(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> State<M> {
    fn drop_oldest(&mut self) -> Option<M> {
        let oldest = self.waiting.iter().position(|up| matches!(up, Up::Message(_)))?;
        self.messages -= 1;
        match self.waiting.remove(oldest)? {
            Up::Message(message) => Some(message),
            Up::Answer(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_message_makes_room_and_answers_stay_in_their_places() {
        let queue = LossyUp::new(2);
        let answer = |question| Answer { question, value: Box::new(Some(question)) };
        assert!(queue.push_answer(answer(1)).is_ok());
        assert_eq!(queue.force_push(10), Ok(None));
        assert!(queue.push_answer(answer(2)).is_ok());
        assert_eq!(queue.force_push(11), Ok(None));
        assert_eq!(queue.force_push(12), Ok(Some(10)));
        assert_eq!(queue.len(), 4);
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop())
            .map(|up| match up {
                Up::Message(message) => message,
                Up::Answer(answer) => answer.question,
            })
            .collect();
        assert_eq!(popped, [1, 2, 11, 12]);
    }
}
