//! The examples in `WIRE.md` are what the code writes and reads.

use homing_core::frame::{Head, MAX_BODY, MAX_FRAME, MAX_HEAD, PrefixedHead, parse, split};
use homing_core::{CloseReason, MAX_PARTIAL};

use super::*;
use crate::message::MessageHead;

const PAGE: &str = include_str!("../../../WIRE.md");

fn connection() -> ConnectionId {
    ConnectionId::from_parts(1, 300)
}

fn frame(head: Head, body: &[u8]) -> Vec<u8> {
    let mut frame = head.encode_prefixed(body.len(), &mut PrefixedHead::new()).to_vec();
    frame.extend_from_slice(body);
    frame
}

/// As an outlet writes it.
fn message<M: Serialize>(message: M) -> Vec<u8> {
    let mut frame = Vec::new();
    MessageHead::new(connection()).append(&message, 1000, &mut frame).unwrap();
    frame
}

/// The bytes that the page's table gives for an example.
fn example(name: &str) -> Vec<u8> {
    let row = PAGE.lines().find(|line| line.starts_with(&format!("| {name} "))).unwrap();
    let bytes = row.split('`').nth(1).unwrap();
    bytes.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn wire_examples() {
    let connection = connection();
    let stop = |reason| frame(Head::Stop { connection, reason }, &[]);
    let cases = [
        ("Hello", frame(Head::HELLO, &[])),
        ("Start", frame(Head::Start { connection, nonce: Nonce::new(1000) }, &[])),
        ("Message, 5 as a u32", message(5u32)),
        ("Message, the string \"home\"", message("home")),
        (
            "First, of 5 bytes in all, the first 2",
            frame(Head::First { connection, total: 5 }, &[4, b'h']),
        ),
        ("Part, the other 3", frame(Head::Part { connection }, b"ome")),
        ("Abort", frame(Head::Abort { connection }, &[])),
        ("Missed, 200", frame(Head::Missed { connection, count: 200 }, &[])),
        ("Stop, stopped", stop(CloseReason::Stopped)),
        ("Stop, by a panic", stop(CloseReason::Panicked)),
    ];
    // No example on the page is left out.
    let rows = PAGE.split("\n## ").find(|part| part.starts_with("7.")).unwrap().lines();
    let examples = rows.filter(|row| row.starts_with("| ") && row.contains("` ")).count();
    assert_eq!(examples, cases.len() + 1);
    for (name, bytes) in cases {
        assert_eq!(bytes, example(name), "{name}");
        let (frame, rest) = split(&bytes).unwrap().unwrap();
        assert!(parse(frame).is_ok() && rest.is_empty(), "{name}");
    }
    let long = message([1u8; 298].as_slice());
    let beginning = example("Message, with a body of 300 bytes: its beginning");
    assert!(long.starts_with(&beginning), "{long:x?}");
}

#[test]
fn wire_limits() {
    assert_eq!((MAX_HEAD, MAX_BODY, MAX_FRAME, MAX_PARTIAL), (27, 65_536, 65_563, 64));
}
