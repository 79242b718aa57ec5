//! B18: any bytes from a worker.

use std::io::Write as _;
use std::process::Stdio;

use homing_core::{ConnectionId, End, Exit, Nonce, ProtocolError, Ticket};
use homing_mux::frame::{Header, MAX_BODY, MAX_HEADER, MAX_PREFIX, prefix};
use homing_process::Inherited;

use super::role::DISCONNECTED;
use super::{ProcessRig, Program, WellBehaved, Wire, spawn};
use crate::event_loops::EventLoopRig;
use crate::foreground::Foreground;

/// What each hostile worker writes, and what its receiver is told.
const CASES: [(&str, fn(&ProtocolError) -> bool); 17] = [
    ("garbage", |_| true),
    ("zeros", |_| true),
    ("no-hello", |violation| *violation == ProtocolError::Malformed),
    ("two-hellos", |violation| *violation == ProtocolError::Malformed),
    ("version", |violation| *violation == ProtocolError::Version(9)),
    ("long-length", |violation| *violation == ProtocolError::Malformed),
    ("large-frame", |violation| matches!(violation, ProtocolError::TooLarge { .. })),
    ("large-message", |violation| matches!(violation, ProtocolError::TooLarge { .. })),
    ("no-tag", |violation| *violation == ProtocolError::Malformed),
    ("undecodable", |violation| matches!(violation, ProtocolError::Undecodable(_))),
    ("more-than-one", |violation| matches!(violation, ProtocolError::Undecodable(_))),
    ("nobodys-pipe", |violation| *violation == ProtocolError::NotYours),
    ("fragment-before-start", |violation| *violation == ProtocolError::NotYours),
    ("fragment-of-nobodys-pipe", |violation| *violation == ProtocolError::NotYours),
    ("part-of-nothing", |violation| *violation == ProtocolError::OutOfTurn),
    ("started-twice", |violation| *violation == ProtocolError::OutOfTurn),
    ("missed-nobodys", |violation| *violation == ProtocolError::NotYours),
];

/// Cases that are about the length prefixes of a stream.
const STREAM_ONLY: [&str; 2] = ["long-length", "half"];

/// The cases that can be written to such a link.
fn cases(wire: Wire) -> impl Iterator<Item = (&'static str, fn(&ProtocolError) -> bool)> {
    expect_writable(wire);
    CASES.into_iter().filter(move |(case, _)| can_be_written(case, wire))
}

/// No check reports success that did not run.
fn expect_writable(wire: Wire) {
    assert_ne!(wire, Wire::Opaque, "the suite cannot write to such links: except this check");
}

fn can_be_written(case: &str, wire: Wire) -> bool {
    wire == Wire::Stream || !STREAM_ONLY.contains(&case)
}

/// What is written at once: on a link of datagrams, one of them.
struct Piece {
    bytes: Vec<u8>,
    /// Whether a stream has a length prefix before it.
    is_frame: bool,
}

impl Piece {
    fn on(self, wire: Wire) -> Vec<u8> {
        if !self.is_frame || wire != Wire::Stream {
            return self.bytes;
        }
        let mut buffer = [0; MAX_PREFIX];
        [prefix(self.bytes.len(), &mut buffer), &self.bytes].concat()
    }
}

fn frame(header: Header, body: &[u8]) -> Piece {
    let bytes = [header.encode(&mut [0; MAX_HEADER]), body].concat();
    Piece { bytes, is_frame: true }
}

fn raw(bytes: Vec<u8>) -> Piece {
    Piece { bytes, is_frame: false }
}

/// What a worker writes in a case, and whether it then waits instead of writing on.
fn pieces(case: &str, ticket: &Ticket<u64>) -> (Vec<Piece>, bool) {
    let (connection, nonce) = (ticket.connection(), ticket.nonce());
    let hello = || frame(Header::PREFACE, &[]);
    let start = || frame(Header::Start { connection, nonce, schema: 0 }, &[]);
    let opened = |piece: Piece| vec![hello(), start(), piece];
    let message = |body: &[u8]| frame(Header::Message { connection }, body);
    let stop = || frame(Header::Stop { connection, reason: 0 }, &[]);
    let nobodys = ConnectionId::from_parts(1 << 30, 0);
    let pieces = match case {
        "garbage" => {
            vec![raw((0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect())]
        }
        "zeros" => vec![raw(vec![0; 4096])],
        "no-hello" => {
            vec![frame(Header::Start { connection, nonce: Nonce::new(0), schema: 0 }, &[])]
        }
        "two-hellos" => vec![hello(), hello()],
        "version" => vec![frame(Header::Preface { magic: Header::MAGIC, version: 9 }, &[])],
        // 2 to the power of 60, as a varint.
        "long-length" => vec![hello(), raw([&[0x80; 8][..], &[0x10]].concat())],
        "large-frame" => opened(message(&vec![0; MAX_BODY + 1])),
        "large-message" => {
            opened(frame(Header::FirstFragment { connection, total: u32::MAX }, &[1]))
        }
        "no-tag" => opened(Piece { bytes: vec![0x7f], is_frame: true }),
        "undecodable" => opened(message(&[0xff; 11])),
        "more-than-one" => opened(message(&[1, 2])),
        "nobodys-pipe" => opened(frame(Header::Message { connection: nobodys }, &[1])),
        "fragment-before-start" => {
            vec![hello(), frame(Header::FirstFragment { connection, total: 1000 }, &[1])]
        }
        "fragment-of-nobodys-pipe" => {
            opened(frame(Header::FirstFragment { connection: nobodys, total: 1000 }, &[1]))
        }
        "part-of-nothing" => opened(frame(Header::Fragment { connection }, &[1])),
        "started-twice" => opened(start()),
        "missed-nobodys" => opened(frame(Header::Dropped { connection: nobodys, count: 1 }, &[])),
        "half" => {
            let mut whole = message(&[200, 1]).on(Wire::Stream);
            whole.pop();
            vec![hello(), start(), message(&[1]), raw(whole)]
        }
        "half-of-parts" => {
            let first = frame(Header::FirstFragment { connection, total: 10_000_000 }, &[0; 1000]);
            vec![hello(), start(), message(&[1]), first]
        }
        "after-stop" => vec![hello(), start(), message(&[1]), stop(), message(&[2]), stop()],
        other => panic!("no such case: {other}"),
    };
    (pieces, matches!(case, "half" | "half-of-parts" | "after-stop"))
}

/// In the worker: writes a case past its transport's worker end.
pub(super) fn write(case: &str, wire: Wire) {
    let Inherited { handles, ticket, .. } = Inherited::take().expect("a link");
    let mut out: std::fs::File = handles.into_iter().next().expect("a handle").into();
    let (pieces, waits) =
        pieces(case, &ticket.and_then(|ticket| ticket.parse().ok()).expect("a ticket"));
    let mut pieces = pieces.into_iter().map(|piece| piece.on(wire));
    let is_written = pieces.all(|piece| out.write_all(&piece).is_ok());
    if is_written && waits {
        // Until it is told to go, with the link open.
        let _ = std::io::stdin().read_line(&mut String::new());
        return;
    }
    // Until the foreground has closed its end.
    while out.write_all(&[0; 4096]).is_ok() {}
    std::process::exit(DISCONNECTED);
}

/// B18: bytes that no honest worker writes get its link cut off, with a reason that fits; the
/// worker learns that it is cut off, the link is closed, and an honest worker goes on.
///
/// An implementation that fails it trusts a length, or a peer.
pub fn b18_hostile_bytes_are_cut_off<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let cases: Vec<_> = cases(R::WIRE).collect();
    let mut foreground = Foreground::<H>::started();
    let mut honest = WellBehaved::spawn::<R, H>(&foreground, program, 0);
    for (number, (case, expected)) in (1..).zip(cases.iter().copied()) {
        let command = program.command(&format!("raw {case}"));
        let (worker, _) = spawn::<R, H>(&foreground, command, number);
        honest.ask();
        match foreground.end_of(number) {
            End::Refused(violation) => assert!(expected(&violation), "{case}: {violation:?}"),
            other => panic!("{case}: {other:?}"),
        }
        assert_eq!(foreground.app.count(number), 0, "{case}");
        foreground.until("the rogue's exit", |_| worker.exit().is_some());
        assert_eq!(worker.exit(), Some(Exit::Code(DISCONNECTED)), "{case}");
        foreground.until_links(1);
        assert!(!worker.is_open());
        honest.check(&mut foreground);
    }
    assert_eq!(foreground.router.counters().refused_links, cases.len() as u64);
}

/// B17, B18: half a message, and then nothing: it is never delivered, and no poll
/// waits for it; nor does a message in parts of which most never comes. When the worker exits, its
/// pipe is lost.
///
/// An implementation that fails it waits in a read on the foreground's thread.
pub fn b18_half_a_message_is_never_delivered<R: ProcessRig, H: EventLoopRig>(program: Program) {
    expect_writable(R::WIRE);
    let mut foreground = Foreground::<H>::started();
    let mut honest = WellBehaved::spawn::<R, H>(&foreground, program, 0);
    let halves = [(1, "half"), (2, "half-of-parts")].into_iter();
    for (number, case) in halves.filter(|(_, case)| can_be_written(case, R::WIRE)) {
        let mut command = program.command(&format!("raw {case}"));
        command.stdin(Stdio::piped());
        let (worker, _) = spawn::<R, H>(&foreground, command, number);
        foreground.until("the whole message", |app| app.count(number) == 1);
        honest.ask();
        honest.check(&mut foreground);
        assert_eq!(foreground.app.end(number), None);
        drop(worker.take_stdin());
        assert_eq!(foreground.end_of(number), End::Lost(Exit::Code(0).into()), "{case}");
        assert_eq!(foreground.app.messages(number), [1], "{case}");
    }
}

/// B13, B18: what follows a sender's end reaches no receiver, and a second end is ignored.
pub fn b18_nothing_follows_an_end<R: ProcessRig, H: EventLoopRig>(program: Program) {
    expect_writable(R::WIRE);
    let mut foreground = Foreground::<H>::started();
    let mut command = program.command("raw after-stop");
    command.stdin(Stdio::piped());
    let (worker, _) = spawn::<R, H>(&foreground, command, 1);
    assert_eq!(foreground.end_of(1), End::Finished);
    drop(worker.take_stdin());
    foreground.until("the exit", |_| worker.exit().is_some());
    assert_eq!(foreground.app.messages(1), [1]);
}
