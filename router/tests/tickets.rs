//! Tickets that belong to no link, used within this process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::thread;
use std::time::Duration;

use homing_core::{
    ClosePipeError, End, Event, ProtocolError, RecvError, Reply, SendErrorKind, SenderError, Ticket,
};
use homing_router::{Dispatched, DoorbellSet, LoopBinding, PipeOptions, RouteError, Router};
use homing_transport_channel::Channel;
use homing_transport_pipe::Pipe;
use serde::{Deserialize, Serialize};

/// Much longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, PartialEq)]
enum Told {
    Message(u32),
    Answer(u32),
    Ended(End),
}

type App = Vec<Told>;

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Order {
    Report(u32),
    Ask(Reply<u32>),
    Long(Vec<u8>),
}

fn record(app: &mut App, event: Event<u32>) {
    app.push(match event {
        Event::Message(message) => Told::Message(message),
        Event::Ended(end) => Told::Ended(end),
    });
}

fn router() -> Router<App> {
    let router = Router::new(LoopBinding::readiness(&DoorbellSet::new().unwrap()));
    router.start().unwrap();
    router
}

fn until(router: &Router<App>, app: &mut App, len: usize) {
    router.route_until(app, |app| app.len() >= len, Some(LONG)).unwrap();
}

/// As it travels to a worker.
fn sent<U, D>(ticket: &Ticket<U, D>) -> Ticket<U, D> {
    ticket.to_string().parse().unwrap()
}

#[test]
fn the_first_to_start_owns_the_pipe_and_no_other_link_does() {
    let router = router();
    let mut app = App::new();
    let (ticket, pipe) = router.ticket(record).unwrap();
    // It is lost with no link, also not with one on which a sender was made and dropped.
    let first = router.link(Pipe::new()).unwrap();
    let never_started = first.sender(sent(&ticket));
    let second = router.link(Pipe::new()).unwrap();
    let mut sender = second.sender(sent(&ticket));
    sender.start().unwrap();
    sender.send(1).unwrap();
    until(&router, &mut app, 1);
    // Too late, and cut off.
    let mut late = first.sender(sent(&ticket));
    late.start().unwrap();
    router.route_until(&mut app, |_| !first.is_open(), Some(LONG)).unwrap();
    assert!(second.is_open() && router.has_pipe(pipe));
    // The pipe ends with the link that owns it.
    sender.send(2).unwrap();
    sender.stop().unwrap();
    until(&router, &mut app, 3);
    assert_eq!(app, [Told::Message(1), Told::Message(2), Told::Ended(End::Finished)]);
    drop((never_started, late));
}

#[test]
fn an_unclaimed_pipe_outlives_links_and_is_lost_with_the_one_that_claims_it() {
    let router = router();
    let mut app = App::new();
    let (ticket, pipe) = router.ticket(record).unwrap();
    drop(router.link(Pipe::new()).unwrap());
    router.route_until(&mut app, |_| router.links() == 0, Some(LONG)).unwrap();
    assert!(router.has_pipe(pipe) && app.is_empty());
    let link = router.link(Pipe::new()).unwrap();
    let mut sender = link.sender(ticket);
    drop(link);
    sender.start().unwrap();
    drop(sender);
    until(&router, &mut app, 1);
    assert_eq!(app, [Told::Ended(End::Dropped)]);
}

#[test]
fn closing_and_stopping_end_an_unclaimed_pipe() {
    let router = router();
    let mut app = App::new();
    let (closed, pipe) = router.ticket(record).unwrap();
    let (_stopped, _) = router.ticket(record).unwrap();
    router.close_pipe(&mut app, pipe).unwrap();
    assert_eq!(app, [Told::Ended(End::Closed)]);
    assert_eq!(router.close_pipe(&mut app, pipe), Err(ClosePipeError::NoSuchPipe));
    let link = router.link(Pipe::new()).unwrap();
    let mut late = link.sender(closed);
    let worker = thread::spawn(move || {
        late.start()?;
        while !late.is_closed() {
            thread::yield_now();
        }
        assert_eq!(late.send(1).unwrap_err().kind(), SendErrorKind::Closed);
        Ok::<_, SenderError>(())
    });
    while !worker.is_finished() {
        let _ = router.route_until(&mut app, |_| false, Some(Duration::from_millis(1)));
    }
    worker.join().unwrap().unwrap();
    router.stop(&mut app).unwrap();
    assert_eq!(app, [Told::Ended(End::Closed), Told::Ended(End::Closed)]);
}

#[test]
fn an_unclaimed_pipe_is_waited_for_only_while_there_is_a_link() {
    let router = router();
    let mut app = App::new();
    let (ticket, _) = router.ticket(record).unwrap();
    let none = router.route_until(&mut app, |_| false, None);
    assert!(matches!(none, Err(RouteError::NoLiveSenders)), "{none:?}");
    let link = router.link(Pipe::new()).unwrap();
    let mut sender = link.sender(ticket);
    let worker = thread::spawn(move || {
        sender.start()?;
        sender.stop()
    });
    router.route_until(&mut app, |app| !app.is_empty(), None).unwrap();
    worker.join().unwrap().unwrap();
    // Nor does a shutdown wait for one, although it waits for the workers of duplex pipes.
    let (_ticket, _) = router.ticket(record).unwrap();
    let channel = router.link(Channel::new()).unwrap();
    let (ends, _remote, _) = channel.duplex::<u32, u32>(record).unwrap();
    drop((ends, channel, link));
    router.shutdown(&mut app, Duration::MAX).unwrap();
    assert_eq!(app.len(), 3);
}

#[test]
fn commands_wait_for_the_worker_that_claims_the_pipe() {
    let router = router();
    let mut app = App::new();
    let (ticket, remote, _) = router.duplex_ticket::<Order, u32>(record).unwrap();
    let link = router.link(Pipe::new()).unwrap();
    for number in 0..3 {
        remote.send(Order::Report(number)).unwrap();
    }
    remote
        .ask(Order::Ask, |app: &mut App, answer| app.push(Told::Answer(answer.unwrap())))
        .unwrap();
    remote.cancel();
    assert_eq!(remote.untaken(), 4);
    let (mut orders, mut sender) = link.duplex_ends(ticket);
    let handle = remote.handle();
    let worker = thread::spawn(move || {
        sender.start().unwrap();
        for number in 0..3 {
            assert_eq!(orders.recv(), Ok(Order::Report(number)));
        }
        let Ok(Order::Ask(reply)) = orders.recv() else { panic!("no question") };
        sender.answer(reply, 42).unwrap();
        assert_eq!(orders.recv(), Err(RecvError::Cancelled));
        assert!(sender.is_cancelled());
        handle.send(Order::Report(3)).unwrap();
        while orders.try_recv() != Ok(Order::Report(3)) {
            thread::yield_now();
        }
        sender.stop().unwrap();
    });
    until(&router, &mut app, 2);
    worker.join().unwrap();
    assert_eq!(app, [Told::Answer(42), Told::Ended(End::Finished)]);
    assert_eq!(remote.untaken(), 0);
    assert!(remote.send(Order::Report(4)).unwrap_err().is_closed());
}

#[test]
fn commands_that_wait_are_bounded_and_lost_with_the_pipe() {
    let router = router();
    let mut app = App::new();
    let options = PipeOptions::new().command_capacity(2 * (2 + 16));
    let (_ticket, remote, pipe) = router.duplex_ticket_with::<Order, u32>(options, record).unwrap();
    remote.send(Order::Report(1)).unwrap();
    remote.handle().send(Order::Report(2)).unwrap();
    assert_eq!(remote.send(Order::Report(3)).unwrap_err().into_message(), Order::Report(3));
    assert_eq!(remote.untaken(), 2);
    router.close_pipe(&mut app, pipe).unwrap();
    assert_eq!(remote.untaken(), 2);
    assert!(remote.send(Order::Report(3)).unwrap_err().is_closed());
    assert_eq!(app, [Told::Ended(End::Closed)]);
}

#[test]
fn a_command_that_the_claiming_link_cannot_carry_is_counted_and_harms_no_other() {
    let router = router();
    let mut app = App::new();
    let (ticket, remote, _) = router.duplex_ticket::<Order, u32>(record).unwrap();
    remote.send(Order::Long(vec![0; 1000])).unwrap();
    remote.send(Order::Report(1)).unwrap();
    let link = router.link(Pipe::new().limit(100)).unwrap();
    let (mut orders, mut sender) = link.duplex_ends(ticket);
    let worker = thread::spawn(move || {
        sender.start().unwrap();
        assert_eq!(orders.recv(), Ok(Order::Report(1)));
        sender.send(1).unwrap();
        assert_eq!(orders.recv(), Ok(Order::Report(2)));
        sender.stop().unwrap();
    });
    until(&router, &mut app, 1);
    // Its bounds are those of the link by now.
    let error = remote.send(Order::Long(vec![0; 1000])).unwrap_err();
    assert!(matches!(error.kind(), SendErrorKind::TooLarge { max: 100, .. }), "{error}");
    remote.send(Order::Report(2)).unwrap();
    until(&router, &mut app, 2);
    worker.join().unwrap();
    assert_eq!(app, [Told::Message(1), Told::Ended(End::Finished)]);
    assert_eq!(remote.untaken(), 1);
}

#[test]
fn a_ticket_of_another_router_costs_the_link() {
    let (ours, theirs) = (router(), router());
    let mut app = App::new();
    let (ticket, _) = theirs.ticket(record).unwrap();
    // So that there is a pipe with the ticket's name.
    let (_own, own) = ours.ticket(record).unwrap();
    let link = ours.link(Pipe::new()).unwrap();
    let (mut honest, _) = link.pipe(record).unwrap();
    honest.start().unwrap();
    let mut sender = link.sender(ticket);
    sender.start().unwrap();
    while ours.dispatch(&mut app) == Dispatched::Again {}
    until(&ours, &mut app, 1);
    assert_eq!(app, [Told::Ended(End::Refused(ProtocolError::NotYours))]);
    assert!(ours.has_pipe(own));
}
