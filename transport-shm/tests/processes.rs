//! Real processes and real SIGKILL.
//!
//! The workers are this test binary, started again with a role.

#![cfg(target_os = "linux")]
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use homing_core::{
    Arrival, ConnectionId, Inlet, LinkEnd, Nonce, Overflow, Pinger, SendErrorKind, Ticket,
};
use homing_mux::MuxConfig;
use homing_process::{
    ChildProcess, Doorbell, Doorbells, Inherited, LinkWaker, Prepared, ProcessTransport as _,
    SpawnOptions,
};
use homing_transport_shm::{Shm, ShmHandle};

const ROLE: &str = "HOMING_TEST_ROLE";

/// Ends a test that hangs. Nothing is measured with it.
const HANG: Duration = Duration::from_secs(60);

/// One test at a time looks at what this process has open.
static ALONE: Mutex<()> = Mutex::new(());

struct Silent;

impl Pinger for Silent {
    fn ping(&self) {}
}

fn ticket<M>() -> Ticket<M> {
    Ticket::new(ConnectionId::from_parts(0, 0), Nonce::new(5))
}

/// This binary, with a role.
fn again(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "role", "--nocapture"]).env(ROLE, role).stderr(Stdio::null());
    command
}

/// Runs what the role says, when this process was started with one.
#[test]
fn role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.split_once('-').unwrap_or((&role, "")) {
        ("accepted", _) => accepted(),
        ("scribbles", seed) => scribbles(seed.parse().unwrap()),
        ("victim", mode) => victim(mode),
        ("foreground", mode) => foreground(mode),
        _ => panic!("no such role: {role}"),
    }
    std::process::exit(0);
}

fn adopt() -> ShmHandle {
    let link = Inherited::take().unwrap();
    assert_eq!(link.transport, "shm");
    homing_transport_shm::adopt(link.handles, MuxConfig::new().limit(link.limit)).unwrap()
}

/// The message with a number, of various lengths.
fn message(n: u32) -> (u32, Vec<u8>) {
    let len = match n % 50 {
        0 => 70_000,
        1..10 => 3000,
        _ => n as usize % 100,
    };
    (n, vec![n as u8; len])
}

/// Sends, and says on a pipe how much was accepted, until it is killed.
fn accepted() {
    let mut sender = adopt().sender::<(u32, Vec<u8>)>(ticket());
    sender.start().unwrap();
    let mut out = std::io::stdout();
    for n in 0.. {
        sender.send(message(n)).unwrap();
        out.write_all(b".").unwrap();
        out.flush().unwrap();
    }
}

/// What this process has open or mapped of links.
fn left() -> (usize, usize) {
    let names = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let open = names.filter(|entry| {
        let name = std::fs::read_link(entry.path()).unwrap_or_default();
        let name = name.to_string_lossy();
        name.starts_with("/memfd:homing") || name.starts_with("socket:")
    });
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    (open.count(), maps.lines().filter(|line| line.contains("/memfd:homing")).count())
}

/// Takes all until the link has ended or is cut off.
fn take_all(
    mut inlet: Box<dyn Inlet>,
    mut doorbells: Doorbells,
    mut each: impl FnMut(Arrival<'_>),
) -> LinkEnd {
    let deadline = Instant::now() + HANG;
    loop {
        match inlet.poll() {
            Ok(Some(arrival)) => each(arrival),
            Ok(None) => doorbells.wait(Some(Duration::from_secs(1))).unwrap(),
            Err(end) => return end,
        }
        assert!(Instant::now() < deadline, "no end");
    }
}

fn start(shm: &mut Shm, command: Command) -> (ChildProcess, Box<dyn Inlet>, Doorbell) {
    start_with(shm, command, &SpawnOptions::new())
}

fn start_with(
    shm: &mut Shm,
    command: Command,
    options: &SpawnOptions,
) -> (ChildProcess, Box<dyn Inlet>, Doorbell) {
    let Prepared { transport, inlet, doorbell, handles, limit, depth, .. } =
        shm.prepare(LinkWaker::noop()).unwrap();
    let worker = ChildProcess::spawn_with(
        command,
        options,
        transport,
        handles,
        limit,
        depth,
        &ticket::<u8>(),
    )
    .unwrap();
    (worker, inlet, doorbell)
}

fn spawn(shm: &mut Shm, command: Command) -> (ChildProcess, Box<dyn Inlet>, Doorbells) {
    let (worker, inlet, doorbell) = start(shm, command);
    let mut doorbells = Doorbells::new().unwrap();
    doorbells.add(doorbell, Some(worker.clone()), Arc::new(Silent)).unwrap();
    (worker, inlet, doorbells)
}

#[test]
fn what_was_accepted_survives_sigkill() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = left();
    let kills = std::env::var("HOMING_KILLS").map_or(100, |kills| kills.parse().unwrap());
    let (mut total, mut most) = (0, 0);
    for kill in 0..kills {
        // A ring that is smaller than some messages, and one that is larger than all.
        let mut shm = Shm::new().ring([16 * 1024, 1 << 20][kill % 2]);
        let mut command = again("accepted");
        command.stdout(Stdio::piped());
        let (worker, inlet, doorbells) = spawn(&mut shm, command);
        let mut out = worker.take_stdout().unwrap();
        // The test harness of the worker says some lines first.
        let count = thread::spawn(move || {
            let mut text = Vec::new();
            out.read_to_end(&mut text).unwrap();
            text.iter().rev().take_while(|byte| **byte == b'.').count() as u32
        });
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_micros((kill as u64 * 7919) % 20_000));
            worker.kill().unwrap();
            worker
        });
        let mut got = 0;
        let end = take_all(inlet, doorbells, |arrival| {
            if let Arrival::Message { payload, .. } = arrival {
                assert_eq!(payload.decode(), Ok(message(got)));
                got += 1;
            }
        });
        // One that was killed at once may not have opened its link.
        assert!(matches!(end, LinkEnd::Gone(_)), "{end:?}");
        let accepted = count.join().unwrap();
        // The last may have been handed over and not yet said.
        assert!(got == accepted || got == accepted + 1, "{got} of {accepted}");
        killer.join().unwrap().end();
        total += got;
        most = most.max(got);
    }
    println!("{total} messages of {kills} workers, {most} of one");
    assert_eq!(left(), before);
}

/// Sends, while another of its threads writes all over the shared memory.
fn scribbles(seed: u64) {
    let link = Inherited::take().unwrap();
    // Of either direction.
    let memory = File::from(link.handles[seed as usize / 3 % 2 * 2].try_clone().unwrap());
    let size = memory.metadata().unwrap().len();
    let end =
        homing_transport_shm::adopt(link.handles, MuxConfig::new().limit(link.limit)).unwrap();
    thread::spawn(move || {
        let mut sender = end.sender::<Vec<u8>>(ticket().with_overflow(Overflow::GiveBack));
        sender.start().unwrap();
        for n in 0.. {
            // Some in parts.
            let len = if n % 10 == 0 { 40_000 } else { n % 1000 };
            let _ = sender.try_send(vec![7; len]);
        }
    });
    let mut state = seed + 1;
    loop {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = match seed % 3 {
            0 => state % size,
            1 => 4096 + state % (size - 4096),
            _ => [128, 256][state as usize % 2],
        };
        let value = if state.is_multiple_of(3) { state } else { state % (1 << 17) };
        memory.write_at(&value.to_ne_bytes(), at.min(size - 8)).unwrap();
    }
}

#[test]
fn a_process_that_scribbles_harms_nobody_but_itself() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = left();
    for seed in 0..12 {
        let mut shm = Shm::new().ring(64 * 1024);
        let mut command = again(&format!("scribbles-{seed}"));
        command.stdout(Stdio::null());
        let (hostile, mut inlet, mut doorbells) = spawn(&mut shm, command);
        // A good one beside it, on the same thread and the same set of doorbells.
        let mut command = again("accepted");
        command.stdout(Stdio::null());
        let (good, mut good_inlet, doorbell) = start(&mut shm, command);
        doorbells.add(doorbell, Some(good.clone()), Arc::new(Silent)).unwrap();
        let (start, mut got, mut over) = (Instant::now(), 0, false);
        while got < 500 || (!over && start.elapsed() < Duration::from_millis(300)) {
            doorbells.wait(Some(Duration::from_millis(1))).unwrap();
            for _ in 0..1000 {
                over = over || inlet.poll().is_err();
                if let Ok(Some(Arrival::Message { payload, .. })) = good_inlet.poll() {
                    assert_eq!(payload.decode(), Ok(message(got)));
                    got += 1;
                }
            }
            assert!(start.elapsed() < HANG);
        }
        hostile.end();
        good.end();
    }
    assert_eq!(left(), before);
}

/// Starts a worker, and takes what it sends or does not, until it is killed.
fn foreground(mode: &str) {
    let victim = again(&format!("victim-{mode}"));
    // Otherwise it would be killed with this process.
    let options = SpawnOptions::new().keep_running();
    let mut shm = Shm::new().ring(64 * 1024);
    let (_worker, mut inlet, doorbell) = start_with(&mut shm, victim, &options);
    let mut doorbells = Doorbells::new().unwrap();
    doorbells.add(doorbell, None, Arc::new(Silent)).unwrap();
    loop {
        let got = inlet.poll().unwrap();
        match (mode, got) {
            // Takes the beginning, and then is awake for ever without taking any more.
            ("full" | "seldom", Some(Arrival::Message { .. })) => loop {
                thread::sleep(Duration::from_secs(1));
            },
            (_, None) => doorbells.wait(None).unwrap(),
            _ => {}
        }
    }
}

/// Sends until it is told that the foreground is gone.
fn victim(mode: &str) {
    let mut sender = adopt().sender::<u64>(ticket());
    sender.start().unwrap();
    for n in 0u64.. {
        match (sender.send(n), mode) {
            (Err(error), _) => {
                assert_eq!(error.kind(), SendErrorKind::Disconnected);
                assert_eq!(sender.stop(), Ok(()));
                println!("disconnected");
                return;
            }
            (Ok(()), "seldom") => thread::sleep(Duration::from_millis(10)),
            (Ok(()), "asleep") => thread::sleep(Duration::from_millis(50)),
            (Ok(()), _) => {}
        }
        if n == 0 {
            println!("started");
        }
    }
}

#[test]
fn a_worker_outlives_its_foreground_by_one_message() {
    // A worker that waits for room, one that the foreground takes for awake, one that rings,
    // and one that sends all the time.
    for mode in ["full", "seldom", "asleep", "busy"] {
        let mut foreground =
            again(&format!("foreground-{mode}")).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = foreground.stdout.take().unwrap();
        let mut text = String::new();
        while !text.contains("started") {
            let mut some = [0; 100];
            let len = out.read(&mut some).unwrap();
            assert!(len > 0, "{mode}: {text}");
            text += std::str::from_utf8(&some[..len]).unwrap();
        }
        thread::sleep(Duration::from_millis(50));
        let killed = Instant::now();
        foreground.kill().unwrap();
        foreground.wait().unwrap();
        // Ends when the worker does.
        out.read_to_string(&mut text).unwrap();
        assert!(text.contains("disconnected"), "{mode}: {text}");
        println!("{mode}: {:?}", killed.elapsed());
    }
}
