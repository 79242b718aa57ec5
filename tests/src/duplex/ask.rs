//! B26: questions and answers.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use homing_core::End;
use homing_router::AskError;

use super::role::{Order, Role};
use super::{DuplexRig, PLENTY, Started, finished};
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};

/// What the handlers of questions were told, by question.
type Told<A> = Rc<RefCell<Vec<(u64, Result<A, AskError>)>>>;

/// The handler of a question with this number.
fn tell<A: 'static>(
    told: &Told<A>,
    number: u64,
) -> impl FnOnce(&mut App, Result<A, AskError>) + 'static {
    let told = Rc::clone(told);
    move |_, answer| told.borrow_mut().push((number, answer))
}

/// B26: each question gets its own answer, once, in order with the pipe's messages.
///
/// An implementation that fails it mixes up questions, or lets answers overtake messages.
pub fn b26_a_question_gets_its_answer<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    question_gets_its_answer::<W, H>(program, Role::Obeys);
}

pub(super) fn question_gets_its_answer<W: DuplexRig, H: EventLoopRig>(
    program: W::Program,
    role: Role,
) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, .. } = W::start(&foreground, program, role, 0, PLENTY);
    let (numbers, texts) = (Told::default(), Told::default());
    for number in 0..50 {
        remote.send(Order::Number(number)).unwrap();
        remote.ask(|reply| Order::Double(number, reply), tell(&numbers, number)).unwrap();
    }
    for len in [0, 10, 200_000] {
        let ask = |reply| Order::Text(len, reply);
        remote.ask(ask, tell::<String>(&texts, len as u64)).unwrap();
    }
    remote.send(Order::Finish).unwrap();
    finished(&mut foreground, 0);
    let numbers = numbers.take();
    assert!(numbers.iter().map(|(number, _)| *number).eq(0..50));
    assert!(numbers.iter().all(|(number, answer)| *answer == Ok(2 * number)));
    let lens: Vec<_> = texts.take().into_iter().map(|(_, text)| text.unwrap().len()).collect();
    assert_eq!(lens, [0, 10, 200_000]);
}

/// B26: a question that is not answered gets exactly one error, with the pipe's end and before
/// it: the worker does not answer, dies before it has read, or the foreground closes the pipe.
///
/// An implementation that fails it forgets a question, and its application waits for ever.
pub fn b26_a_question_ends_with_its_pipe<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    let mut foreground = Foreground::<H>::started();
    let told: Told<u64> = Told::default();
    // Not answered.
    let silent = W::start(&foreground, program, Role::Obeys, 0, PLENTY);
    silent.remote.ask(Order::Never, tell(&told, 0)).unwrap();
    silent.remote.send(Order::Finish).unwrap();
    finished(&mut foreground, 0);
    // Gone before it has read, or even before it is asked.
    let gone = W::start(&foreground, program, Role::Leaves, 1, PLENTY);
    let mut asked = 0;
    for number in 1..=3 {
        let accepted = gone.remote.ask(Order::Never, tell(&told, number));
        asked += u64::from(accepted.is_ok());
    }
    finished(&mut foreground, 1);
    let ends: Vec<_> = told.take();
    assert!(ends.iter().map(|(number, _)| *number).eq(0..=asked));
    for (_, error) in ends {
        assert_eq!(error, Err(AskError::Ended(End::Finished)));
    }
    // Closed.
    let closed = W::start(&foreground, program, Role::Computes, 2, PLENTY);
    closed.remote.ask(Order::Never, tell(&told, 4)).unwrap();
    foreground.router.close_pipe(&mut foreground.app, closed.pipe).unwrap();
    assert_eq!(told.take(), [(4, Err(AskError::Ended(End::Closed)))]);
    // And afterwards at once.
    assert!(closed.remote.ask(Order::Never, tell(&told, 5)).unwrap_err().is_closed());
    assert_eq!(told.take(), []);
}

/// B26: a question with a deadline gets its answer or an error, once, when the time is over: the
/// event loop wakes for it. A late answer harms nothing.
///
/// An implementation that fails it takes a late answer for one that was not asked for, or has an
/// event loop that is not woken from another thread.
pub fn b26_a_question_has_a_deadline<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    let mut foreground = Foreground::<H>::started();
    let Started { remote, .. } = W::start(&foreground, program, Role::Obeys, 0, PLENTY);
    let told: Told<u64> = Told::default();
    remote.ask_within(Duration::from_millis(1), Order::Never, tell(&told, 0)).unwrap();
    foreground.until("a deadline", |_| !told.borrow().is_empty());
    assert_eq!(told.take(), [(0, Err(AskError::TimedOut))]);
    for number in 1..50 {
        // A race, which either may win.
        let ask = |reply| Order::Double(number, reply);
        remote.ask_within(Duration::ZERO, ask, tell(&told, number)).unwrap();
    }
    remote.send(Order::Finish).unwrap();
    finished(&mut foreground, 0);
    let mut told = told.take();
    told.sort_by_key(|(number, _)| *number);
    assert!(told.iter().map(|(number, _)| *number).eq(1..50));
    for (number, answer) in told {
        assert!(answer == Ok(2 * number) || answer == Err(AskError::TimedOut), "{answer:?}");
    }
}
