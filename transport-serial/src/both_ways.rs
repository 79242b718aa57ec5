//! The way back on a line that does whatever it likes to the frames of both directions.
//!
//! Times are made up, so that what is written again after a second takes none.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use crate::command_queue::{Chip as Known, CommandQueue};
use crate::deframer::{Deframer, Found};
use crate::frame::{self, Header, told};
use crate::inbox::Entry;
use crate::inboxes::{Inboxes, sealed::Pipes as _};
use crate::receive_buffer::ReceiveBuffer;
use crate::sequence::{SequenceTracker, Verdict};

const PORT: u32 = 2;

/// What is done at either end.
#[derive(Clone, Debug)]
enum Deed {
    Send {
        len: u8,
    },
    Cancel,
    /// The chip takes so many commands, if there are so many, and tells the desktop.
    Take {
        most: u8,
    },
    /// The chip sends a message.
    Report,
    ChipReset,
    DesktopRestart,
    Wait {
        milliseconds: u16,
    },
}

/// What the line does to one frame.
#[derive(Clone, Debug)]
enum Fate {
    Arrive,
    Lose,
    Twice,
    /// It comes after the next one.
    Late,
    Flip {
        at: u16,
        bits: u8,
    },
    Cut {
        at: u16,
        len: u8,
    },
    Noise(Vec<u8>),
}

/// One direction of the line.
#[derive(Default)]
struct Wire {
    fates: Vec<Fate>,
    next: usize,
    late: Vec<u8>,
}

impl Wire {
    /// What comes out for a frame.
    fn carry(&mut self, frame: &[u8]) -> Vec<u8> {
        let fate = self.fates.get(self.next).cloned().unwrap_or(Fate::Arrive);
        self.next += 1;
        let mut bytes = frame.to_vec();
        let late = std::mem::take(&mut self.late);
        match fate {
            Fate::Arrive => {}
            Fate::Lose => bytes.clear(),
            Fate::Twice => bytes.extend_from_slice(frame),
            Fate::Late => self.late = std::mem::take(&mut bytes),
            Fate::Flip { at, bits } => {
                let at = usize::from(at) % bytes.len();
                bytes[at] ^= bits;
            }
            Fate::Cut { at, len } => {
                let at = usize::from(at) % bytes.len();
                bytes.drain(at..(at + usize::from(len)).min(bytes.len()));
            }
            Fate::Noise(noise) => bytes.splice(0..0, noise).for_each(drop),
        }
        bytes.extend_from_slice(&late);
        bytes
    }

    fn mend(&mut self) {
        self.fates.clear();
        self.late.clear();
    }
}

/// What the desktop keeps for one port.
struct Desktop {
    run: u32,
    queue: CommandQueue,
    runs: SequenceTracker,
    deframer: Deframer,
    accepted: u64,
}

impl Desktop {
    fn start(run: u32, now: Instant) -> Self {
        let queue = CommandQueue::new(PORT, run, 400, now);
        let (runs, deframer) = (SequenceTracker::default(), Deframer::new(100));
        Self { run, queue, runs, deframer, accepted: 0 }
    }

    fn read(&mut self, mut bytes: &[u8], now: Instant) {
        while !bytes.is_empty() {
            let (found, len) = self.deframer.read(bytes);
            bytes = &bytes[len..];
            let Some(Found::Frame(header, _)) = found else { continue };
            // As the inlet does.
            let run = match header {
                Header::Message { run, number, .. } => {
                    self.runs.message(run, number);
                    run
                }
                Header::Taken { run, of, number, told, window, .. } => {
                    let is_late = self.runs.notice(run) == Verdict::Late;
                    if !is_late && of == self.run {
                        self.queue.note_taken(number, Known { run, told, window }, now);
                    }
                    run
                }
                _ => continue,
            };
            if self.runs.is_current(run) {
                self.queue.note_run(run, now);
            }
        }
    }
}

/// What the chip keeps, and what its program was told.
struct Chip {
    run: u32,
    received: &'static ReceiveBuffer<128>,
    inboxes: Inboxes<128, 1, 64>,
    position: Option<Position>,
    /// Messages that were sent.
    sent: u64,
}

/// Where the chip's program is in a run of the desktop.
struct Position {
    run: u32,
    /// Once it is known: the number of the command that is to come next.
    next: Option<u64>,
    /// Commands that are missing before it.
    gap: u64,
}

impl Chip {
    fn boot(run: u32) -> Self {
        let received: &'static ReceiveBuffer<128> = Box::leak(Box::default());
        let mut inboxes = Inboxes::new(received);
        assert_eq!(inboxes.add(PORT), Some(0));
        Self { run, received, inboxes, position: None, sent: 0 }
    }

    /// Takes one entry. The commands that were heard of are unique in `all`.
    fn take(&mut self, all: &mut HashSet<(u32, u64)>) -> bool {
        self.inboxes.pump();
        let mut buffer = [0; 64];
        let Some(entry) = self.inboxes.take(0, &mut buffer) else { return false };
        let entered = self.inboxes.entered(0).expect("a run");
        let position = match &mut self.position {
            Some(position) if entry != Entry::Reset => position,
            place => place.insert(Position { run: entered, next: None, gap: 0 }),
        };
        assert_eq!(position.run, entered, "a reset untold");
        match entry {
            Entry::Reset => {}
            Entry::Gap(count) => {
                assert!(count > 0);
                position.gap += count;
            }
            Entry::Command(len) => {
                let (head, filler) = buffer[..len].split_at(12);
                let run = u32::from_le_bytes(head[..4].try_into().unwrap());
                let number = u64::from_le_bytes(head[4..].try_into().unwrap());
                assert!(filler.iter().all(|byte| *byte == number as u8), "torn");
                assert_eq!(run, entered, "a command of another run");
                assert!(all.insert((run, number)), "a command twice");
                if let Some(next) = position.next {
                    assert_eq!(next + position.gap, number, "a gap untold, or told wrongly");
                }
                position.next = Some(number + 1);
                position.gap = 0;
            }
        }
        true
    }

    /// What tells the desktop what was taken.
    fn settle(&mut self) -> Option<Vec<u8>> {
        let owed = self.inboxes.owed(0, true)?;
        self.inboxes.settle(0);
        let (port, run) = (owed.port, self.run);
        let header = Header::Taken {
            port,
            run,
            of: owed.of,
            number: owed.number,
            told: owed.told,
            window: owed.window,
        };
        Some(frame::encode_bytes(&header, &[]))
    }
}

struct World {
    now: Instant,
    desktop: Desktop,
    chip: Chip,
    there: Wire,
    back: Wire,
    all: HashSet<(u32, u64)>,
}

impl World {
    /// A frame that comes after a restart was written after it: a line is no network.
    fn forget_late(&mut self) {
        self.there.late.clear();
        self.back.late.clear();
    }

    fn act(&mut self, deed: &Deed) {
        match deed {
            Deed::Send { len } => {
                let Desktop { run, queue, accepted, .. } = &mut self.desktop;
                let mut command = run.to_le_bytes().to_vec();
                command.extend(accepted.to_le_bytes());
                command.extend(std::iter::repeat_n(*accepted as u8, usize::from(len % 30)));
                *accepted += u64::from(queue.send(&command).is_ok());
            }
            Deed::Cancel => self.desktop.queue.tell(told::CANCELLED, self.now),
            Deed::Take { most } => {
                for _ in 0..*most {
                    if !self.chip.take(&mut self.all) {
                        break;
                    }
                }
                if let Some(frame) = self.chip.settle() {
                    let bytes = self.there.carry(&frame);
                    self.desktop.read(&bytes, self.now);
                }
            }
            Deed::Report => {
                let (run, number) = (self.chip.run, self.chip.sent);
                self.chip.sent += 1;
                let message = Header::Message { port: PORT, run, number };
                let bytes = self.there.carry(&frame::encode_bytes(&message, &[]));
                self.desktop.read(&bytes, self.now);
            }
            Deed::ChipReset => {
                self.chip = Chip::boot(self.chip.run + 1);
                self.forget_late();
            }
            Deed::DesktopRestart => {
                self.desktop = Desktop::start(self.desktop.run + 1, self.now);
                self.forget_late();
            }
            Deed::Wait { milliseconds } => {
                self.now += Duration::from_millis(u64::from(*milliseconds));
            }
        }
        while let Some(frame) = self.desktop.queue.next_frame(self.now) {
            let bytes = self.back.carry(&frame);
            self.chip.received.receive(&bytes);
            // Its main loop looks often enough.
            self.chip.inboxes.pump();
        }
    }
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let bytes = vec(prop_oneof![any::<u8>(), Just(0), Just(0xff)], 0..50);
    let fate = prop_oneof![
        5 => Just(Fate::Arrive),
        2 => Just(Fate::Lose),
        1 => Just(Fate::Twice),
        1 => Just(Fate::Late),
        1 => (any::<u16>(), 1..=255u8).prop_map(|(at, bits)| Fate::Flip { at, bits }),
        1 => (any::<u16>(), 1..9u8).prop_map(|(at, len)| Fate::Cut { at, len }),
        1 => bytes.prop_map(Fate::Noise),
    ];
    vec(fate, 0..60)
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        12 => any::<u8>().prop_map(|len| Deed::Send { len }),
        8 => (1..5u8).prop_map(|most| Deed::Take { most }),
        6 => (1..1500u16).prop_map(|milliseconds| Deed::Wait { milliseconds }),
        3 => Just(Deed::Report),
        1 => Just(Deed::Cancel),
        1 => Just(Deed::ChipReset),
        1 => Just(Deed::DesktopRestart),
    ]
}

proptest! {
    /// B23, B25: each command is taken once, in order, or is part of a gap; and when the line is
    /// good again, the chip knows what it was told, and the desktop what was taken.
    #[test]
    fn b23_commands_come_once_in_order_or_are_missing(
        deeds in vec(deed(), 0..120),
        there in fates(),
        back in fates(),
    ) {
        let now = Instant::now();
        let mut world = World {
            now,
            desktop: Desktop::start(1, now),
            chip: Chip::boot(1),
            there: Wire { fates: there, ..Wire::default() },
            back: Wire { fates: back, ..Wire::default() },
            all: HashSet::new(),
        };
        deeds.iter().for_each(|deed| world.act(deed));
        world.there.mend();
        world.back.mend();
        // By which the desktop learns of a reset.
        world.act(&Deed::Report);
        for _ in 0..60 {
            world.act(&Deed::Wait { milliseconds: 1000 });
            world.act(&Deed::Take { most: 100 });
        }
        let World { desktop, mut chip, .. } = world;
        prop_assert_eq!(desktop.queue.untaken(), 0);
        prop_assert_eq!(desktop.queue.deadline(), None, "{:?}", desktop.queue);
        prop_assert!(!chip.take(&mut HashSet::new()));
        let told = deeds.iter().fold(false, |told, deed| match deed {
            Deed::Cancel => true,
            Deed::DesktopRestart => false,
            _ => told,
        });
        prop_assert_eq!(chip.inboxes.told(0).is_cancelled(), told);
        if let Some(Position { run, next: Some(next), gap }) = chip.position {
            prop_assert_eq!((run, next + gap), (desktop.run, desktop.accepted));
        }
    }
}

/// B23: without damage nothing is missing, however slowly the chip takes.
#[test]
fn b23_an_undisturbed_line_loses_no_command() {
    let now = Instant::now();
    let mut world = World {
        now,
        desktop: Desktop::start(1, now),
        chip: Chip::boot(1),
        there: Wire::default(),
        back: Wire::default(),
        all: HashSet::new(),
    };
    for round in 0..500u16 {
        for len in 0..4 {
            world.act(&Deed::Send { len: 7 * len });
        }
        world.act(&Deed::Take { most: (round % 4) as u8 });
        world.act(&Deed::Wait { milliseconds: round % 300 });
    }
    for _ in 0..20 {
        world.act(&Deed::Take { most: 100 });
        world.act(&Deed::Wait { milliseconds: 1000 });
    }
    assert!(world.desktop.accepted > 400);
    assert_eq!(world.all.len() as u64, world.desktop.accepted);
    assert_eq!(world.chip.received.lost(), 0);
}
