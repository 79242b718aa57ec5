//! B18: what decoding a message may take.

use std::collections::BTreeSet;

use homing_core::codec::EncodeError;
use homing_core::{End, Event, ProtocolError, SendErrorKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use super::{ProcessRig, Program, WellBehaved};
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};

/// A type that recurses.
#[derive(Debug, Serialize, Deserialize)]
enum Chain {
    End,
    Next(Box<Chain>),
}

impl Chain {
    fn new(levels: usize) -> Self {
        (0..levels).fold(Chain::End, |chain, _| Chain::Next(chain.into()))
    }
}

/// A type that takes far more memory than bytes.
#[derive(Debug, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "it is what is tested")]
enum Expanding {
    Nothing,
    Tile([[u64; 32]; 4]),
}

/// Bytes that pass for an encoded message of any type.
struct Raw(Vec<u8>);

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple as _;
        let mut bytes = serializer.serialize_tuple(self.0.len())?;
        self.0.iter().try_for_each(|byte| bytes.serialize_element(byte))?;
        bytes.end()
    }
}

/// How deep a message nests that is just not too deep.
const DEPTH: usize = 128;

/// 2 to the power of 60, as a varint: the length of a sequence.
const LENGTH: [u8; 9] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];

/// 8 million, as a varint, for as many elements of a byte each.
const MILLIONS: (usize, [u8; 4]) = (8_000_000, [0x80, 0xa4, 0xe8, 0x03]);

fn hostile_bytes(case: &str) -> Vec<u8> {
    match case {
        "deep" => [vec![1; 1_000_000], vec![0]].concat(),
        "deeper-by-one" => [vec![1; DEPTH + 1], vec![0]].concat(),
        "units" | "unit-set" => LENGTH.to_vec(),
        // Little enough memory, and still too many.
        "fewer-units" => MILLIONS.1.to_vec(),
        "expanding" | "boxes" => [&MILLIONS.1[..], &vec![0; MILLIONS.0]].concat(),
        other => panic!("no such case: {other}"),
    }
}

/// In the worker: sends bytes that are no message which an honest sender would send.
pub(super) fn send_hostile<R: ProcessRig>(case: &str) {
    let mut sender = R::first::<Raw>();
    sender.start().unwrap();
    sender.send(Raw(hostile_bytes(case))).unwrap();
    // The link was cut off meanwhile, or is soon.
    let _ = sender.stop();
}

/// In the worker: a message that nests too deep is refused by `send`, and the pipe goes on.
pub(super) fn send_deep<R: ProcessRig>() {
    let mut sender = R::first::<Chain>();
    sender.start().unwrap();
    let error = sender.send(Chain::new(DEPTH + 1)).unwrap_err();
    let reason = EncodeError::TooDeep { max: DEPTH as u32 };
    assert_eq!(error.kind(), SendErrorKind::Unencodable { reason });
    sender.send(Chain::new(DEPTH)).unwrap();
    sender.stop().unwrap();
}

/// A pipe for messages of type `M` from a worker that sends the bytes of `case`. Of a message,
/// should one arrive, a 1 is written down.
fn pipe<M, R, H>(foreground: &Foreground<H>, program: Program, case: &str, number: usize)
where
    M: Serialize + DeserializeOwned + 'static,
    R: ProcessRig,
    H: EventLoopRig,
{
    let role = if case == "honest" { "deep".to_owned() } else { format!("decode {case}") };
    let record = move |app: &mut App, event: Event<M>| match event {
        Event::Message(_) => app.record(number, &Event::Message(1)),
        Event::Ended(end) => app.record(number, &Event::Ended(end)),
    };
    // The handle of a worker may be dropped: the worker lives on.
    let _ = foreground
        .router
        .spawn(R::transport(), program.command(&role))
        .pipe(record)
        .expect("the worker starts");
}

/// B18: a message that nests too deep, or has elements without bytes and without number, or
/// takes far more memory than bytes, is refused and not decoded; an honest worker goes on.
///
/// An implementation that fails it decodes without limits: the foreground dies of it, of its
/// stack or its memory, or hangs.
pub fn b18_decoding_is_bounded<R: ProcessRig, H: EventLoopRig>(program: Program) {
    type Pipe<H> = fn(&Foreground<H>, Program, &str, usize);
    let cases: [(&str, &str, Pipe<H>); 7] = [
        ("deep", "DecodeLimits::depth", pipe::<Chain, R, H>),
        ("deeper-by-one", "DecodeLimits::depth", pipe::<Chain, R, H>),
        ("units", "DecodeLimits::memory", pipe::<Vec<()>, R, H>),
        ("unit-set", "DecodeLimits::memory", pipe::<BTreeSet<()>, R, H>),
        ("fewer-units", "DecodeLimits::empty_elements", pipe::<Vec<()>, R, H>),
        ("expanding", "DecodeLimits::memory", pipe::<Vec<Expanding>, R, H>),
        ("boxes", "DecodeLimits::memory", pipe::<Vec<Box<Expanding>>, R, H>),
    ];
    let mut foreground = Foreground::<H>::started();
    let mut honest = WellBehaved::spawn::<R, H>(&foreground, program, 0);
    for (number, (case, limit, pipe)) in (1..).zip(cases) {
        pipe(&foreground, program, case, number);
        honest.ask();
        let end = foreground.end_of(number);
        assert!(matches!(end, End::Refused(ProtocolError::Undecodable(_))), "{case}: {end:?}");
        assert!(end.to_string().contains(limit), "{case}: {end}");
        assert_eq!(foreground.app.count(number), 0, "{case}");
        honest.check(&mut foreground);
    }
}

/// B18: an honest worker hears from `send` that its message nests too deep, and goes on; what is
/// just not too deep arrives.
///
/// An implementation that fails it has its link cut off instead.
pub fn b18_a_sender_hears_that_its_message_is_too_deep<R: ProcessRig, H: EventLoopRig>(
    program: Program,
) {
    let mut foreground = Foreground::<H>::started();
    pipe::<Chain, R, H>(&foreground, program, "honest", 1);
    assert_eq!(foreground.end_of(1), End::Finished);
    assert_eq!(foreground.app.messages(1), [1]);
}
