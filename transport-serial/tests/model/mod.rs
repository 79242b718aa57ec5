//! A chip, a line that does whatever it likes to the chip's bytes, and what must be true of
//! what is heard then. The property tests and the fuzz target share it.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "each uses it as a module of its own, and it checks by panicking"
)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::io::{self, Read};
use std::rc::Rc;
use std::thread::{self, Thread};

use homing_core::{
    Arrival, ConnectionId, Inlet, LinkEnd, MakeSender, NewLink, Nonce, Pinger, Sender, Ticket,
    Transport,
};
use homing_transport_serial::{Line, LineCounters, Port, Received, Serial, SerialOutlet};
use serde::{Deserialize, Serialize};

/// Ports that the chip uses. The foreground makes no pipe for the last of them.
pub const PORTS: u32 = 3;

/// So many runs are remembered.
const MOST_RUNS: u32 = 5;

/// A message says what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    run: u32,
    port: u32,
    number: u64,
    filler: Vec<u8>,
}

/// What the chip does.
#[derive(Clone, Debug)]
pub enum Deed {
    Send { port: u8, filler: Vec<u8> },
    Stop { port: u8 },
    Reset,
}

/// What the line does to one frame.
#[derive(Clone, Debug)]
pub enum Fate {
    Arrive,
    Lose,
    Twice,
    /// It comes after so many of those that follow it.
    Late(u8),
    Flip {
        at: u16,
        bits: u8,
    },
    Cut {
        at: u16,
        len: u8,
    },
    Insert {
        at: u16,
        bytes: Vec<u8>,
    },
    Swap {
        at: u16,
        with: u16,
    },
    /// What comes before it.
    Noise(Vec<u8>),
}

/// One frame, as the chip wrote it.
#[derive(Clone, Debug)]
struct Written {
    bytes: Vec<u8>,
    /// The message in it, if it is one.
    note: Option<Note>,
}

/// The chip's UART, whose power is off at a reset.
#[derive(Clone)]
struct Uart {
    bytes: Rc<RefCell<Vec<u8>>>,
    on: Rc<Cell<bool>>,
}

impl embedded_io::ErrorType for Uart {
    type Error = Infallible;
}

impl embedded_io::Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        if self.on.get() {
            self.bytes.borrow_mut().extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Chip {
    run: u32,
    uart: Uart,
    line: Rc<Line<Uart>>,
    senders: HashMap<u32, (Sender<Note, SerialOutlet<Rc<Line<Uart>>>>, u64)>,
    stopped: HashSet<u32>,
    written: Vec<Written>,
}

impl Chip {
    fn boot(run: u32, written: Vec<Written>) -> Self {
        let uart = Uart { bytes: Rc::default(), on: Rc::new(Cell::new(true)) };
        // Numbers in no order, as random ones are.
        let line = Rc::new(Line::new(uart.clone(), number_of(run)));
        Self { run, uart, line, senders: HashMap::new(), stopped: HashSet::new(), written }
    }

    fn note(&mut self, note: Option<Note>) {
        let bytes = self.uart.bytes.take();
        self.written.push(Written { bytes, note });
    }

    fn act(&mut self, deed: &Deed) {
        match deed {
            Deed::Reset if self.run + 1 < MOST_RUNS => {
                self.uart.on.set(false);
                *self = Self::boot(self.run + 1, std::mem::take(&mut self.written));
            }
            Deed::Reset => {}
            Deed::Send { port, filler } => {
                let port = u32::from(*port) % PORTS;
                if self.stopped.contains(&port) {
                    return;
                }
                if !self.senders.contains_key(&port) {
                    let mut sender = Line::sender_of(Rc::clone(&self.line), Port(port))
                        .expect("it is the first");
                    sender.start().expect("this line takes everything");
                    self.senders.insert(port, (sender, 0));
                    self.note(None);
                }
                let Some((sender, next)) = self.senders.get_mut(&port) else { return };
                let filler = filler.iter().take(150).copied().collect();
                let note = Note { run: self.run, port, number: *next, filler };
                *next += 1;
                sender.send(note.clone()).expect("this line takes everything");
                self.note(Some(note));
            }
            Deed::Stop { port } => {
                let port = u32::from(*port) % PORTS;
                if let Some((mut sender, _)) = self.senders.remove(&port) {
                    sender.stop().expect("this line takes everything");
                    self.stopped.insert(port);
                    self.note(None);
                }
            }
        }
    }
}

fn number_of(run: u32) -> u32 {
    run.wrapping_add(1).wrapping_mul(0x9e37_79b9)
}

/// What comes out at the line's end, and which frames among that are whole.
struct Outcome {
    bytes: Vec<u8>,
    whole: Vec<Written>,
}

fn deliver(written: &[Written], fates: &[Fate]) -> Outcome {
    let mut line = Outcome { bytes: Vec::new(), whole: Vec::new() };
    let mut late: Vec<(usize, &Written)> = Vec::new();
    let arrive = |line: &mut Outcome, frame: &Written| {
        line.bytes.extend_from_slice(&frame.bytes);
        line.whole.push(frame.clone());
    };
    let fates = fates.iter().chain(std::iter::repeat(&Fate::Arrive));
    for ((index, frame), fate) in written.iter().enumerate().zip(fates) {
        let mut bytes = frame.bytes.clone();
        let place = |at: &u16| usize::from(*at) % frame.bytes.len();
        match fate {
            Fate::Arrive => {}
            Fate::Lose => bytes.clear(),
            Fate::Twice => arrive(&mut line, frame),
            Fate::Late(by) => {
                bytes.clear();
                late.push((index + usize::from(*by), frame));
            }
            Fate::Flip { at, bits } => bytes[place(at)] ^= bits,
            Fate::Cut { at, len } => {
                let start = place(at);
                bytes.drain(start..(start + usize::from(*len)).min(bytes.len()));
            }
            Fate::Insert { at, bytes: more } => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Fate::Swap { at, with } => bytes.swap(place(at), place(with)),
            Fate::Noise(noise) => line.bytes.extend_from_slice(noise),
        }
        line.bytes.extend_from_slice(&bytes);
        if bytes == frame.bytes {
            line.whole.push(frame.clone());
        }
        late.retain(|(until, frame)| {
            let waits = *until > index;
            if !waits {
                arrive(&mut line, frame);
            }
            waits
        });
    }
    for (_, frame) in late {
        arrive(&mut line, frame);
    }
    line
}

/// A port that gives so many bytes at a time, and then ends.
struct Source {
    bytes: io::Cursor<Vec<u8>>,
    step: usize,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.step.min(buffer.len());
        self.bytes.read(&mut buffer[..most])
    }
}

struct Unpark(Thread);

impl Pinger for Unpark {
    fn ping(&self) {
        self.0.unpark();
    }
}

/// What one receiver was told.
#[derive(Clone, Debug)]
enum Observed {
    Received(Received<Note>),
    Ended,
}

fn listen(bytes: Vec<u8>, step: usize) -> (BTreeMap<u32, Vec<Observed>>, LineCounters) {
    let port = Source { bytes: io::Cursor::new(bytes), step: step.max(1) };
    let mut serial = Serial::threaded(port).limit(200);
    let stats = serial.stats();
    let NewLink { factory, mut inlet, .. } =
        serial.link(Unpark(thread::current())).expect("there is a thread");
    for port in 0..PORTS - 1 {
        let ticket: Ticket<Received<Note>> =
            Ticket::new(ConnectionId::from_parts(port, 0), Nonce::new(0));
        assert_eq!(factory.make_sender(ticket), Port(port));
    }
    let mut told: BTreeMap<u32, Vec<Observed>> = BTreeMap::new();
    let mut missed = 0;
    loop {
        match inlet.poll() {
            Ok(Some(Arrival::Message { connection, payload })) => {
                let heard = payload.decode().expect("a note that was sent");
                told.entry(connection.index()).or_default().push(Observed::Received(heard));
            }
            Ok(Some(Arrival::Stopped { connection, .. })) => {
                told.entry(connection.index()).or_default().push(Observed::Ended);
            }
            Ok(Some(Arrival::Missed { count, .. })) => missed += count,
            Ok(Some(Arrival::Partial)) => {}
            Ok(Some(arrival)) => panic!("nothing is claimed: {arrival:?}"),
            Ok(None) => thread::park(),
            Err(end) => break assert_eq!(end, LinkEnd::gone()),
        }
    }
    let counters = stats.counters();
    assert_eq!(counters.missed, missed);
    (told, counters)
}

/// Lets the chip do this, and the line that, and checks what is heard. Reads take `step`
/// bytes. What was counted comes back.
pub fn check(deeds: &[Deed], fates: &[Fate], step: usize) -> LineCounters {
    let mut chip = Chip::boot(0, Vec::new());
    deeds.iter().for_each(|deed| chip.act(deed));
    chip.uart.on.set(false);
    let written = std::mem::take(&mut chip.written);
    let line = deliver(&written, fates);
    let all = line.bytes.len() as u64;
    let (told, counters) = listen(line.bytes, step);

    let sent: HashSet<(u32, u32, u64)> = (written.iter().filter_map(|frame| frame.note.as_ref()))
        .map(|note| (note.run, note.port, note.number))
        .collect();
    let contents: HashMap<_, _> = (written.iter().filter_map(|frame| frame.note.as_ref()))
        .map(|note| ((note.run, note.port, note.number), note))
        .collect();

    let mut heard = HashSet::new();
    let mut ended = HashSet::new();
    let mut latest: HashMap<(u32, u32), u64> = HashMap::new();
    for (port, told) in told {
        let (mut current, mut gap, mut may_gap) = (None, 0, true);
        for told in told {
            assert!(!ended.contains(&port), "something came after the end");
            match told {
                Observed::Received(Received::Message(note)) => {
                    let name = (note.run, note.port, note.number);
                    assert_eq!(contents.get(&name), Some(&&note), "a message that was not sent");
                    assert_eq!(note.port, port);
                    assert!(heard.insert(name), "{name:?} came twice");
                    assert_eq!(*current.get_or_insert(note.run), note.run, "a restart untold");
                    let next = latest.entry((port, note.run)).or_default();
                    assert_eq!(*next + gap, note.number, "a gap untold, or told wrongly");
                    *next = note.number + 1;
                    (gap, may_gap) = (0, true);
                }
                Observed::Received(Received::Gap(count)) => {
                    assert!(count > 0 && may_gap, "a gap on a gap");
                    (gap, may_gap) = (count, false);
                }
                Observed::Received(Received::Reset) => {
                    assert_eq!(gap, 0, "a gap without what comes after it");
                    current = None;
                }
                Observed::Ended => {
                    ended.insert(port);
                    if let Some(run) = current {
                        // All of that run are told.
                        let next = latest.get(&(port, run)).copied().unwrap_or(0) + gap;
                        let count = sent.iter().filter(|(r, p, _)| (*r, *p) == (run, port)).count();
                        assert_eq!(next, count as u64, "lost at the end, and untold");
                    }
                    gap = 0;
                }
            }
        }
        assert_eq!(gap, 0, "a gap without what comes after it");
    }

    // A whole frame is never overlooked, whatever lies around it.
    let frames = counters.received + counters.late + counters.unknown;
    assert!(frames >= line.whole.len() as u64, "{counters:?}, {} whole", line.whole.len());
    for note in line.whole.iter().filter_map(|frame| frame.note.as_ref()) {
        if note.port == PORTS - 1 || ended.contains(&note.port) {
            continue;
        }
        let name = (note.run, note.port, note.number);
        let next = latest.get(&(note.port, note.run)).copied().unwrap_or(0);
        assert!(heard.contains(&name) || next > note.number, "{name:?} was overlooked");
    }
    assert_eq!(counters.bytes, all);
    counters
}
