//! Bytes that no honest worker writes.

use homing_core::ProtocolError;

use super::*;
use crate::FrameSink;
use crate::frame::{Header, VERSION};

fn a() -> ConnectionId {
    ConnectionId::from_parts(0, 0)
}

pub fn violations_are_refused_with_a_reason<R: SinkRig>() {
    let preface = || frame::<R::Sink>(Header::PREFACE, &[]);
    let after_preface = |bytes: &[u8]| [preface(), bytes.to_vec()].concat();
    let versioned =
        |version| frame::<R::Sink>(Header::Preface { magic: Header::MAGIC, version }, &[]);
    let fragment = Header::Fragment { connection: a() };
    let reset = Header::Reset { connection: a() };
    let reason = |reason| Header::Stop { connection: a(), reason };
    let stop = reason(0);
    let first = |total| Header::FirstFragment { connection: a(), total };
    let in_the_middle = |header: Header, body: &[u8]| {
        after_preface(&[frame::<R::Sink>(first(9), &[1]), frame::<R::Sink>(header, body)].concat())
    };
    let cases: Vec<(&str, Vec<u8>, Option<ProtocolError>)> = vec![
        ("garbage", b"GET / HTTP/1.1\r\n\r\n".repeat(10), None),
        ("zeroes", vec![0; 1000], Some(ProtocolError::Malformed)),
        ("ones", vec![0xff; 1000], Some(ProtocolError::Malformed)),
        (
            "a length of 2^60",
            after_preface(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]),
            Some(ProtocolError::Malformed),
        ),
        ("a length over the bound", after_preface(&[0xff, 0xff, 0x7f]), None),
        ("another version", versioned(VERSION + 1), Some(ProtocolError::Version(VERSION + 1))),
        ("version 0", versioned(0), Some(ProtocolError::Version(0))),
        (
            "another magic",
            frame::<R::Sink>(Header::Preface { magic: *b"NOPE", version: 1 }, &[]),
            None,
        ),
        (
            "a message before preface",
            frame::<R::Sink>(Header::Message { connection: a() }, &[1]),
            None,
        ),
        ("preface twice", after_preface(&preface()), Some(ProtocolError::Malformed)),
        ("a reserved tag", after_preface(&[3, 8, 0, 0]), Some(ProtocolError::Malformed)),
        ("an unknown tag", after_preface(&[1, 200]), Some(ProtocolError::Malformed)),
        ("a header that is cut", after_preface(&[2, 2, 0x80]), Some(ProtocolError::Malformed)),
        (
            "a body where none belongs",
            after_preface(&frame::<R::Sink>(reset, &[1])),
            Some(ProtocolError::Malformed),
        ),
        (
            "a fragment of nothing",
            after_preface(&frame::<R::Sink>(fragment, &[1])),
            Some(ProtocolError::OutOfTurn),
        ),
        (
            "a reset of nothing",
            after_preface(&frame::<R::Sink>(reset, &[])),
            Some(ProtocolError::OutOfTurn),
        ),
        ("an unknown reason of an end", after_preface(&frame::<R::Sink>(reason(200), &[])), None),
        ("a text that is none", after_preface(&frame::<R::Sink>(stop, &[0xff])), None),
        ("an end in the middle", in_the_middle(stop, &[]), Some(ProtocolError::OutOfTurn)),
        ("too much in fragments", in_the_middle(fragment, &[0; 9]), Some(ProtocolError::Malformed)),
        ("an empty fragment", in_the_middle(fragment, &[]), Some(ProtocolError::Malformed)),
        (
            "a message over the limit",
            after_preface(&frame::<R::Sink>(Header::Message { connection: a() }, &[0; 101])),
            Some(ProtocolError::TooLarge { len: 101, max: 100 }),
        ),
        (
            "an announcement of 4 GiB",
            after_preface(&frame::<R::Sink>(first(u32::MAX), &[])),
            Some(ProtocolError::TooLarge { len: u64::from(u32::MAX), max: 100 }),
        ),
    ];
    for (name, bytes, expected) in cases {
        let (mut worker, mut foreground) = R::raw(100);
        worker(&bytes);
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

pub fn half_a_frame_is_never_delivered<R: SinkRig>() {
    let whole = frame::<R::Sink>(Header::Message { connection: a() }, &[7; 300]);
    for cut in (0..whole.len()).step_by(<R::Sink as FrameSink>::ALIGN) {
        for gone in [true, false] {
            let (mut worker, mut foreground) = R::raw(DEFAULT_LIMIT);
            worker(&frame::<R::Sink>(Header::PREFACE, &[]));
            worker(&whole);
            worker(&whole[..cut]);
            assert_eq!(foreground.recv(), Ok(Got::Message(0, vec![7; 300])));
            if gone {
                drop(worker);
                assert_eq!(foreground.recv(), Err(LinkEnd::gone()));
            } else {
                // Silence holds nothing up.
                foreground.pump();
                assert_eq!(foreground.poll(), Ok(None));
            }
        }
    }
}

pub fn a_large_message_that_is_cut_off_is_never_delivered<R: SinkRig>() {
    let (mut worker, mut foreground) = R::raw(DEFAULT_LIMIT);
    worker(&frame::<R::Sink>(Header::PREFACE, &[]));
    worker(&frame::<R::Sink>(Header::FirstFragment { connection: a(), total: 1000 }, &[1; 10]));
    worker(&frame::<R::Sink>(Header::Fragment { connection: a() }, &[1; 989]));
    drop(worker);
    assert_eq!(foreground.until_end(), (vec![], LinkEnd::gone()));
}
