//! B18: any bytes from a worker.

use std::io::Write as _;
use std::process::Stdio;

use homing_core::frame::{Head, PrefixedHead};
use homing_core::{CloseReason, ConnectionId, End, Exit, Nonce, ProtocolError, Ticket};
use homing_process::Inherited;

use super::role::DISCONNECTED;
use super::{ProcessRig, Program, WellBehaved, spawn};
use crate::event_loops::EventLoopRig;
use crate::foreground::Foreground;

/// What each hostile worker writes, and what its receiver is told.
const CASES: [(&str, fn(ProtocolError) -> bool); 15] = [
    ("garbage", |_| true),
    ("zeros", |_| true),
    ("no-hello", |violation| violation == ProtocolError::Malformed),
    ("two-hellos", |violation| violation == ProtocolError::Malformed),
    ("version", |violation| violation == ProtocolError::Version(9)),
    ("long-length", |violation| violation == ProtocolError::Malformed),
    ("large-frame", |violation| matches!(violation, ProtocolError::TooLarge { .. })),
    ("large-message", |violation| matches!(violation, ProtocolError::TooLarge { .. })),
    ("no-tag", |violation| violation == ProtocolError::Malformed),
    ("undecodable", |violation| violation == ProtocolError::Undecodable),
    ("more-than-one", |violation| violation == ProtocolError::Undecodable),
    ("nobodys-pipe", |violation| violation == ProtocolError::NotYours),
    ("part-of-nothing", |violation| violation == ProtocolError::OutOfTurn),
    ("started-twice", |violation| violation == ProtocolError::OutOfTurn),
    ("missed-nobodys", |violation| violation == ProtocolError::NotYours),
];

fn frame(head: Head, body: &[u8]) -> Vec<u8> {
    let mut buffer = PrefixedHead::new();
    let mut bytes = head.encode_prefixed(body.len(), &mut buffer).to_vec();
    bytes.extend_from_slice(body);
    bytes
}

/// The bytes of a case, and whether the worker then waits instead of writing on.
fn bytes(case: &str, ticket: &Ticket<u64>) -> (Vec<u8>, bool) {
    let (connection, nonce) = (ticket.connection(), ticket.nonce());
    let hello = || frame(Head::HELLO, &[]);
    let opened = || [hello(), frame(Head::Start { connection, nonce }, &[])].concat();
    let message = |body: &[u8]| frame(Head::Message { connection }, body);
    let nobodys = ConnectionId::from_parts(1 << 30, 0);
    let bytes = match case {
        "garbage" => (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
        "zeros" => vec![0; 4096],
        "no-hello" => frame(Head::Start { connection, nonce: Nonce::new(0) }, &[]),
        "two-hellos" => [hello(), hello()].concat(),
        "version" => frame(Head::Hello { magic: Head::MAGIC, version: 9 }, &[]),
        // 2 to the power of 60, as a varint.
        "long-length" => [hello(), [&[0x80; 8][..], &[0x10]].concat()].concat(),
        "large-frame" => [hello(), vec![0xff, 0xff, 0x7f]].concat(),
        "large-message" => {
            [opened(), frame(Head::First { connection, total: u32::MAX }, &[1])].concat()
        }
        "no-tag" => [opened(), vec![1, 0x7f]].concat(),
        "undecodable" => [opened(), message(&[0xff; 11])].concat(),
        "more-than-one" => [opened(), message(&[1, 2])].concat(),
        "nobodys-pipe" => [opened(), frame(Head::Message { connection: nobodys }, &[1])].concat(),
        "part-of-nothing" => [opened(), frame(Head::Part { connection }, &[1])].concat(),
        "started-twice" => [opened(), frame(Head::Start { connection, nonce }, &[])].concat(),
        "missed-nobodys" => {
            [opened(), frame(Head::Missed { connection: nobodys, count: 1 }, &[])].concat()
        }
        "half" => {
            let whole = message(&[200, 1]);
            [opened(), message(&[1]), whole[..whole.len() - 1].to_vec()].concat()
        }
        "half-of-parts" => {
            let first = frame(Head::First { connection, total: 10_000_000 }, &[0; 1000]);
            [opened(), message(&[1]), first].concat()
        }
        "after-stop" => {
            let stop = frame(Head::Stop { connection, reason: CloseReason::Stopped }, &[]);
            [opened(), message(&[1]), stop.clone(), message(&[2]), stop].concat()
        }
        other => panic!("no such case: {other}"),
    };
    (bytes, matches!(case, "half" | "half-of-parts" | "after-stop"))
}

/// In the worker: writes the bytes of a case past its transport's worker end.
pub(super) fn write(case: &str) {
    let Inherited { handles, ticket, .. } = Inherited::take().expect("a link");
    let mut out: std::fs::File = handles.into_iter().next().expect("a handle").into();
    let (bytes, waits) = bytes(case, &ticket.parse().expect("a ticket"));
    if out.write_all(&bytes).is_ok() && waits {
        // Until it is told to go, with the link open.
        let _ = std::io::stdin().read_line(&mut String::new());
        return;
    }
    // Whatever follows, somebody must say that nobody listens.
    while out.write_all(&[0; 4096]).is_ok() {}
    std::process::exit(DISCONNECTED);
}

/// B18: bytes that no honest worker writes get its link cut off, with a reason that fits; the
/// worker learns that nobody listens, the link is closed, and an honest worker goes on.
///
/// Who fails it trusts a length, or a peer.
pub fn b18_hostile_bytes_are_cut_off<R: ProcessRig, H: EventLoopRig>(program: Program) {
    if !R::STREAM {
        return;
    }
    let mut foreground = Foreground::<H>::started();
    let mut honest = WellBehaved::spawn::<R, H>(&foreground, program, 0);
    for (number, (case, expected)) in (1..).zip(CASES) {
        let command = program.command(&format!("raw {case}"));
        let (worker, _) = spawn::<R, H>(&foreground, command, number);
        honest.ask();
        match foreground.end_of(number) {
            End::Refused(violation) => assert!(expected(violation), "{case}: {violation:?}"),
            other => panic!("{case}: {other:?}"),
        }
        assert_eq!(foreground.app.count(number), 0, "{case}");
        foreground.until("the rogue's exit", |_| worker.exit().is_some());
        assert_eq!(worker.exit(), Some(Exit::Code(DISCONNECTED)), "{case}");
        foreground.until_links(1);
        assert!(!worker.is_open());
        honest.check(&mut foreground);
    }
    assert_eq!(foreground.router.counters().refused_links, CASES.len() as u64);
}

/// B17, B18: half a message, and then nothing: it is never delivered, and keeps nobody
/// waiting; nor does a message in parts of which most never comes. When the worker exits, its
/// pipe is lost.
///
/// Who fails it waits in a read on the foreground's thread.
pub fn b18_half_a_message_is_never_delivered<R: ProcessRig, H: EventLoopRig>(program: Program) {
    if !R::STREAM {
        return;
    }
    let mut foreground = Foreground::<H>::started();
    let mut honest = WellBehaved::spawn::<R, H>(&foreground, program, 0);
    for (number, case) in [(1, "half"), (2, "half-of-parts")] {
        let mut command = program.command(&format!("raw {case}"));
        command.stdin(Stdio::piped());
        let (worker, _) = spawn::<R, H>(&foreground, command, number);
        foreground.until("the whole message", |app| app.count(number) == 1);
        honest.ask();
        honest.check(&mut foreground);
        assert_eq!(foreground.app.end(number), None);
        drop(worker.take_stdin());
        assert_eq!(foreground.end_of(number), End::Lost(Some(Exit::Code(0))), "{case}");
        assert_eq!(foreground.app.messages(number), [1], "{case}");
    }
}

/// B13, B18: what follows a sender's end reaches nobody, and a second end is none.
pub fn b18_nothing_follows_an_end<R: ProcessRig, H: EventLoopRig>(program: Program) {
    if !R::STREAM {
        return;
    }
    let mut foreground = Foreground::<H>::started();
    let mut command = program.command("raw after-stop");
    command.stdin(Stdio::piped());
    let (worker, _) = spawn::<R, H>(&foreground, command, 1);
    assert_eq!(foreground.end_of(1), End::Finished);
    drop(worker.take_stdin());
    foreground.until("the exit", |_| worker.exit().is_some());
    assert_eq!(foreground.app.messages(1), [1]);
}
