use proptest::prelude::*;

use super::*;

const M32: u32 = u32::MAX;
const M64: u64 = u64::MAX;

/// The longest header of a frame with a message.
const LONGEST: Header =
    Header::Stop { port: M32, run: M32, number: M64, reason: CloseKind::Abandoned };

/// The longest of the others.
const LONGEST_OTHERS: [Header; 3] = [
    Header::Answer { port: M32, run: M32, number: M64, of: M32, question: M32 },
    Header::Taken { port: M32, run: M32, of: M32, number: M64, told: 7, window: M32 },
    Header::State { port: M32, run: M32, first: M64, number: M64, told: 7 },
];

/// A message that encodes as these bytes.
struct Raw(Vec<u8>);

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple as _;
        let mut bytes = serializer.serialize_tuple(self.0.len())?;
        self.0.iter().try_for_each(|byte| bytes.serialize_element(byte))?;
        bytes.end()
    }
}

/// What lies between the delimiters of a frame.
fn between(frame: &[u8]) -> Vec<u8> {
    assert_eq!((frame[0], frame[frame.len() - 1]), (DELIMITER, DELIMITER));
    let segment = frame[1..frame.len() - 1].to_vec();
    assert!(!segment.contains(&DELIMITER));
    segment
}

fn head() -> impl Strategy<Value = Header> {
    (any::<u32>(), any::<u32>(), any::<u64>(), any::<u32>(), 0..7u8).prop_map(
        |(port, run, number, other, kind)| match kind {
            0 => Header::Start { port, run },
            1 => Header::Stop { port, run, number, reason: CloseKind::Panicked },
            2 => Header::Answer { port, run, number, of: other, question: other },
            3 => Header::Taken { port, run, of: other, number, told: other as u8, window: other },
            4 => Header::Command { port, run, number },
            5 => Header::State { port, run, first: other.into(), number, told: other as u8 },
            _ => Header::Message { port, run, number },
        },
    )
}

proptest! {
    #[test]
    fn frames_are_read_as_they_were_written(
        head in head(),
        body in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..1000),
    ) {
        let body = match head {
            Header::Message { .. } | Header::Command { .. } | Header::Answer { .. } => body,
            _ => Vec::new(),
        };
        let mut buffer = [0; 1100];
        let frame = encode(&head, &Raw(body.clone()), &mut buffer).unwrap();
        prop_assert_eq!(frame, encode_bytes(&head, &body));
        let mut segment = between(frame);
        prop_assert!(segment.len() <= max_segment(body.len()));
        let Segment::Frame(read, place) = decode(&mut segment) else { panic!("it is a frame") };
        prop_assert_eq!(read, head);
        prop_assert_eq!(&segment[place], &body);
    }

    #[test]
    fn a_damaged_frame_is_none(
        body in proptest::collection::vec(any::<u8>(), 0..40),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 0..8u8), 1..4),
    ) {
        let head = Header::Message { port: 3, run: 4, number: 5 };
        let mut buffer = [0; 100];
        let mut segment = between(encode(&head, &Raw(body), &mut buffer).unwrap());
        let whole = segment.clone();
        for (at, bit) in flips {
            let at = at.index(segment.len());
            segment[at] ^= 1 << bit;
        }
        // A flip may make a delimiter; then there are two segments.
        if segment != whole {
            for part in segment.split_mut(|byte| *byte == DELIMITER) {
                prop_assert_eq!(decode(part), Segment::Damaged);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_frame_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut segment = bytes;
        decode(&mut segment);
    }
}

#[test]
fn a_message_of_the_most_bytes_fits_with_the_longest_head() {
    for len in 64..1100 {
        let mut buffer = vec![7; len];
        let max = max_message(len);
        for byte in [0, 1] {
            let frame = encode(&LONGEST, &Raw(vec![byte; max]), &mut buffer).unwrap();
            assert!(frame.len() <= len);
            let segment = between(frame);
            assert!(segment.len() <= max_segment(max));
        }
        let too_large = Err(SendErrorKind::TooLarge { len: max + 1, max });
        assert_eq!(encode(&LONGEST, &Raw(vec![1; max + 1]), &mut buffer), too_large);
        let far_too_large = Err(SendErrorKind::TooLarge { len: 5000, max });
        assert_eq!(encode(&LONGEST, &Raw(vec![1; 5000]), &mut buffer), far_too_large);
    }
    assert_eq!(max_message(0), 0);
    assert!(encode(&LONGEST, &(), &mut []).is_err());
}

#[test]
fn the_longest_head_has_its_length() {
    let len = |header: &Header| postcard::to_slice(header, &mut [0; 64]).unwrap().len();
    assert_eq!(len(&LONGEST), MAX_MESSAGE_HEADER);
    assert_eq!(LONGEST_OTHERS.iter().map(len).max(), Some(MAX_HEADER));
}

#[test]
fn what_does_not_belong_to_a_frame_makes_it_strange() {
    let head = Header::Start { port: 0, run: 0 };
    let mut buffer = [0; 64];
    let mut segment = between(encode(&head, &Raw(vec![1]), &mut buffer).unwrap());
    assert_eq!(decode(&mut segment), Segment::UnknownFrame);
    for header in &LONGEST_OTHERS[1..] {
        assert_eq!(decode(&mut between(&encode_bytes(header, &[1]))), Segment::UnknownFrame);
    }
    // A kind that is not known.
    let mut plain = vec![9, 0, 0];
    plain.extend(Crc::<u32>::new(&CRC_32_ISCSI).checksum(&plain).to_le_bytes());
    let mut segment = vec![0; 16];
    let len = cobs::encode(&plain, &mut segment);
    assert_eq!(decode(&mut segment[..len]), Segment::UnknownFrame);
}

#[test]
fn a_spoiled_frame_is_none() {
    let head = Header::Message { port: 0, run: 0, number: 0 };
    let mut buffer = [0; 600];
    for len in 0..500 {
        let frame = encode(&head, &Raw(vec![1; len]), &mut buffer).unwrap();
        // All of it was written but for the last delimiter.
        let mut segment = [&between(frame)[..], &RESYNC[..1]].concat();
        assert_eq!(decode(&mut segment), Segment::Damaged);
    }
}

/// The examples in `WIRE.md` are what the code writes and reads.
#[test]
fn wire_examples() {
    const PAGE: &str = include_str!("../../../WIRE.md");
    let (port, run) = (1, 300);
    let cases = [
        ("Start", Header::Start { port, run }, Raw(vec![])),
        ("Start, with the fingerprint 1000 of the type \"P\"", Header::Start { port, run }, {
            Raw(vec![0xe8, 0x07, 1, b'P'])
        }),
        ("Message 0, 5 as a u32", Header::Message { port, run, number: 0 }, Raw(vec![5])),
        ("Message 200, the string \"home\"", Header::Message { port, run, number: 200 }, {
            Raw(b"\x04home".to_vec())
        }),
        (
            "Stop after 201 messages, stopped",
            Header::Stop { port, run, number: 201, reason: CloseKind::Stopped },
            Raw(vec![]),
        ),
        (
            "Answer 201 to question 7 of run 9, 5 as a u32",
            Header::Answer { port, run, number: 201, of: 9, question: 7 },
            Raw(vec![5]),
        ),
        (
            "Taken of run 9: all below 3, told of a cancel, a window of 200",
            Header::Taken { port, run, of: 9, number: 3, told: 1, window: 200 },
            Raw(vec![]),
        ),
        ("Command 3 of run 9, 5 as a u32", Header::Command { port, run: 9, number: 3 }, {
            Raw(vec![5])
        }),
        (
            "State of run 9: taken below 3, sent below 4, cancelled",
            Header::State { port, run: 9, first: 3, number: 4, told: 1 },
            Raw(vec![]),
        ),
    ];
    let section = PAGE.split("\n## ").find(|part| part.starts_with("9. Serial lines")).unwrap();
    let rows: Vec<_> = section.lines().filter(|row| row.ends_with("00` |")).collect();
    assert_eq!(rows.len(), cases.len());
    for ((name, head, message), row) in cases.into_iter().zip(rows) {
        assert!(row.starts_with(&format!("| {name} ")), "{row}");
        let bytes = row.split('`').nth(1).unwrap().split(' ');
        let bytes: Vec<_> = bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let mut buffer = [0; 64];
        let frame = encode(&head, &message, &mut buffer).unwrap();
        assert_eq!(frame, bytes, "{name}: {frame:02x?}");
        let mut segment = between(&bytes);
        let Segment::Frame(read, place) = decode(&mut segment) else { panic!("{name}") };
        assert_eq!((read, &segment[place]), (head, &message.0[..]), "{name}");
    }
}
