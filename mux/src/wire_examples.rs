//! The examples in `WIRE.md` are what the code writes and reads.

use homing_core::{CloseReason, ConnectionId, Disconnected, MessageType, Nonce, Panic, Text};
use serde::Serialize;

use crate::frame::{
    Header, MAX_BODY, MAX_CLOSE_TEXT, MAX_FRAME, MAX_HEADER, MAX_MESSAGE_HEADER, MAX_TYPE_NAME,
    parse, split,
};
use crate::message::{Encoded, MessageBounds, MessageTemplate, SHORT};
use crate::way_back::{OVERHEAD, WINDOW};
use crate::{FrameSink, MAX_PARTIAL, Written, close_reason};

/// A sink of which only the alignment is of interest.
struct Examples;

impl FrameSink for Examples {
    fn try_write(&self, _: &[u8], _: &[u8]) -> Result<Written, Disconnected> {
        Ok(Written::WouldBlock)
    }

    fn wait_writable(&self, _: usize, _: &dyn Fn() -> bool) -> Result<(), Disconnected> {
        Ok(())
    }
}

const PAGE: &str = include_str!("../../WIRE.md");

fn connection() -> ConnectionId {
    ConnectionId::from_parts(1, 300)
}

/// As an outlet writes it.
fn message<M: Serialize>(message: M) -> Vec<u8> {
    let mut room = [0; SHORT];
    let bounds = MessageBounds { len: 1000, depth: 1 };
    match MessageTemplate::new(connection())
        .encode::<M, Examples>(&message, bounds, &mut room)
        .unwrap()
    {
        Encoded::Short(short) => short.frame(&room).to_vec(),
        Encoded::Long(long) => long.frame().to_vec(),
    }
}

/// The bytes that the page's table gives for an example.
fn example(name: &str) -> Vec<u8> {
    let row = PAGE.lines().find(|line| line.starts_with(&format!("| {name} "))).unwrap();
    let bytes = row.split('`').nth(1).unwrap();
    bytes.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn panicked(message: &str, location: &str) -> CloseReason {
    CloseReason::Panicked(Panic::new(message, location))
}

#[test]
fn wire_examples() {
    let connection = connection();
    let start = |message_type| {
        let (header, name) = Header::start(connection, Nonce::new(1000), message_type);
        header.frame(name)
    };
    let stop = |reason| {
        let (reason, text) = close_reason::encode(&reason, MAX_CLOSE_TEXT);
        Header::Stop { connection, reason }.frame(&text)
    };
    let cases = [
        ("Preface", Header::PREFACE.frame(&[])),
        ("Start", start(MessageType::UNCHECKED)),
        ("Start, with the fingerprint 1000 of the type \"P\"", start(MessageType::new(1000, "P"))),
        ("Message, 5 as a u32", message(5u32)),
        ("Message, the string \"home\"", message("home")),
        (
            "FirstFragment, of 5 bytes in all, the first 2",
            Header::FirstFragment { connection, total: 5 }.frame(&[4, b'h']),
        ),
        ("Fragment, the other 3", Header::Fragment { connection }.frame(b"ome")),
        ("Reset", Header::Reset { connection }.frame(&[])),
        ("Dropped, 200", Header::Dropped { connection, count: 200 }.frame(&[])),
        ("Stop, stopped", stop(CloseReason::Stopped)),
        ("Stop, by a panic of which nothing is known", stop(panicked("", ""))),
        ("Stop, by a panic that said \"no\" at a.rs:1:2", stop(panicked("no", "a.rs:1:2"))),
        ("Stop, failed with \"no\"", stop(CloseReason::Failed { message: Text::new("no") })),
        (
            "Answer to question 7, 5 as a u32",
            Header::Answer { connection, question: 7 }.frame(&[5]),
        ),
        (
            "FirstAnswer to question 7, of 5 bytes in all, the first 2",
            Header::FirstAnswer { connection, question: 7, total: 5 }.frame(&[4, b'h']),
        ),
        ("Taken, 200 commands", Header::Taken { connection, commands: 200 }.frame(&[])),
        ("Cancel", Header::Cancel { connection }.frame(&[])),
        ("Close", Header::Close { connection }.frame(&[])),
        ("Leave", Header::Leave.frame(&[])),
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
    assert_eq!((MAX_HEADER, MAX_MESSAGE_HEADER), (37, 16));
    assert_eq!((MAX_BODY, MAX_FRAME, MAX_PARTIAL), (65_536, 65_573, 64));
    assert_eq!((MAX_CLOSE_TEXT, MAX_TYPE_NAME), (4096, 256));
    assert_eq!((WINDOW, OVERHEAD), (32_768, 16));
}
