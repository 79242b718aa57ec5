//! A serial line on which anything happens to the bytes. Nothing panics and the work is
//! bounded; and as long as nobody but the chip can have made a checksum, no message is wrong,
//! none comes twice or out of order, and the gaps add up.

#![no_main]

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::Arbitrary;
use homing_core::{
    Arrival, Carries, ConnectionId, Inlet, NewLink, Nonce, Pinger, Ticket, Transport,
};
use homing_process::Doorbells;
use homing_transport_serial::{Heard, Line, Port, Serial, SerialRoad};
use libfuzzer_sys::fuzz_target;

const PORTS: u32 = 2;

/// Less than an OS pipe holds, so that nothing waits.
const MOST: usize = 32 * 1024;

/// The port, its number there, and some filling.
type Message = (u32, u32, Vec<u8>);

#[derive(Arbitrary, Debug)]
enum Step {
    Send {
        port: bool,
        len: u8,
    },
    /// Changes bits of the last bytes.
    Flip {
        back: u16,
        bits: u8,
    },
    /// Takes some of the last bytes away.
    Cut {
        back: u16,
        len: u8,
    },
    /// Puts earlier bytes again.
    Again {
        from: u16,
        len: u16,
    },
    /// Swaps two bytes.
    Swap {
        one: u16,
        two: u16,
    },
    /// Puts so many bytes that nobody has chosen.
    Noise {
        seed: u16,
        len: u8,
    },
    /// Puts bytes that somebody has: from now on a checksum proves nothing.
    Chosen(Vec<u8>),
}

#[derive(Default)]
struct Bytes(RefCell<Vec<u8>>);

impl embedded_io::ErrorType for &Bytes {
    type Error = Infallible;
}

impl embedded_io::Write for &Bytes {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Silent;

impl Pinger for Silent {
    fn ping(&self) {}
}

/// The bytes on the line, and whether all checksums among them are the chip's.
fn play(steps: Vec<Step>) -> (Vec<u8>, bool) {
    let bytes = Bytes::default();
    let line: Line<_, 300> = Line::new(&bytes).run(1);
    let mut senders = [line.sender::<Message>(Port(0)), line.sender::<Message>(Port(1))];
    let mut numbers = [0; PORTS as usize];
    let mut honest = true;
    for sender in &mut senders {
        sender.start().unwrap();
    }
    for step in steps {
        if let Step::Send { port, len } = step {
            let port = usize::from(port);
            numbers[port] += 1;
            let filling = vec![numbers[port] as u8; len.into()];
            senders[port].send((port as u32, numbers[port], filling)).unwrap();
            continue;
        }
        let mut bytes = bytes.0.borrow_mut();
        let len = bytes.len();
        let back = |back: u16| len.saturating_sub(1 + usize::from(back));
        match step {
            Step::Send { .. } => {}
            Step::Flip { back: at, bits } => {
                if let Some(byte) = bytes.get_mut(back(at)) {
                    *byte ^= bits;
                }
            }
            Step::Cut { back: at, len } => {
                let end = (back(at) + usize::from(len)).min(bytes.len());
                bytes.drain(back(at)..end);
            }
            Step::Again { from, len: count } => {
                let from = usize::from(from).min(len);
                let end = (from + usize::from(count)).min(len);
                bytes.extend_from_within(from..end);
            }
            Step::Swap { one, two } if len > 0 => bytes.swap(back(one), back(two)),
            Step::Swap { .. } => {}
            Step::Noise { seed, len } => {
                let mut state = u32::from(seed) + 1;
                bytes.extend((0..len).map(|_| {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    state as u8
                }));
            }
            Step::Chosen(chosen) => {
                honest = false;
                bytes.extend(chosen);
            }
        }
        bytes.truncate(MOST);
    }
    std::mem::forget(senders);
    let mut bytes = bytes.0.take();
    bytes.truncate(MOST);
    (bytes, honest)
}

fuzz_target!(|steps: Vec<Step>| {
    let (bytes, honest) = play(steps);
    let (reader, mut writer) = os_pipe::pipe().unwrap();
    let NewLink { road, mut inlet, doorbell } =
        Serial::new(reader).limit(300).link(Silent).unwrap();
    for port in 0..PORTS {
        let ticket =
            Ticket::<Heard<Message>>::new(ConnectionId::from_parts(port, 0), Nonce::new(0));
        assert_eq!(road.far(ticket), Port(port));
    }
    let mut doorbells = Doorbells::new().unwrap();
    doorbells.add(doorbell, None, Arc::new(Silent)).unwrap();
    writer.write_all(&bytes).unwrap();
    drop(writer);

    let mut next = [1u32; PORTS as usize];
    // One for each delimiter and each piece, and three for what a frame may bring.
    let mut left = 4 * bytes.len() + 100;
    loop {
        let arrival = match inlet.poll() {
            Ok(Some(arrival)) => arrival,
            Ok(None) => {
                doorbells.wait(Some(Duration::ZERO)).unwrap();
                left -= 1;
                continue;
            }
            Err(_) => return,
        };
        left -= 1;
        let Arrival::Message { connection, parcel } = arrival else { continue };
        let next = &mut next[connection.index() as usize];
        match <SerialRoad as Carries<Heard<Message>>>::open(parcel).ok() {
            Some(Heard::Message((port, number, filling))) if honest => {
                assert_eq!((port, number), (connection.index(), *next));
                assert!(filling.iter().all(|byte| *byte == number as u8));
                *next += 1;
            }
            Some(Heard::Gap(gap)) if honest => {
                assert!(!gap.restarted);
                *next += gap.lost;
            }
            None => assert!(!honest, "a message of another type"),
            _ => {}
        }
    }
});
