//! The sender's state machine, over an outlet that records what it was told.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use homing_core::SenderState::{Closed, Initial, Open};
use homing_core::{
    Blocking, CloseReason, ConnectionId, Disconnected, Outlet, Panic, SendError, SendErrorKind,
    Sender, SenderError, SenderState, Text, WrongState,
};

/// What an outlet is told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    Open,
    Put(u8, Blocking),
    Close(CloseReason),
}

/// What the outlet was told, and how it is to answer.
#[derive(Default)]
struct Record {
    told: RefCell<Vec<Call>>,
    gone: Cell<bool>,
    full: Cell<bool>,
    drops: Cell<u64>,
}

struct Recorder(Rc<Record>);

impl Recorder {
    fn tell(&self, told: Call) -> Result<(), Disconnected> {
        self.0.told.borrow_mut().push(told);
        if self.0.gone.get() { Err(Disconnected) } else { Ok(()) }
    }
}

impl Outlet<u8> for Recorder {
    fn open(&mut self) -> Result<(), Disconnected> {
        self.tell(Call::Open)
    }

    fn put(&mut self, message: u8, blocking: Blocking) -> Result<u64, SendError<u8>> {
        if self.tell(Call::Put(message, blocking)).is_err() {
            return Err(SendError::new(message, SendErrorKind::Disconnected));
        }
        if self.0.full.get() {
            return Err(SendError::new(message, SendErrorKind::Full));
        }
        Ok(self.0.drops.get())
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        self.tell(Call::Close(reason))
    }

    fn panicking(&self) -> Option<Panic> {
        std::thread::panicking().then(Panic::default)
    }
}

type Subject = Sender<u8, Recorder>;

/// A sender in the given state, of whose way there nothing is recorded.
fn sender(state: SenderState) -> (Subject, Rc<Record>) {
    let record = Rc::new(Record::default());
    let mut sender = Sender::new(ConnectionId::from_parts(1, 2), Recorder(Rc::clone(&record)));
    if state != Initial {
        assert_eq!(sender.start(), Ok(()));
    }
    if state == Closed {
        assert_eq!(sender.stop(), Ok(()));
    }
    assert_eq!(sender.state(), state);
    record.told.borrow_mut().clear();
    (sender, record)
}

/// What a call came to, whichever it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Wrong(SenderState),
    NotSent(u8, SendErrorKind),
    Gone,
}

impl From<Result<(), SenderError>> for Outcome {
    fn from(result: Result<(), SenderError>) -> Self {
        match result {
            Ok(()) => Outcome::Done,
            Err(SenderError::WrongState(WrongState { state })) => Outcome::Wrong(state),
            Err(SenderError::Disconnected) => Outcome::Gone,
            Err(error) => panic!("{error}"),
        }
    }
}

impl From<Result<(), SendError<u8>>> for Outcome {
    fn from(result: Result<(), SendError<u8>>) -> Self {
        match result {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::NotSent(error.into_message(), error.kind()),
        }
    }
}

fn start(sender: &mut Subject) -> Outcome {
    sender.start().into()
}

fn send(sender: &mut Subject) -> Outcome {
    sender.send(7).into()
}

fn try_send(sender: &mut Subject) -> Outcome {
    sender.try_send(7).into()
}

fn send_all(sender: &mut Subject) -> Outcome {
    sender.send_all([7, 8]).into()
}

fn send_none(sender: &mut Subject) -> Outcome {
    sender.send_all([]).into()
}

fn stop(sender: &mut Subject) -> Outcome {
    sender.stop().into()
}

fn fail(sender: &mut Subject) -> Outcome {
    sender.fail("no such file").into()
}

/// A scope that sends, or gives the error of its start back.
fn scope(sender: &mut Subject) -> Outcome {
    let sent = sender.scope(|sender| {
        let sent = sender.send(7);
        assert!(sent.is_ok());
        Ok::<(), SenderError>(())
    });
    sent.into()
}

const PUT: Call = Call::Put(7, Blocking::Allowed);
const STOPPED: Call = Call::Close(CloseReason::Stopped);
const DROPPED: Call = Call::Close(CloseReason::Dropped);
const ABANDONED: Call = Call::Close(CloseReason::Abandoned);

fn failed(message: &str) -> Call {
    Call::Close(CloseReason::Failed { message: Text::new(message) })
}

fn panicked() -> Call {
    Call::Close(CloseReason::Panicked(Panic::default()))
}

/// A call, what it comes to, the state after it, and what the outlet was told.
type Case = (SenderState, fn(&mut Subject) -> Outcome, Outcome, SenderState, &'static [Call]);

fn run(cases: &[Case], set: impl Fn(&Record)) {
    for (at, (state, call, outcome, after, told)) in cases.iter().enumerate() {
        let (mut sender, record) = sender(*state);
        set(&record);
        assert_eq!(call(&mut sender), *outcome, "case {at}");
        assert_eq!(sender.state(), *after, "case {at}");
        assert_eq!(record.told.borrow().as_slice(), *told, "case {at}");
    }
}

#[test]
fn every_call_in_every_state() {
    use Outcome::{Done, NotSent, Wrong};
    run(
        &[
            (Initial, start, Done, Open, &[Call::Open]),
            (Open, start, Wrong(Open), Open, &[]),
            (Closed, start, Wrong(Closed), Closed, &[]),
            (Initial, send, NotSent(7, SendErrorKind::NotOpen(Initial)), Initial, &[]),
            (Open, send, Done, Open, &[PUT]),
            (Closed, send, NotSent(7, SendErrorKind::NotOpen(Closed)), Closed, &[]),
            (Initial, try_send, NotSent(7, SendErrorKind::NotOpen(Initial)), Initial, &[]),
            (Open, try_send, Done, Open, &[Call::Put(7, Blocking::Never)]),
            (Closed, try_send, NotSent(7, SendErrorKind::NotOpen(Closed)), Closed, &[]),
            (Initial, send_all, NotSent(7, SendErrorKind::NotOpen(Initial)), Initial, &[]),
            (Open, send_all, Done, Open, &[PUT, Call::Put(8, Blocking::Allowed)]),
            (Closed, send_all, NotSent(7, SendErrorKind::NotOpen(Closed)), Closed, &[]),
            (Initial, send_none, Done, Initial, &[]),
            (Open, send_none, Done, Open, &[]),
            (Closed, send_none, Done, Closed, &[]),
            (Initial, stop, Wrong(Initial), Initial, &[]),
            (Open, stop, Done, Closed, &[STOPPED]),
            (Closed, stop, Wrong(Closed), Closed, &[]),
            (Initial, scope, Done, Closed, &[Call::Open, PUT, STOPPED]),
            (Open, scope, Wrong(Open), Open, &[]),
            (Closed, scope, Wrong(Closed), Closed, &[]),
        ],
        |_| {},
    );
}

#[test]
fn every_call_when_the_foreground_is_gone() {
    use Outcome::{Done, Gone, NotSent, Wrong};
    run(
        &[
            // It never opened, so there is nothing to close.
            (Initial, start, Gone, Closed, &[Call::Open]),
            (Initial, scope, Gone, Closed, &[Call::Open]),
            (Open, send, NotSent(7, SendErrorKind::Disconnected), Open, &[PUT]),
            (Open, send_all, NotSent(7, SendErrorKind::Disconnected), Open, &[PUT]),
            // A foreground that is gone is no error of a worker that stops.
            (Open, stop, Done, Closed, &[STOPPED]),
            (Closed, stop, Wrong(Closed), Closed, &[]),
        ],
        |record| record.gone.set(true),
    );
}

#[test]
fn a_full_link_changes_no_state() {
    let full = Outcome::NotSent(7, SendErrorKind::Full);
    run(
        &[
            (Open, send, full, Open, &[PUT]),
            (Open, try_send, full, Open, &[Call::Put(7, Blocking::Never)]),
            (Open, send_all, full, Open, &[PUT]),
        ],
        |record| record.full.set(true),
    );
}

/// A sender that is dropped says how it ended its pipe, once. Only `stop` finishes a pipe.
#[test]
fn every_state_when_it_is_dropped() {
    let cases: [(SenderState, &[Call]); 3] =
        [(Initial, &[ABANDONED]), (Open, &[DROPPED]), (Closed, &[])];
    for (state, told) in cases {
        let (sender, record) = sender(state);
        drop(sender);
        assert_eq!(record.told.borrow().as_slice(), told, "{state}");
    }
}

#[test]
fn every_state_when_it_is_dropped_by_a_panic() {
    let cases: [(SenderState, &[Call]); 3] =
        [(Initial, &[ABANDONED]), (Open, &[panicked()]), (Closed, &[])];
    for (state, told) in cases {
        let (sender, record) = sender(state);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _dropped_on_the_way = sender;
            std::panic::resume_unwind(Box::new("the worker's own"));
        }));
        assert!(panicked.is_err());
        assert_eq!(record.told.borrow().as_slice(), told, "{state}");
    }
}

/// A sender can fail until it is closed, also when the foreground is gone.
#[test]
fn every_state_when_it_fails() {
    for (gone, state) in [false, true].into_iter().flat_map(|gone| [(gone, Initial), (gone, Open)])
    {
        let (mut sender, record) = sender(state);
        record.gone.set(gone);
        assert_eq!(fail(&mut sender), Outcome::Done, "{state}");
        assert_eq!(sender.state(), Closed);
        assert_eq!(fail(&mut sender), Outcome::Wrong(Closed));
        drop(sender);
        assert_eq!(*record.told.borrow(), [failed("no such file")], "{state}");
    }
}

#[cfg(feature = "alloc")]
#[test]
fn the_text_of_an_error_is_bounded_and_in_the_alternate_form() {
    struct Chain;
    impl std::fmt::Display for Chain {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(if f.alternate() { "cannot start: no such file" } else { "cannot start" })
        }
    }
    let (mut chained, record) = sender(Open);
    assert_eq!(chained.fail(Chain), Ok(()));
    assert_eq!(*record.told.borrow(), [failed("cannot start: no such file")]);

    let (mut long, record) = sender(Open);
    assert_eq!(long.fail("x".repeat(1 << 20)), Ok(()));
    let told = record.told.borrow();
    let [Call::Close(CloseReason::Failed { message })] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(message.as_str().len(), Text::MAX);
}

#[test]
fn a_sender_that_failed_to_open_says_nothing_when_it_is_dropped() {
    let (mut sender, record) = sender(Initial);
    record.gone.set(true);
    assert_eq!(sender.start(), Err(SenderError::Disconnected));
    drop(sender);
    assert_eq!(*record.told.borrow(), [Call::Open]);
}

/// Every way out of a scope: its end, an error, an end within, and a panic.
#[test]
fn a_scope_closes_on_every_way_out() {
    type Error = Box<dyn std::error::Error>;

    let (mut ok, record) = sender(Initial);
    assert!(ok.scope(|sender| Ok::<_, Error>(sender.state())).is_ok_and(|state| state == Open));
    drop(ok);
    assert_eq!(*record.told.borrow(), [Call::Open, STOPPED]);

    let (mut fails, record) = sender(Initial);
    let error = fails.scope(|_| Ok::<u8, Error>("one".parse()?)).map_err(|error| error.to_string());
    assert_eq!(error, Err("invalid digit found in string".into()), "the caller has the error");
    drop(fails);
    assert_eq!(*record.told.borrow(), [Call::Open, failed("invalid digit found in string")]);

    let (mut stops, record) = sender(Initial);
    let result = stops.scope(|sender| {
        sender.stop()?;
        sender.stop()
    });
    assert_eq!(result, Err(SenderError::WrongState(WrongState { state: Closed })));
    assert_eq!(*record.told.borrow(), [Call::Open, STOPPED], "what is closed stays as it is");

    let (mut panics, record) = sender(Initial);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _ = panics.scope(|_| -> Result<(), Error> {
            std::panic::resume_unwind(Box::new("the worker's own"))
        });
    }));
    assert!(unwound.is_err());
    assert_eq!(panics.state(), Closed);
    drop(panics);
    assert_eq!(*record.told.borrow(), [Call::Open, panicked()]);
}

#[test]
fn what_was_sent_and_dropped_is_counted() {
    let (mut sender, record) = sender(Open);
    assert!(sender.send_all([1, 2]).is_ok());
    record.drops.set(3);
    assert!(sender.try_send(3).is_ok());
    record.full.set(true);
    assert!(sender.send(4).is_err());
    let mut rest = [5, 6].into_iter();
    assert!(sender.send_all(&mut rest).is_err());
    assert_eq!(rest.next(), Some(6), "what was not tried stays");
    let counters = sender.counters();
    assert_eq!((counters.sent, counters.dropped), (3, 3));
}

#[test]
fn errors_name_the_state() {
    let (mut sender, _record) = sender(Initial);
    let error = sender.stop().map_err(|error| error.to_string());
    assert!(error.is_err_and(|text| text.contains("initial")));
    let error = sender.send(1).map_err(|error| error.to_string());
    assert!(error.is_err_and(|text| text.contains("initial")));
}
