use proptest::prelude::*;

use super::*;
use crate::frame::MAX_HEADER;

fn feed<'a>(
    reassembler: &'a mut Reassembler,
    frame: &'a mut Vec<u8>,
    header: Header,
    body: &[u8],
) -> Result<Arrival<'a>, ProtocolError> {
    frame.clear();
    frame.extend_from_slice(header.encode(&mut [0; MAX_HEADER]));
    frame.extend_from_slice(body);
    reassembler.push_frame(frame)
}

fn a() -> ConnectionId {
    ConnectionId::from_parts(0, 0)
}

fn b() -> ConnectionId {
    ConnectionId::from_parts(1, 0)
}

fn is_fragment(arrival: Result<Arrival<'_>, ProtocolError>, of: ConnectionId) -> bool {
    matches!(arrival, Ok(Arrival::Fragment { connection }) if connection == of)
}

/// The capacity of all buffers.
fn held(reassembler: &Reassembler) -> usize {
    let partial = reassembler.partial.values().map(|partial| partial.bytes.capacity());
    reassembler.whole.capacity() + partial.sum::<usize>()
}

#[test]
fn parts_of_two_messages_may_alternate() {
    let (mut reassembler, frame) = (Reassembler::new(8), &mut Vec::new());
    assert!(matches!(feed(&mut reassembler, frame, Header::PREFACE, &[]), Ok(Arrival::Partial)));
    let first = Header::FirstFragment { connection: a(), total: 4 };
    assert!(is_fragment(feed(&mut reassembler, frame, first, &[1, 2]), a()));
    let first = Header::FirstFragment { connection: b(), total: 4 };
    assert!(is_fragment(feed(&mut reassembler, frame, first, &[5]), b()));
    match feed(&mut reassembler, frame, Header::Fragment { connection: a() }, &[3, 4]) {
        Ok(Arrival::Message {
            connection,
            payload: Payload::Bytes { bytes: [1, 2, 3, 4], .. },
        }) => {
            assert_eq!(connection, a());
        }
        other => panic!("{other:?}"),
    }
    match feed(&mut reassembler, frame, Header::Fragment { connection: b() }, &[6, 7, 8]) {
        Ok(Arrival::Message { payload: Payload::Bytes { bytes: [5, 6, 7, 8], .. }, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(reassembler.announced, 0);
}

#[test]
fn a_part_is_read_where_the_message_is_put_together() {
    let first = |total| Header::FirstFragment { connection: a(), total };
    let part = Header::Fragment { connection: a() };
    let nothing = |_: &mut [u8]| panic!("nothing is to be read");
    let mut reassembler = Reassembler::new(8);
    assert!(reassembler.push_fragment(first(4), 2, nothing).is_err(), "no preface");
    feed(&mut reassembler, &mut Vec::new(), Header::PREFACE, &[]).unwrap();
    let message = Header::Message { connection: a() };
    assert!(reassembler.push_fragment(message, 2, nothing).is_err(), "no part");
    assert!(reassembler.push_fragment(part, 2, nothing).is_err(), "not begun");
    // The second is shorter, in the room of the first.
    for content in [&[1u8, 2, 3, 4, 5, 6][..], &[7, 8, 9]] {
        let (begin, rest) = content.split_at(2);
        let begun = reassembler.push_fragment(first(content.len() as u32), 2, |place| {
            place.copy_from_slice(begin);
        });
        assert!(is_fragment(begun, a()));
        assert!(reassembler.has_partial());
        match reassembler.push_fragment(part, rest.len(), |place| place.copy_from_slice(rest)) {
            Ok(Arrival::Message { payload: Payload::Bytes { bytes: got, .. }, .. }) => {
                assert_eq!(got, content)
            }
            other => panic!("{other:?}"),
        }
        assert!(!reassembler.has_partial());
    }
    feed(&mut reassembler, &mut Vec::new(), first(4), &[1, 2]).unwrap();
    assert!(reassembler.push_fragment(part, 3, nothing).is_err(), "more than announced");
}

#[test]
fn what_no_honest_worker_sends_is_refused() {
    let first = |total| Header::FirstFragment { connection: a(), total };
    let part = Header::Fragment { connection: a() };
    let abort = Header::Reset { connection: a() };
    let stop = Header::Stop { connection: a(), reason: 0 };
    let cases: &[(&str, &[(Header, &[u8])])] = &[
        ("no preface", &[(Header::Message { connection: a() }, &[1])]),
        ("two hellos", &[(Header::PREFACE, &[]), (Header::PREFACE, &[])]),
        ("a part of nothing", &[(Header::PREFACE, &[]), (part, &[1])]),
        ("an abort of nothing", &[(Header::PREFACE, &[]), (abort, &[])]),
        ("more than the limit", &[(Header::PREFACE, &[]), (first(9), &[1])]),
        ("more than announced", &[(Header::PREFACE, &[]), (first(2), &[1]), (part, &[2, 3])]),
        ("an empty part", &[(Header::PREFACE, &[]), (first(2), &[1]), (part, &[])]),
        ("all in the first", &[(Header::PREFACE, &[]), (first(2), &[1, 2])]),
        ("two at once", &[(Header::PREFACE, &[]), (first(2), &[1]), (first(2), &[1])]),
        ("a stop in between", &[(Header::PREFACE, &[]), (first(2), &[1]), (stop, &[])]),
        (
            "over the limit together",
            &[
                (Header::PREFACE, &[]),
                (first(5), &[1]),
                (Header::FirstFragment { connection: b(), total: 5 }, &[1]),
            ],
        ),
    ];
    for (name, frames) in cases {
        let (mut reassembler, buffer) = (Reassembler::new(8), &mut Vec::new());
        let (last, before) = frames.split_last().unwrap();
        for (header, body) in before {
            assert!(feed(&mut reassembler, buffer, *header, body).is_ok(), "{name}");
        }
        assert!(feed(&mut reassembler, buffer, last.0, last.1).is_err(), "{name}");
    }
}

/// After each large message a small one is begun, which takes over its buffer, and is never
/// finished.
#[test]
fn a_buffer_that_serves_again_is_cut_to_size() {
    const LIMIT: usize = 1 << 20;
    let (mut reassembler, frame) = (Reassembler::new(LIMIT), &mut Vec::new());
    feed(&mut reassembler, frame, Header::PREFACE, &[]).unwrap();
    for number in 1..MAX_PARTIAL {
        let total = LIMIT - 2 * (number - 1);
        let first = Header::FirstFragment { connection: a(), total: total as u32 };
        feed(&mut reassembler, frame, first, &[1]).unwrap();
        let mut left = total - 1;
        while left > 0 {
            let body = &vec![1; left.min(frame::MAX_BODY)];
            feed(&mut reassembler, frame, Header::Fragment { connection: a() }, body).unwrap();
            left -= body.len();
            assert!(held(&reassembler) <= LIMIT, "{} at {number}", held(&reassembler));
        }
        let connection = ConnectionId::from_parts(number as u32, 0);
        let first = Header::FirstFragment { connection, total: 2 };
        feed(&mut reassembler, frame, first, &[1]).unwrap();
        assert!(held(&reassembler) <= LIMIT, "{} at {number}", held(&reassembler));
    }
}

proptest! {
    /// Whatever frames come, and in whichever order, legal or not.
    #[test]
    fn all_buffers_together_keep_to_the_limit(
        steps in proptest::collection::vec((0u32..4, 0u8..6, 1usize..5000, 1usize..3000), 0..200),
    ) {
        const LIMIT: usize = 8192;
        let (mut reassembler, frame) = (Reassembler::new(LIMIT), &mut Vec::new());
        feed(&mut reassembler, frame, Header::PREFACE, &[]).unwrap();
        for (pipe, kind, total, len) in steps {
            let connection = ConnectionId::from_parts(pipe, 0);
            let header = match kind {
                0 | 1 => Header::FirstFragment { connection, total: total as u32 },
                2 => Header::Reset { connection },
                _ => Header::Fragment { connection },
            };
            let body = vec![1; if kind == 2 { 0 } else { len }];
            // A link ends with its first violation.
            if feed(&mut reassembler, frame, header, &body).is_err() {
                return Ok(());
            }
            prop_assert!(held(&reassembler) <= LIMIT, "{}", held(&reassembler));
        }
    }

    /// As an honest worker writes: each message to its end, a few at a time.
    #[test]
    fn buffers_keep_to_the_limit_and_messages_arrive(
        messages in proptest::collection::vec((0u32..3, 2usize..2700), 1..60),
    ) {
        const LIMIT: usize = 8192;
        let (mut reassembler, frame) = (Reassembler::new(LIMIT), &mut Vec::new());
        feed(&mut reassembler, frame, Header::PREFACE, &[]).unwrap();
        let mut left = [0usize; 3];
        for (pipe, total) in messages {
            let connection = ConnectionId::from_parts(pipe, 0);
            let rest = &mut left[pipe as usize];
            if *rest > 0 {
                let body = vec![pipe as u8; *rest];
                match feed(&mut reassembler, frame, Header::Fragment { connection }, &body) {
                    Ok(Arrival::Message { payload: Payload::Bytes { bytes, .. }, .. }) => {
                        prop_assert!(bytes.iter().all(|byte| *byte == pipe as u8));
                    }
                    other => panic!("{other:?}"),
                }
            }
            let first = Header::FirstFragment { connection, total: total as u32 };
            prop_assert!(is_fragment(
                feed(&mut reassembler, frame, first, &[pipe as u8]),
                connection
            ));
            *rest = total - 1;
            prop_assert!(held(&reassembler) <= LIMIT, "{}", held(&reassembler));
        }
    }
}

#[test]
fn an_aborted_message_leaves_nothing() {
    let (mut reassembler, frame) = (Reassembler::new(8), &mut Vec::new());
    feed(&mut reassembler, frame, Header::PREFACE, &[]).unwrap();
    for _ in 0..3 {
        feed(&mut reassembler, frame, Header::FirstFragment { connection: a(), total: 8 }, &[1])
            .unwrap();
        feed(&mut reassembler, frame, Header::Reset { connection: a() }, &[]).unwrap();
    }
    assert!(reassembler.partial.is_empty());
}
