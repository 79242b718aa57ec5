//! Links of bytes: what a worker may say about its way back, and when that is flushed.

use std::process::Command;
use std::time::Duration;

use homing_core::{PipeErrorKind, ProtocolError, SendErrorKind, Ticket};
use homing_process::{Doorbell, LinkWaker, Prepared, ProcessTransport};
use homing_router::SpawnError;
use serde::Serialize;

use super::scripted::{Item, Script, ScriptedFactory};
use super::*;

/// What is sent over links of bytes.
#[derive(Serialize)]
enum Query {
    Ask(Reply<u32>),
    Nested(Option<Option<Option<Option<Option<Option<Option<Option<Option<()>>>>>>>>>),
    Long(Vec<u8>),
}

/// A link with one pipe, which the worker has started.
fn started(
    router: &Router<App>,
    app: &mut App,
) -> (Script, Link<App, ScriptedFactory>, Ticket<u32, Query>, Remote<App, Query>) {
    let script = Script::default();
    let link = router.link(script.clone()).unwrap();
    let (ticket, remote, _) = link.duplex::<Query, u32>(on_event).unwrap();
    script.push(Item::Started(ticket.connection(), ticket.nonce()));
    dispatch(router, app);
    assert_eq!(script.down.take_notices(), [format!("started {}", ticket.connection().index())]);
    (script, link, ticket, remote)
}

#[test]
fn answers_are_decoded_and_commands_that_were_taken_are_counted() {
    let router = router();
    let mut app = App::new();
    let (script, _link, ticket, remote) = started(&router, &mut app);
    remote.ask(Query::Ask, on_answer).unwrap();
    remote.ask(Query::Ask, on_answer).unwrap();
    assert_eq!(*script.down.sent.lock().unwrap(), [[0, 0], [0, 1]]);
    assert_eq!(remote.untaken(), 2);
    let connection = ticket.connection();
    script.push(Item::Taken(connection, 2));
    script.push(Item::Answer(connection, 1, vec![7]));
    script.push(Item::Message(connection, vec![8]));
    script.push(Item::Answer(connection, 0, vec![9]));
    dispatch(&router, &mut app);
    assert_eq!(app, [Told::Answer(7), Told::Message(8), Told::Answer(9)]);
    assert_eq!(remote.untaken(), 0);
}

/// A ticket of no link, which is claimed over one that has no way back.
#[test]
fn a_duplex_pipe_that_is_claimed_without_a_way_back_is_refused_with_the_reason() {
    let router = router();
    let mut app = App::new();
    let script = Script::default();
    let link = router.link(script.clone()).unwrap();
    let (ticket, remote, _) = router.duplex_ticket::<Query, u32>(on_event).unwrap();
    remote.ask(Query::Ask, on_answer).unwrap();
    script.push(Item::Started(ticket.connection(), ticket.nonce()));
    dispatch(&router, &mut app);
    let refused = || End::Refused(ProtocolError::NoWayBack);
    assert_eq!(app, [Told::Unanswered(refused()), Told::Ended(refused())]);
    assert!(!link.is_open());
    assert_eq!(router.counters().refused_links, 1);
}

#[test]
fn a_worker_that_lies_on_the_way_back_is_cut_off_and_open_questions_get_one_error() {
    let undecodable = |end: &End| matches!(end, End::Refused(ProtocolError::Undecodable(_)));
    let out_of_turn = |end: &End| *end == End::Refused(ProtocolError::OutOfTurn);
    type Lie = fn(homing_core::ConnectionId) -> Item;
    let lies: [(Lie, &dyn Fn(&End) -> bool); 4] = [
        (|connection| Item::Answer(connection, 5, vec![1]), &out_of_turn),
        (|connection| Item::Answer(connection, 0, vec![]), &undecodable),
        (|connection| Item::Answer(connection, 0, vec![1, 2]), &undecodable),
        (|connection| Item::Taken(connection, 2), &out_of_turn),
    ];
    for (lie, expected) in lies {
        let router = router();
        let mut app = App::new();
        let (script, link, ticket, remote) = started(&router, &mut app);
        remote.ask(Query::Ask, on_answer).unwrap();
        script.push(lie(ticket.connection()));
        script.push(Item::Answer(ticket.connection(), 0, vec![1]));
        dispatch(&router, &mut app);
        let [Told::Unanswered(unanswered), Told::Ended(end)] = &app[..] else { panic!("{app:?}") };
        assert!(unanswered == end && expected(end), "{end}");
        assert!(!link.is_open());
        assert!(remote.send(Query::Long(vec![])).unwrap_err().is_closed());
    }
}

#[test]
fn commands_that_cannot_be_encoded_or_are_too_long_come_back_and_ask_nothing() {
    let router = router();
    let mut app = App::new();
    let (_script, _link, _, remote) = started(&router, &mut app);
    let too_long = remote.send(Query::Long(vec![0; 200])).unwrap_err();
    assert!(matches!(too_long.kind(), SendErrorKind::TooLarge { max: 100, .. }));
    let nested = Query::Nested(Some(Some(Some(Some(Some(Some(Some(Some(Some(()))))))))));
    let error = remote.ask::<u32>(|_| nested, |_, _| panic!("called")).unwrap_err();
    assert!(matches!(error.kind(), SendErrorKind::Unencodable { .. }));
    assert!(matches!(error.into_message(), Query::Nested(_)));
    router.stop(&mut app).unwrap();
    assert_eq!(app, [Told::Ended(End::Closed)]);
}

#[test]
fn a_link_is_flushed_whenever_it_was_woken_before_it_sleeps() {
    let router = router();
    let mut app = App::new();
    let script = Script::default();
    let link = router.link(script.clone()).unwrap();
    let flushes_of = |app: &mut App| {
        let before = script.down.flushes();
        script.wake();
        dispatch(&router, app);
        script.down.flushes() - before
    };
    assert_eq!(flushes_of(&mut app), 0, "there is nothing to flush");
    let (_ticket, _remote, _) = link.duplex::<Query, u32>(on_event).unwrap();
    assert_eq!([flushes_of(&mut app), flushes_of(&mut app)], [1, 1]);
}

/// A mailbox that is full keeps the link from being served, and not its way back.
#[test]
fn a_link_whose_mailbox_is_full_is_flushed_and_goes_on_when_it_is_read() {
    let router = router();
    let mut app = App::new();
    let (script, link, ticket, remote) = started(&router, &mut app);
    let (read, mut mailbox) = link.mailbox_with::<u32>(homing_core::Overflow::Wait, 1).unwrap();
    script.push(Item::Started(read.connection(), read.nonce()));
    for message in 1..4 {
        script.push(Item::Message(read.connection(), vec![message]));
    }
    script.push(Item::Message(ticket.connection(), vec![9]));
    dispatch(&router, &mut app);
    assert_eq!((mailbox.len(), app.len()), (1, 0));
    for _ in 0..2 {
        let before = script.down.flushes();
        script.wake();
        dispatch(&router, &mut app);
        assert_eq!(script.down.flushes() - before, 1);
    }
    for message in 1..4 {
        assert_eq!(mailbox.try_recv(), Some(Event::Message(message)));
        dispatch(&router, &mut app);
    }
    assert_eq!(app, [Told::Message(9)]);
    drop(remote);
}

#[test]
fn a_worker_is_told_of_pipes_that_are_closed_also_when_it_starts_them_late() {
    let router = router();
    let mut app = App::new();
    let (script, link, ticket, remote) = started(&router, &mut app);
    router.close_pipe(&mut app, remote.pipe()).unwrap();
    assert_eq!(
        script.down.take_notices(),
        [format!("remote closed {}", ticket.connection().index())]
    );
    let (one_way, pipe) = link.pipe::<u32, _>(on_event).unwrap();
    let (read, mailbox) = link.mailbox::<u32>().unwrap();
    let close = |ticket: &Ticket<u32>| format!("close {}", ticket.connection().index());
    router.close_pipe(&mut app, pipe).unwrap();
    drop(mailbox);
    assert_eq!(script.down.take_notices(), [close(&one_way), close(&read)]);
    script.push(Item::Started(one_way.connection(), one_way.nonce()));
    dispatch(&router, &mut app);
    assert_eq!(script.down.take_notices(), [close(&one_way)]);
}

#[test]
fn shutdown_announces_the_stop() {
    let router = router();
    let mut app = App::new();
    let (script, _link, ticket, _remote) = started(&router, &mut app);
    router.shutdown(&mut app, Duration::from_millis(1)).unwrap();
    let index = ticket.connection().index();
    assert_eq!(script.down.take_notices(), ["stop".into(), format!("remote closed {index}")]);
    assert_eq!(app, [Told::Ended(End::Closed)]);
}

#[test]
fn a_link_without_a_way_back_has_no_duplex_pipes() {
    let router = router();
    let script = Script::default();
    script.one_way.set(true);
    let link = router.link(script).unwrap();
    let refused = link.duplex::<Query, u32>(|_, _| panic!("called")).unwrap_err();
    assert_eq!(refused, PipeErrorKind::NoWayBack);
    assert_eq!(router.open_pipes(), 0);
}

/// A transport to worker processes that has no way back.
struct OneWay;

impl ProcessTransport for OneWay {
    fn prepare(&mut self, _: LinkWaker) -> std::io::Result<Prepared> {
        Ok(Prepared::new("one-way", NoInlet, Doorbell::from(()), Vec::new(), 100))
    }
}

struct NoInlet;

impl homing_core::Inlet for NoInlet {
    fn poll(&mut self) -> Result<Option<homing_core::Arrival<'_>>, homing_core::LinkEnd> {
        Ok(None)
    }
}

#[test]
fn no_process_is_started_without_the_way_back_that_it_needs() {
    let router = router();
    let command = Command::new("/there/is/no/such/program");
    let refused = router.spawn(OneWay, command).duplex::<Query, u32>(on_event).unwrap_err();
    assert!(matches!(refused, SpawnError::Pipe(PipeErrorKind::NoWayBack)), "{refused}");
    assert!(refused.to_string().contains("way back"));
    assert_eq!((router.links(), router.open_pipes()), (0, 0));
}
