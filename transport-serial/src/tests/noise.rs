//! Noise, cut frames, frames that come twice, late, or in another order.

use proptest::prelude::*;

use super::{Host, Kept, Told};
use crate::{Line, Port};

const PORTS: u32 = 2;

/// A message that says which it is, and has some length.
type Message = (u32, u32, Vec<u8>);

/// What becomes of a frame.
#[derive(Clone, Debug)]
enum Fate {
    Arrives,
    Lost,
    /// Only so many bytes of it come.
    Cut(usize),
    /// One byte is changed by these bits.
    Damaged(usize, u8),
    /// It comes again after so many others.
    Twice(usize),
    /// It comes late, after so many others.
    Late(usize),
    /// This comes before it.
    After(Vec<u8>),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => (0usize..40).prop_map(Fate::Cut),
        1 => (0usize..40, 1u8..).prop_map(|(at, bits)| Fate::Damaged(at, bits)),
        1 => (0usize..6).prop_map(Fate::Twice),
        1 => (1usize..6).prop_map(Fate::Late),
        1 => prop::collection::vec(any::<u8>(), 0..50).prop_map(Fate::After),
    ]
}

/// One frame as it was sent: its bytes, its port, and its number among the port's messages,
/// which are counted from 1.
#[derive(Clone)]
struct Sent {
    bytes: Vec<u8>,
    port: u32,
    number: u32,
}

/// Sends messages, on one port or the other.
fn send(ports: &[(bool, usize)], run: u16) -> Vec<Sent> {
    let kept = Kept::default();
    let line: Line<_, 128> = Line::new(kept.clone()).run(run);
    let mut senders = [line.sender::<Message>(Port(0)), line.sender::<Message>(Port(1))];
    let mut sent = Vec::new();
    for (port, sender) in senders.iter_mut().enumerate() {
        sender.start().unwrap();
        sent.push(Sent { bytes: kept.take(), port: port as u32, number: 0 });
    }
    let mut numbers = [0; 2];
    for (second, len) in ports {
        let port = usize::from(*second);
        numbers[port] += 1;
        let message = (port as u32, numbers[port], vec![numbers[port] as u8; *len]);
        senders[port].send(message).unwrap();
        sent.push(Sent { bytes: kept.take(), port: port as u32, number: numbers[port] });
    }
    std::mem::forget(senders);
    sent
}

/// Puts frames on a line on which things happen. Returns the bytes, and which frames are whole
/// among them, in order.
fn line(sent: &[Sent], fates: &[Fate]) -> (Vec<u8>, Vec<Sent>) {
    // Each has its place in time; what is put off goes behind those of the same place.
    let mut timed: Vec<(usize, Vec<u8>, Option<Sent>)> = Vec::new();
    for (at, (sent, fate)) in sent.iter().zip(fates).enumerate() {
        let whole = |bytes: Vec<u8>| (at, bytes, Some(sent.clone()));
        match fate {
            Fate::Arrives => timed.push(whole(sent.bytes.clone())),
            Fate::Lost => {}
            Fate::Cut(len) => {
                let len = (*len).min(sent.bytes.len() - 2);
                timed.push((at, sent.bytes[..len].to_vec(), None));
            }
            Fate::Damaged(index, bits) => {
                let mut bytes = sent.bytes.clone();
                // Not the delimiters, which mean nothing if there is another.
                let index = 1 + index % (bytes.len() - 2);
                bytes[index] ^= bits;
                timed.push((at, bytes, None));
            }
            Fate::Twice(after) => {
                timed.push(whole(sent.bytes.clone()));
                timed.push((at + after, sent.bytes.clone(), Some(sent.clone())));
            }
            Fate::Late(after) => timed.push((at + after, sent.bytes.clone(), Some(sent.clone()))),
            Fate::After(noise) => {
                let bytes = [&noise[..], &sent.bytes].concat();
                timed.push(whole(bytes));
            }
        }
    }
    timed.sort_by_key(|(at, ..)| *at);
    let bytes = timed.iter().flat_map(|(_, bytes, _)| bytes.iter().copied()).collect();
    (bytes, timed.into_iter().filter_map(|(_, _, sent)| sent).collect())
}

/// What is to be heard of frames that arrive whole, by the definition: whatever is not before
/// what came already, and before it what is missing.
fn expected(whole: &[Sent]) -> Vec<(u32, Told<Message>)> {
    let (mut told, mut next) = (Vec::new(), [None::<u32>; PORTS as usize]);
    for Sent { port, number, .. } in whole {
        let next = &mut next[*port as usize];
        let due = next.unwrap_or(if *number == 0 { 0 } else { 1 });
        if *number < due {
            continue;
        }
        if *number > due {
            let gap = crate::Gap { lost: number - due, restarted: false };
            told.push((*port, Told::Gap(gap)));
        }
        *next = Some(number + 1);
        if *number > 0 {
            told.push((*port, Told::Message(message(*port, *number))));
        }
    }
    told
}

fn message(port: u32, number: u32) -> Message {
    (port, number, Vec::new())
}

fn without_filling(told: Vec<(u32, Told<Message>)>) -> Vec<(u32, Told<Message>)> {
    told.into_iter()
        .map(|(port, told)| match told {
            Told::Message((of, number, filling)) => {
                assert!(filling.iter().all(|byte| *byte == number as u8), "a wrong message");
                (port, Told::Message(message(of, number)))
            }
            other => (port, other),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    /// Whole frames are heard whatever happens to the ones around them: once, in order, and
    /// with every gap.
    #[test]
    fn every_whole_frame_is_heard_and_every_gap_is_told(
        ports in prop::collection::vec((any::<bool>(), 0usize..60), 0..30),
        fates in prop::collection::vec(fate(), 32),
    ) {
        let sent = send(&ports, 1);
        let (bytes, whole) = line(&sent, &fates);
        let mut host = Host::new(PORTS, 128);
        prop_assert_eq!(without_filling(host.hear(&bytes)), expected(&whole));
    }

    /// It does not matter how the bytes come.
    #[test]
    fn it_does_not_matter_where_pieces_end(
        ports in prop::collection::vec((any::<bool>(), 0usize..60), 0..10),
        fates in prop::collection::vec(fate(), 12),
        pieces in prop::collection::vec(1usize..40, 1..20),
    ) {
        let (bytes, whole) = line(&send(&ports, 1), &fates);
        let (mut host, mut told, mut rest) = (Host::new(PORTS, 128), Vec::new(), &bytes[..]);
        for len in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*len).min(rest.len()));
            told.extend(without_filling(host.hear(piece)));
            rest = after;
        }
        prop_assert_eq!(told, expected(&whole));
    }

    /// Bytes that are swapped, repeated and left out anywhere: no message is wrong, none comes
    /// twice or out of order, and the gaps add up.
    #[test]
    fn no_message_is_wrong_whatever_happens_to_bytes(
        ports in prop::collection::vec((any::<bool>(), 0usize..60), 0..20),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..6),
        copies in prop::collection::vec((any::<prop::sample::Index>(), 0usize..90), 0..6),
        holes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..30), 0..6),
    ) {
        let mut bytes: Vec<u8> = send(&ports, 1).into_iter().flat_map(|sent| sent.bytes).collect();
        for (one, two) in swaps {
            let (one, two) = (one.index(bytes.len()), two.index(bytes.len()));
            bytes.swap(one, two);
        }
        for (at, len) in copies {
            let at = at.index(bytes.len());
            let copy = bytes[at..bytes.len().min(at + len)].to_vec();
            bytes.splice(at..at, copy);
        }
        for (at, len) in holes {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            bytes.drain(at..bytes.len().min(at + len));
        }
        let mut host = Host::new(PORTS, 128);
        let mut next = [1; PORTS as usize];
        for (port, told) in without_filling(host.hear(&bytes)) {
            let next = &mut next[port as usize];
            match told {
                Told::Message((of, number, _)) => {
                    prop_assert_eq!(of, port);
                    prop_assert_eq!(number, *next, "a gap that was not told");
                    *next += 1;
                }
                Told::Gap(gap) => {
                    prop_assert!(!gap.restarted);
                    *next += gap.lost;
                }
                Told::Ended(_) => prop_assert!(false, "nobody stopped"),
            }
        }
    }
}

#[test]
fn firmware_that_begins_anew_says_so_and_goes_on() {
    for run in [0, 5] {
        let first: Vec<u8> =
            send(&[(false, 1); 3], run).into_iter().flat_map(|s| s.bytes).collect();
        let again = if run == 0 { 0 } else { run + 1 };
        // Cut in the middle of a frame, as a reset does.
        let cut = first.len() - 4;
        let second = send(&[(false, 1); 2], again).into_iter().flat_map(|s| s.bytes);
        let bytes: Vec<u8> = first[..cut].iter().copied().chain(second).collect();
        let told = without_filling(Host::new(1, 128).hear(&bytes));
        let anew = Told::Gap(crate::Gap { lost: 0, restarted: true });
        let message = |number| (0, Told::Message(message(0, number)));
        assert_eq!(told, [message(1), message(2), (0, anew), message(1), message(2)]);
    }
}
