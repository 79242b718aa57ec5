//! Bytes that no honest worker writes.

use std::fs::File;
use std::io::Write as _;

use homing_core::frame::{Head, PrefixedHead, VERSION};
use homing_core::{CloseReason, ProtocolError};
use homing_process::{LinkWaker, ProcessTransport as _};

use super::*;

/// A link whose worker writes what it likes.
fn raw(mut pipe: Pipe) -> (File, Foreground) {
    let mut prepared = pipe.prepare(LinkWaker::noop()).unwrap();
    let handle = prepared.handles.pop().unwrap();
    (File::from(handle), Foreground::new(prepared.inlet, prepared.doorbell))
}

fn frame(head: Head, body: &[u8]) -> Vec<u8> {
    let mut frame = head.encode_prefixed(body.len(), &mut PrefixedHead::new()).to_vec();
    frame.extend_from_slice(body);
    frame
}

fn a() -> ConnectionId {
    ConnectionId::from_parts(0, 0)
}

#[test]
fn violations_are_refused_with_a_reason() {
    let hello = || frame(Head::HELLO, &[]);
    let after_hello = |bytes: &[u8]| [hello(), bytes.to_vec()].concat();
    let versioned = |version| frame(Head::Hello { magic: Head::MAGIC, version }, &[]);
    let part = Head::Part { connection: a() };
    let abort = Head::Abort { connection: a() };
    let stop = Head::Stop { connection: a(), reason: CloseReason::Stopped };
    let first = |total| Head::First { connection: a(), total };
    let in_the_middle =
        |head: Head, body: &[u8]| after_hello(&[frame(first(9), &[1]), frame(head, body)].concat());
    let cases: Vec<(&str, Vec<u8>, Option<ProtocolError>)> = vec![
        ("garbage", b"GET / HTTP/1.1\r\n\r\n".repeat(10), None),
        ("zeroes", vec![0; 1000], Some(ProtocolError::Malformed)),
        ("ones", vec![0xff; 1000], Some(ProtocolError::Malformed)),
        (
            "a length of 2^60",
            after_hello(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]),
            Some(ProtocolError::Malformed),
        ),
        ("a length over the bound", after_hello(&[0xff, 0xff, 0x7f]), None),
        ("another version", versioned(VERSION + 1), Some(ProtocolError::Version(VERSION + 1))),
        ("version 0", versioned(0), Some(ProtocolError::Version(0))),
        ("another magic", frame(Head::Hello { magic: *b"NOPE", version: 1 }, &[]), None),
        ("a message before hello", frame(Head::Message { connection: a() }, &[1]), None),
        ("hello twice", after_hello(&hello()), Some(ProtocolError::Malformed)),
        ("an unknown head", after_hello(&[1, 8]), Some(ProtocolError::Malformed)),
        ("a head that is cut", after_hello(&[2, 2, 0x80]), Some(ProtocolError::Malformed)),
        (
            "a body where none belongs",
            after_hello(&frame(stop, &[1])),
            Some(ProtocolError::Malformed),
        ),
        ("a part of nothing", after_hello(&frame(part, &[1])), Some(ProtocolError::OutOfTurn)),
        ("an abort of nothing", after_hello(&frame(abort, &[])), Some(ProtocolError::OutOfTurn)),
        ("an end in the middle", in_the_middle(stop, &[]), Some(ProtocolError::OutOfTurn)),
        ("too many parts", in_the_middle(part, &[0; 9]), Some(ProtocolError::Malformed)),
        ("an empty part", in_the_middle(part, &[]), Some(ProtocolError::Malformed)),
        (
            "a message over the limit",
            after_hello(&frame(Head::Message { connection: a() }, &[0; 101])),
            Some(ProtocolError::TooLarge { len: 101, max: 100 }),
        ),
        (
            "an announcement of 4 GiB",
            after_hello(&frame(first(u32::MAX), &[])),
            Some(ProtocolError::TooLarge { len: u64::from(u32::MAX), max: 100 }),
        ),
    ];
    for (name, bytes, expected) in cases {
        let (mut worker, mut foreground) = raw(Pipe::new().limit(100));
        worker.write_all(&bytes).unwrap();
        // The worker stays: the violation does not wait for its end.
        let (got, end) = foreground.until_end();
        assert_eq!(got, [], "{name}");
        match (end, expected) {
            (LinkEnd::Refused(violation), Some(expected)) => {
                assert_eq!(violation, expected, "{name}")
            }
            (LinkEnd::Refused(_), None) => {}
            (end, _) => panic!("{name}: {end:?}"),
        }
    }
}

#[test]
fn half_a_frame_is_never_delivered() {
    let whole = frame(Head::Message { connection: a() }, &[7; 300]);
    for cut in 0..whole.len() {
        for gone in [true, false] {
            let (mut worker, mut foreground) = raw(Pipe::new());
            worker.write_all(&frame(Head::HELLO, &[])).unwrap();
            worker.write_all(&whole).unwrap();
            worker.write_all(&whole[..cut]).unwrap();
            assert_eq!(foreground.next(), Ok(Got::Message(0, vec![7; 300])));
            if gone {
                drop(worker);
                assert_eq!(foreground.next(), Err(LinkEnd::Gone(None)));
            } else {
                // Silence holds nothing up.
                foreground.pump();
                assert_eq!(foreground.poll(), Ok(None));
            }
        }
    }
}

#[test]
fn a_large_message_that_is_cut_off_is_never_delivered() {
    let (mut worker, mut foreground) = raw(Pipe::new());
    worker.write_all(&frame(Head::HELLO, &[])).unwrap();
    worker.write_all(&frame(Head::First { connection: a(), total: 1000 }, &[1; 10])).unwrap();
    worker.write_all(&frame(Head::Part { connection: a() }, &[1; 989])).unwrap();
    drop(worker);
    assert_eq!(foreground.until_end(), (vec![], LinkEnd::Gone(None)));
}
