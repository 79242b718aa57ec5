//! Where the stream is cut into pieces changes nothing.

use homing_core::{ConnectionId, End, LinkEnd};
use homing_mux::frame::Header;
use proptest::prelude::*;

use super::*;

fn frames() -> impl Strategy<Value = Vec<(Header, Vec<u8>)>> {
    let body = || proptest::collection::vec(any::<u8>(), 1..400);
    let connection = ConnectionId::from_parts(5, 300);
    let frame = prop_oneof![
        4 => body().prop_map(move |body| vec![(Header::Message { connection }, body)]),
        1 => any::<u64>().prop_map(move |count| {
            vec![(Header::Dropped { connection, count }, vec![])]
        }),
        1 => Just(vec![(Header::Stop { connection, reason: 0 }, vec![])]),
        1 => (body(), body(), any::<bool>()).prop_map(move |(one, two, aborted)| {
            let first = Header::FirstFragment { connection, total: (one.len() + two.len()) as u32 };
            let second = match aborted {
                true => (Header::Reset { connection }, vec![]),
                false => (Header::Fragment { connection }, two),
            };
            vec![(first, one), second]
        }),
        1 => Just(vec![(Header::Message { connection }, vec![9; 60_000])]),
    ];
    proptest::collection::vec(frame, 0..20).prop_map(|frames| frames.concat())
}

/// What the frames are to arrive as.
fn expected(frames: &[(Header, Vec<u8>)]) -> Vec<Got> {
    let mut begun = Vec::new();
    let mut all = Vec::new();
    for (header, body) in frames {
        match header {
            Header::Message { .. } => all.push(Got::Message(5, body.clone())),
            Header::FirstFragment { .. } => begun = body.clone(),
            Header::Fragment { .. } => all.push(Got::Message(5, [begun.as_slice(), body].concat())),
            Header::Dropped { count, .. } => all.push(Got::Missed(5, *count)),
            Header::Stop { .. } => all.push(Got::Stopped(5, End::Finished)),
            _ => {}
        }
    }
    all
}

/// Writes the stream in pieces of these lengths, in turn, each of which is read by itself.
fn deliver(stream: &[u8], pieces: &[usize]) -> Vec<Got> {
    let (mut worker, mut foreground) = raw(Pipe::new().buffer(usize::MAX));
    let mut rest = stream;
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*pieces.next().unwrap()).min(rest.len()));
        worker.write_all(piece).unwrap();
        foreground.pump();
        rest = after;
    }
    drop(worker);
    let (got, end) = foreground.until_end();
    assert_eq!(end, LinkEnd::gone());
    got
}

fn stream(frames: &[(Header, Vec<u8>)]) -> Vec<u8> {
    let mut stream = Header::PREFACE.frame(&[]);
    for (header, body) in frames {
        stream.extend(header.frame(body));
    }
    stream
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces_give_the_same_arrivals(
        frames in frames(),
        pieces in proptest::collection::vec(
            prop_oneof![Just(1usize), 1..20usize, 1..40_000usize, Just(65_536)],
            1..20,
        ),
    ) {
        // Lots of small pieces only where that is not slow.
        let all = stream(&frames);
        let pieces: Vec<_> = match all.len() > 20_000 {
            true => pieces.iter().map(|len| len.max(&5000)).copied().collect(),
            false => pieces,
        };
        prop_assert_eq!(deliver(&all, &pieces), expected(&frames));
    }

    #[test]
    fn any_bytes_end_the_link_or_not_but_nothing_else(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        preface in any::<bool>(),
    ) {
        let (mut worker, mut foreground) = raw(Pipe::new());
        if preface {
            worker.write_all(&stream(&[])).unwrap();
        }
        worker.write_all(&bytes).unwrap();
        drop(worker);
        foreground.until_end();
    }
}

#[test]
fn byte_by_byte() {
    let connection = ConnectionId::from_parts(5, 300);
    let frames = [
        (Header::Message { connection }, vec![1; 3000]),
        (Header::FirstFragment { connection, total: 300 }, vec![2; 200]),
        (Header::Fragment { connection }, vec![3; 100]),
        (Header::Stop { connection, reason: 0 }, vec![]),
    ];
    assert_eq!(deliver(&stream(&frames), &[1]), expected(&frames));
}
