//! B3, B17: SIGKILL at any instant.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use homing_core::{End, Event, Exit, Overflow};

use super::role::bulk;
use super::{PROGRESS, ProcessRig, Program, WellBehaved, exit_of};
use crate::deadline::deadline;
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};

/// A file that a worker writes its progress to, and that is gone with the check.
struct Progress(PathBuf, File);

impl Progress {
    fn new(name: &str) -> Self {
        let name = format!("conformance-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&path);
        Self(path, file.expect("there can be a temporary file"))
    }

    /// How many sends have returned.
    fn read(&self) -> u64 {
        let mut bytes = [0; 8];
        match self.1.read_exact_at(&mut bytes, 0) {
            Ok(()) => u64::from_le_bytes(bytes),
            Err(_) => 0,
        }
    }
}

impl Progress {
    /// Waits until the worker seems to wait for room. A slow one may be taken for one that
    /// waits; the check says less then, but nothing wrong.
    fn stands_still(&self, mut pause: impl FnMut()) {
        let start = Instant::now();
        let mut before = self.read();
        loop {
            pause();
            let now = self.read();
            if (now > 0 && now == before) || start.elapsed() > deadline() {
                return;
            }
            before = now;
        }
    }
}

/// In this time a worker sends a message, unless it waits for room.
const PAUSE: Duration = Duration::from_millis(30);

impl Drop for Progress {
    fn drop(&mut self) {
        // A temporary file that stays does no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Numbers that look random; the seed is fixed, time does the rest.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// B3, B17: a worker that is killed at any instant loses nothing of what it had handed over:
/// what arrives is a prefix of what it sent, without a gap, and no shorter than the number of
/// sends that had returned. The pipe is told of the signal. Another worker is not harmed, and
/// the router goes on.
///
/// An implementation that fails it keeps messages in the worker's memory, or loses what is in the link when its
/// writer is gone.
pub fn b17_a_killed_worker_loses_nothing<R: ProcessRig, H: EventLoopRig>(program: Program) {
    killed::<R, H, u64>(program, "flood", 25, |message, number| *message == number);
}

/// B17: the same with large messages, which travel in parts: none is delivered of which a
/// part is missing, and none is torn.
///
/// An implementation that fails it delivers half a message.
pub fn b17_a_killed_worker_tears_nothing<R: ProcessRig, H: EventLoopRig>(program: Program) {
    killed::<R, H, Vec<u8>>(program, "bulk", 25, |message, number| *message == bulk(number));
}

fn killed<R, H, M>(program: Program, role: &str, rounds: usize, is: fn(&M, u64) -> bool)
where
    R: ProcessRig,
    H: EventLoopRig,
    M: serde::Serialize + serde::de::DeserializeOwned + 'static,
{
    let mut foreground = Foreground::<H>::started();
    let mut honest = WellBehaved::spawn::<R, H>(&foreground, program, 0);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 1..=rounds {
        let progress =
            Progress::new(&format!("{role}-{}-{round}", std::any::type_name::<H>().len()));
        let mut command = program.command(role);
        command.env(PROGRESS, &progress.0);
        let mut next = 0;
        let (worker, _) = foreground
            .router
            .spawn(R::transport(), command)
            .pipe(move |app: &mut App, event: Event<M>| match event {
                Event::Message(message) => {
                    assert!(is(&message, next), "message {next} is torn, or another");
                    app.record(round, &Event::Message(next));
                    next += 1;
                }
                Event::Ended(end) => app.record(round, &Event::Ended(end)),
            })
            .expect("the worker starts");
        honest.ask();
        if round % 5 != 0 {
            foreground.until("a message", |app| app.count(round) > 0);
        }
        // Anywhere in the flood, or, now and then, in the worker's start.
        let instant = Duration::from_micros(random.below(5000));
        if round % 5 == 4 {
            // The foreground takes nothing until the worker waits for room.
            progress.stands_still(|| std::thread::sleep(PAUSE));
        } else if round % 2 == 0 {
            std::thread::sleep(instant);
        } else {
            let start = Instant::now();
            while start.elapsed() < instant {
                foreground.turn(Duration::from_micros(100));
            }
        }
        worker.kill().unwrap();
        // It may have been killed before it had opened its link.
        assert_eq!(exit_of(foreground.end_of(round)), Some(Exit::Signal(9)));
        assert_eq!(worker.exit(), Some(Exit::Signal(9)));
        let (sent, arrived) = (progress.read(), foreground.app.count(round) as u64);
        assert!(sent <= arrived, "{sent} sends have returned, {arrived} messages arrived");
        honest.check(&mut foreground);
    }
    foreground.until_links(1);
    assert_eq!(foreground.router.counters().refused_links, 0);
}

/// B3, B17: what a killed worker had handed over is kept, however much it is, while it is
/// not read: all that the link and the foreground's buffer hold, behind a mailbox that is
/// full. The mailbox yields it, and then the end.
///
/// An implementation that fails it lets go of a link when its worker is gone, before the link is empty.
pub fn b17_what_a_killed_worker_left_is_kept<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let progress = Progress::new(&format!("left-{}", std::any::type_name::<H>().len()));
    let mut command = program.command("flood");
    command.env(PROGRESS, &progress.0);
    let (worker, mut mailbox) = foreground
        .router
        .spawn(R::transport(), command)
        .mailbox_with::<u64>(Overflow::Wait, 4)
        .expect("the worker starts");
    foreground.until("a full mailbox", |_| mailbox.len() == 4);
    let mut turns = || {
        let start = Instant::now();
        while start.elapsed() < PAUSE {
            foreground.turn(Duration::from_millis(1));
        }
    };
    progress.stands_still(&mut turns);
    worker.kill().unwrap();
    // No loop is woken for it while the mailbox is full, and it need not be known by then.
    turns();
    let sent = progress.read();
    let mut next = 0;
    let mut end = None;
    while end.is_none() {
        foreground.until("an event in the mailbox", |_| {
            let event = mailbox.try_recv();
            match event {
                Some(Event::Message(message)) => assert_eq!(message, next),
                Some(Event::Ended(how)) => end = Some(how),
                None => return false,
            }
            next += u64::from(end.is_none());
            true
        });
    }
    assert_eq!(end, Some(End::Lost(Exit::Signal(9).into())));
    assert!(sent <= next, "{sent} sends have returned, {next} messages arrived");
}
