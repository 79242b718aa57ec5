//! The bytes that `WIRE.md` shows.

use homing_core::{LinkEnd, Refusal};

use super::{Host, Kept, Told};
use crate::{Line, Port};

#[test]
fn the_examples_of_the_wire_format_are_what_is_written() {
    let kept = Kept::default();
    let line: Line<_, 64> = Line::new(kept.clone()).run(7);
    let mut sender = line.sender::<(u8, u16)>(Port(2));
    sender.start().unwrap();
    let start = kept.take();
    sender.send((1, 300)).unwrap();
    let message = kept.take();
    sender.stop().unwrap();
    let stop = kept.take();
    let page = include_str!("../../../WIRE.md");
    for (name, bytes) in [("start", start), ("message", message), ("stop", stop)] {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("{}   {name}", hex.join(" "));
        assert!(page.contains(&line), "WIRE.md has not: {line}");
    }
}

#[test]
fn another_version_is_named() {
    let mut frame = vec![9, 1, 2, 3];
    frame.extend(crate::wire::CHECKSUM.checksum(&frame).to_le_bytes());
    let mut stuffed = vec![0; 32];
    let len = cobs::encode(&frame, &mut stuffed);
    stuffed.truncate(len);
    stuffed.push(0);
    let mut host = Host::new(1, 64);
    assert!(host.put.put(crate::host::pieces::Piece::Bytes(stuffed)));
    let end = homing_core::Inlet::poll(&mut host.inlet).unwrap_err();
    assert_eq!(end, LinkEnd::Refused(Refusal::Version(9)));
}

#[test]
fn a_port_without_a_pipe_is_counted_and_nothing_else() {
    let kept = Kept::default();
    let line: Line<_, 64> = Line::new(kept.clone());
    let (mut unknown, mut known) = (line.sender::<u32>(Port(1)), line.sender::<u32>(Port(0)));
    unknown.start().unwrap();
    known.start().unwrap();
    unknown.send(1).unwrap();
    known.send(2).unwrap();
    let mut host = Host::new(1, 64);
    assert_eq!(host.hear::<u32>(&kept.take()), [(0, Told::Message(2))]);
    assert_eq!(host.health.counters().unknown, 2);
}

#[test]
fn a_flood_without_a_delimiter_costs_no_memory_and_no_frame() {
    let kept = Kept::default();
    let line: Line<_, 64> = Line::new(kept.clone());
    let mut sender = line.sender::<u32>(Port(0));
    sender.start().unwrap();
    sender.send(7).unwrap();
    let mut bytes = vec![0x55; 1 << 20];
    bytes.extend(kept.take());
    let mut host = Host::new(1, 64);
    assert_eq!(host.hear::<u32>(&bytes), [(0, Told::Message(7))]);
    assert_eq!(host.health.counters().damaged, 1);
}
