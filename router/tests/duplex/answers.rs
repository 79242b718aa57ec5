//! Commands and answers over a channel.

use std::thread;
use std::time::Duration;

use homing_core::{RecvError, SendErrorKind};
use homing_router::{PipeOptions, RouteError};

use super::*;

/// Does what it is told, until the pipe is closed.
fn work(mut orders: CommandReceiver<Order>, mut sender: Sender<u32>) {
    while let Ok(order) = orders.recv() {
        match order {
            Order::Report(number) => sender.send(number).unwrap(),
            Order::Ask(reply) => sender.answer(reply, 42).unwrap(),
        }
    }
    sender.stop().unwrap();
}

#[test]
fn commands_and_answers_come_in_order() {
    let router = router();
    let mut app = App::new();
    let (orders, sender, remote) = one_pipe(&router);
    for number in 0..3 {
        remote.send(Order::Report(number)).unwrap();
        remote.ask(Order::Ask, on_answer).unwrap();
    }
    assert_eq!(remote.untaken(), 6);
    remote.cancel();
    thread::spawn(move || work(orders, sender)).join().unwrap();
    assert_eq!(remote.untaken(), 0);
    dispatch(&router, &mut app);
    let mut expected = Vec::new();
    for number in 0..3 {
        expected.extend([Told::Message(number), Told::Answer(42)]);
    }
    expected.push(Told::Ended(End::Finished));
    assert_eq!(app, expected);
}

#[test]
fn another_thread_of_the_foreground_sends_and_cancels() {
    let router = router();
    let mut app = App::new();
    let (orders, sender, remote) = one_pipe(&router);
    let handle = remote.handle();
    assert_eq!(handle.pipe(), remote.pipe());
    let worker = thread::spawn(move || work(orders, sender));
    thread::spawn(move || {
        handle.send(Order::Report(7)).unwrap();
        handle.clone().cancel();
    })
    .join()
    .unwrap();
    worker.join().unwrap();
    dispatch(&router, &mut app);
    assert_eq!(app, [Told::Message(7), Told::Ended(End::Finished)]);
}

#[test]
fn the_capacity_is_chosen_and_what_exceeds_it_comes_back() {
    let router = router();
    let mut app = App::new();
    let link = router.link(Channel::new()).unwrap();
    let options = PipeOptions::new().command_capacity(2 * 16);
    let (ends, remote, pipe) = link.duplex_with::<Order, u32>(options, on_event).unwrap();
    remote.send(Order::Report(1)).unwrap();
    remote.ask(Order::Ask, on_answer).unwrap();
    assert_eq!(remote.send(Order::Report(2)).unwrap_err().kind(), SendErrorKind::Full);
    let error = remote.ask(Order::Ask, on_answer).unwrap_err();
    assert!(error.is_full() && matches!(error.into_message(), Order::Ask(_)));
    assert_eq!(remote.untaken(), 2);
    router.close_pipe(&mut app, pipe).unwrap();
    // One question was asked.
    assert_eq!(app, [Told::Unanswered(End::Closed), Told::Ended(End::Closed)]);
    assert_eq!(remote.untaken(), 2);
    drop(ends);
}

#[test]
fn a_question_is_answered_once() {
    let router = router();
    let mut app = App::new();
    let (mut orders, mut sender, remote) = one_pipe(&router);
    remote.ask(Order::Ask, on_answer).unwrap();
    let Ok(Order::Ask(reply)) = orders.try_recv() else { panic!("the question did not come") };
    let again = Reply::<u32>::new(reply.question());
    sender.answer(reply, 1).unwrap();
    sender.answer(again, 2).unwrap();
    dispatch(&router, &mut app);
    let refused = || End::Refused(homing_core::ProtocolError::OutOfTurn);
    assert_eq!(app, [Told::Answer(1), Told::Ended(refused())]);
    assert_eq!(orders.try_recv().err(), Some(RecvError::Disconnected));
    assert_eq!(remote.send(Order::Report(1)).unwrap_err().kind(), SendErrorKind::Closed);
}

/// Far beyond what anything here takes.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_question_that_times_out_is_told_once_and_its_late_answer_is_dropped() {
    let router = router();
    let mut app = App::new();
    let (mut orders, mut sender, remote) = one_pipe(&router);
    remote.ask_within(Duration::ZERO, Order::Ask, on_answer).unwrap();
    remote.ask_within(LONG, Order::Ask, on_answer).unwrap();
    router.route_until(&mut app, |app| !app.is_empty(), None).unwrap();
    assert_eq!(app, [Told::TimedOut]);
    let mut next = || {
        let Ok(Order::Ask(reply)) = orders.try_recv() else { panic!("no question has come") };
        reply
    };
    let (late, timely) = (next(), next());
    let again = Reply::<u32>::new(late.question());
    sender.answer(late, 1).unwrap();
    sender.answer(timely, 2).unwrap();
    router.route_until(&mut app, |app| app.len() == 2, None).unwrap();
    assert_eq!(app[1], Told::Answer(2));
    // An answer cancels its question's alarm, so only the pipe is waited for.
    sender.answer(again, 3).unwrap();
    router.route_until(&mut app, |app| app.len() == 3, None).unwrap();
    assert_eq!(app[2], Told::Ended(End::Refused(homing_core::ProtocolError::OutOfTurn)));
    let none = router.route_until(&mut app, |_| false, None);
    assert!(matches!(none, Err(RouteError::NoLiveSenders)), "{none:?}");
}

#[test]
fn a_question_with_a_deadline_ends_with_its_pipe() {
    let router = router();
    let mut app = App::new();
    let (_orders, sender, remote) = one_pipe(&router);
    remote.ask_within(Duration::ZERO, Order::Ask, on_answer).unwrap();
    router.route_until(&mut app, |app| !app.is_empty(), None).unwrap();
    remote.ask_within(LONG, Order::Ask, on_answer).unwrap();
    drop(sender);
    router.route_until(&mut app, |app| app.len() == 3, None).unwrap();
    let dropped = [Told::TimedOut, Told::Unanswered(End::Dropped), Told::Ended(End::Dropped)];
    assert_eq!(app, dropped);
    let closed = remote.ask_within(Duration::ZERO, Order::Ask, on_answer).unwrap_err();
    assert_eq!(closed.kind(), SendErrorKind::Closed);
    let none = router.route_until(&mut app, |_| false, None);
    assert!(matches!(none, Err(RouteError::NoLiveSenders)), "{none:?}");
}

#[test]
fn an_answer_of_another_type_cuts_the_link_off_and_is_an_error_for_its_question() {
    let router = router();
    let mut app = App::new();
    let (mut orders, mut sender, remote) = one_pipe(&router);
    remote.ask(Order::Ask, on_answer).unwrap();
    let Ok(Order::Ask(reply)) = orders.try_recv() else { panic!("the question did not come") };
    sender.answer(Reply::new(reply.question()), "a text").unwrap();
    dispatch(&router, &mut app);
    let [Told::Unanswered(unanswered), Told::Ended(end)] = &app[..] else { panic!("{app:?}") };
    assert_eq!(unanswered, end);
    assert!(matches!(end, End::Refused(homing_core::ProtocolError::Undecodable(_))), "{end}");
}

/// The handler of a message dispatches: what comes meanwhile is told in order when it has returned.
#[test]
fn answers_keep_their_places_while_a_handler_runs() {
    let router = router();
    let link = router.link(Channel::new()).unwrap();
    let weak = router.downgrade();
    let ((mut orders, mut sender), remote, _) = link
        .duplex::<Order, u32>(move |app: &mut App, event| {
            let is_first = event == Event::Message(0);
            on_event(app, event);
            if is_first {
                dispatch(&weak.upgrade().unwrap(), app);
                assert_eq!(app.len(), 1);
            }
        })
        .unwrap();
    sender.start().unwrap();
    remote.ask(Order::Ask, on_answer).unwrap();
    let Ok(Order::Ask(reply)) = orders.try_recv() else { panic!("the question did not come") };
    sender.send(0).unwrap();
    sender.send(1).unwrap();
    sender.answer(reply, 2).unwrap();
    sender.send(3).unwrap();
    sender.stop().unwrap();
    let mut app = App::new();
    dispatch(&router, &mut app);
    let expected = [
        Told::Message(0),
        Told::Message(1),
        Told::Answer(2),
        Told::Message(3),
        Told::Ended(End::Finished),
    ];
    assert_eq!(app, expected);
}

#[test]
fn an_answer_does_not_replace_the_latest_message() {
    let router = router();
    let mut app = App::new();
    let link = router.link(Channel::new()).unwrap();
    let ((mut orders, mut sender), remote, _) =
        link.duplex_with::<Order, u32>(homing_core::Overflow::LatestWins, on_event).unwrap();
    sender.start().unwrap();
    remote.ask(Order::Ask, on_answer).unwrap();
    let Ok(Order::Ask(reply)) = orders.try_recv() else { panic!("the question did not come") };
    sender.send(1).unwrap();
    sender.answer(reply, 2).unwrap();
    sender.stop().unwrap();
    dispatch(&router, &mut app);
    assert_eq!(app, [Told::Message(1), Told::Answer(2), Told::Ended(End::Finished)]);
}

#[test]
fn a_question_may_be_asked_by_the_handler_of_an_answer() {
    let router = router();
    let mut app = App::new();
    let (orders, sender, remote) = one_pipe(&router);
    let next = remote.clone();
    let first = move |app: &mut App, answer| {
        on_answer(app, answer);
        next.ask(Order::Ask, on_answer).unwrap();
        next.cancel();
    };
    remote.ask(Order::Ask, first).unwrap();
    let worker = thread::spawn(move || work(orders, sender));
    router.route_until(&mut app, |app| app.len() == 3, None).unwrap();
    worker.join().unwrap();
    assert_eq!(app, [Told::Answer(42), Told::Answer(42), Told::Ended(End::Finished)]);
}
