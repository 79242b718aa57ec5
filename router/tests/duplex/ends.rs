//! However a pipe ends, each question gets one answer or one error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use homing_core::{RecvError, SendErrorKind};

use super::*;

fn panics(run: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}

#[test]
fn questions_without_an_answer_are_told_the_end_before_the_pipe_is() {
    let router = router();
    let mut app = App::new();
    let (orders, mut sender, remote) = one_pipe(&router);
    remote.ask(Order::Ask, on_answer).unwrap();
    remote.ask(Order::Ask, on_answer).unwrap();
    sender.send(1).unwrap();
    sender.fail("no idea").unwrap();
    dispatch(&router, &mut app);
    let end = || End::Failed { message: homing_core::Text::new("no idea") };
    assert_eq!(
        app,
        [Told::Message(1), Told::Unanswered(end()), Told::Unanswered(end()), Told::Ended(end())]
    );
    drop(orders);
    // The command comes back, and the handler is not called.
    let error = remote.ask(Order::Ask, |_, _| panic!("called")).unwrap_err();
    assert!(error.is_closed() && matches!(error.into_message(), Order::Ask(_)));
    assert_eq!(remote.untaken(), 2);
    dispatch(&router, &mut app);
    assert_eq!(app.len(), 4);
}

#[test]
fn a_pipe_that_is_closed_drops_messages_and_keeps_answers() {
    let router = router();
    let link = router.link(Channel::new()).unwrap();
    let weak = router.downgrade();
    let id = Rc::new(std::cell::Cell::new(None));
    let own = Rc::clone(&id);
    let ((mut orders, mut sender), remote, pipe) = link
        .duplex::<Order, u32>(move |app: &mut App, event| {
            let is_first = event == Event::Message(0);
            on_event(app, event);
            if is_first {
                let router = weak.upgrade().unwrap();
                // A message and an answer are stored.
                dispatch(&router, app);
                router.close_pipe(app, own.get().unwrap()).unwrap();
                assert_eq!(app.len(), 1, "not while its handler runs");
            }
        })
        .unwrap();
    id.set(Some(pipe));
    sender.start().unwrap();
    remote.ask(Order::Ask, on_answer).unwrap();
    remote.ask(Order::Ask, on_answer).unwrap();
    let Ok(Order::Ask(reply)) = orders.try_recv() else { panic!("the question did not come") };
    sender.send(0).unwrap();
    sender.send(1).unwrap();
    sender.answer(reply, 2).unwrap();
    let mut app = App::new();
    dispatch(&router, &mut app);
    let closed = || End::Closed;
    assert_eq!(
        app,
        [Told::Message(0), Told::Answer(2), Told::Unanswered(closed()), Told::Ended(closed())]
    );
    assert_eq!(sender.send(3).unwrap_err().kind(), SendErrorKind::Closed);
    assert_eq!(orders.try_recv().err(), Some(RecvError::Closed));
}

#[test]
fn close_and_stop_tell_all_questions_although_handlers_panic() {
    for stops in [false, true] {
        let router = router();
        let (_orders, _sender, remote) = one_pipe(&router);
        for number in 0..4 {
            let handler = move |app: &mut App, answer: Result<u32, AskError>| {
                on_answer(app, answer);
                assert!(number % 2 == 1, "on purpose");
            };
            remote.ask(Order::Ask, handler).unwrap();
        }
        let mut app = App::new();
        assert!(panics(|| match stops {
            true => router.stop(&mut app).unwrap(),
            false => router.close_pipe(&mut app, remote.pipe()).unwrap(),
        }));
        while router.is_due() {
            let _ = catch_unwind(AssertUnwindSafe(|| dispatch(&router, &mut app)));
        }
        let mut expected: Vec<_> = (0..4).map(|_| Told::Unanswered(End::Closed)).collect();
        expected.push(Told::Ended(End::Closed));
        assert_eq!(app, expected, "stops: {stops}");
    }
}

#[test]
fn a_link_that_is_lost_ends_its_questions() {
    let router = router();
    let mut app = App::new();
    let link = router.link(Channel::new()).unwrap();
    let ((orders, sender), remote, _) = link.duplex::<Order, u32>(on_event).unwrap();
    remote.ask(Order::Ask, on_answer).unwrap();
    // Not started: the pipe is lost.
    drop((orders, sender, link));
    dispatch(&router, &mut app);
    let lost = || End::Lost(homing_core::Lost::default());
    assert_eq!(app, [Told::Unanswered(lost()), Told::Ended(lost())]);
}

#[test]
fn a_router_that_is_dropped_drops_handlers_and_commands() {
    let held = Rc::new(());
    let router = router();
    let (mut orders, mut sender, remote) = one_pipe(&router);
    let (kept, own) = (Rc::clone(&held), remote.clone());
    let handler = move |_: &mut App, _: Result<u32, AskError>| drop((kept, own));
    remote.ask(Order::Ask, handler).unwrap();
    assert_eq!(Rc::strong_count(&held), 2);
    drop(router);
    assert_eq!(Rc::strong_count(&held), 1);
    assert_eq!(orders.try_recv().err(), Some(RecvError::Disconnected));
    assert_eq!(sender.send(1).unwrap_err().kind(), SendErrorKind::Disconnected);
    assert!(remote.send(Order::Report(1)).unwrap_err().is_closed());
}

#[test]
fn what_the_router_leaves_open_at_its_stop_is_told_to_the_worker_as_gone() {
    let router = router();
    let mut app = App::new();
    let (mut orders, mut sender, remote) = one_pipe(&router);
    remote.send(Order::Report(1)).unwrap();
    router.stop(&mut app).unwrap();
    assert_eq!(app, [Told::Ended(End::Closed)]);
    assert_eq!(orders.try_recv().err(), Some(RecvError::Disconnected));
    assert_eq!(sender.send(1).unwrap_err().kind(), SendErrorKind::Disconnected);
    assert!(remote.send(Order::Report(1)).unwrap_err().is_closed());
}
