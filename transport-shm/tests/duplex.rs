//! Both directions between real processes, and the death of either.
//!
//! The workers are this test binary, started again with a role.

#![cfg(target_os = "linux")]
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use homing_core::{
    Arrival, ConnectionId, Downlink, EncodingRemote, Inlet, LinkEnd, Nonce, Pinger, RecvError,
    RemoteEnd, SendErrorKind, Ticket,
};
use homing_mux::MuxConfig;
use homing_process::{
    ChildProcess, Doorbells, Inherited, LinkWaker, Prepared, ProcessTransport as _, SpawnOptions,
};
use homing_transport_shm::{Receiver, Sender, Shm};

const ROLE: &str = "HOMING_TEST_ROLE";

/// Ends a test that hangs. Nothing is measured with it.
const HANG: Duration = Duration::from_secs(60);

struct Silent;

impl Pinger for Silent {
    fn ping(&self) {}
}

fn ticket<U, D>() -> Ticket<U, D> {
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
        ("echo", _) => echo(),
        ("deaf", _) => deaf(),
        ("blocked", mode) => blocked(mode),
        ("foreground", mode) => foreground(mode),
        _ => panic!("no such role: {role}"),
    }
    std::process::exit(0);
}

fn worker() -> (Receiver<Vec<u8>>, Sender<Vec<u8>>) {
    let link = Inherited::take().unwrap();
    let config = MuxConfig::new().limit(link.limit);
    let handle = homing_transport_shm::adopt(link.handles, config).unwrap();
    let (orders, mut sender) = handle.duplex(ticket());
    sender.start().unwrap();
    (orders, sender)
}

/// Returns each command.
fn echo() {
    let (mut orders, mut sender) = worker();
    for order in orders.iter() {
        sender.send(order).unwrap();
    }
    sender.stop().unwrap();
}

/// Takes one command, and says so.
fn deaf() {
    let (mut orders, mut sender) = worker();
    sender.send(orders.recv().unwrap()).unwrap();
    loop {
        thread::park();
    }
}

/// Waits or looks until it is told something, says what on its standard output, and stops.
fn blocked(mode: &str) {
    let (mut orders, mut sender) = worker();
    say("started");
    let told = match mode {
        "receives" => told(orders.recv()),
        "looks" => loop {
            match orders.try_recv() {
                Err(RecvError::Empty) => {}
                received => break told(received),
            }
        },
        _ => match loop_of_sends(&mut sender) {
            SendErrorKind::Disconnected => "disconnected",
            SendErrorKind::Cancelled => "cancelled",
            SendErrorKind::Closed => "closed",
            other => panic!("{other:?}"),
        },
    };
    let _ = sender.stop();
    say(told);
}

fn told(received: Result<Vec<u8>, RecvError>) -> &'static str {
    match received {
        Err(RecvError::Disconnected) => "disconnected",
        Err(RecvError::Cancelled) => "cancelled",
        Err(RecvError::Closed) => "closed",
        other => panic!("{other:?}"),
    }
}

fn loop_of_sends(sender: &mut Sender<Vec<u8>>) -> SendErrorKind {
    loop {
        if let Err(error) = sender.send(vec![0; 1000]) {
            return error.kind();
        }
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{text}").unwrap();
    out.flush().unwrap();
}

/// The foreground of one worker, whose pipe is started.
struct Foreground {
    worker: ChildProcess,
    inlet: Box<dyn Inlet>,
    doorbells: Doorbells,
    downlink: Arc<dyn Downlink>,
    remote: EncodingRemote,
}

impl Foreground {
    fn start(shm: Shm, command: Command, options: &SpawnOptions) -> Self {
        let mut shm = shm;
        let Prepared { transport, inlet, doorbell, handles, limit, depth, downlink, .. } =
            shm.prepare(LinkWaker::noop()).unwrap();
        let first = &ticket::<u8, ()>();
        let worker =
            ChildProcess::spawn_with(command, options, transport, handles, limit, depth, first)
                .unwrap();
        let mut doorbells = Doorbells::new().unwrap();
        doorbells.add(doorbell, Some(worker.clone()), Arc::new(Silent)).unwrap();
        let downlink = downlink.unwrap();
        let connection = ConnectionId::from_parts(0, 0);
        let remote = EncodingRemote::new(&*downlink, connection, 300_000);
        Self { worker, inlet, doorbells, downlink, remote }
    }

    /// Serves the link until it has ended or `done` says so, which gets each message, and `None`
    /// when there is nothing to do but to sleep.
    fn serve(
        &mut self,
        mut done: impl FnMut(&EncodingRemote, Option<Vec<u8>>) -> bool,
    ) -> Option<LinkEnd> {
        loop {
            let message = match self.inlet.poll() {
                Ok(None) => None,
                Ok(Some(Arrival::Message { payload, .. })) => Some(payload.decode().unwrap()),
                Ok(Some(Arrival::Started { .. })) => {
                    RemoteEnd::<u8>::note_started(&self.remote);
                    continue;
                }
                Ok(Some(Arrival::Taken { commands, .. })) => {
                    RemoteEnd::<u8>::note_taken(&self.remote, commands).unwrap();
                    continue;
                }
                Ok(Some(_)) => continue,
                Err(end) => return Some(end),
            };
            let idle = message.is_none();
            if done(&self.remote, message) {
                return None;
            }
            if idle {
                self.downlink.flush();
                let asleep = Instant::now();
                self.doorbells.wait(Some(HANG)).unwrap();
                assert!(asleep.elapsed() < HANG, "the foreground is not woken");
            }
        }
    }
}

fn command(number: usize) -> Vec<u8> {
    let len = [0, 5, 1000, 65_536, 20_000, 150_000][number % 6];
    (0..len).map(|at| (number * 7 + at) as u8).collect()
}

/// Reads what a process says, up to this word.
fn read_until(out: &mut impl std::io::Read, word: &str) {
    let mut text = String::new();
    while !text.contains(word) {
        let mut some = [0; 100];
        let len = out.read(&mut some).unwrap();
        assert!(len > 0, "no {word} in {text}");
        text += std::str::from_utf8(&some[..len]).unwrap();
    }
}

#[test]
fn a_process_takes_commands_of_any_size_while_both_rings_are_full() {
    const COUNT: usize = 60;
    let mut command_line = again("echo");
    command_line.stdout(Stdio::null());
    let shm = Shm::new().ring(16 * 1024).way_back_ring(16 * 1024);
    let mut foreground = Foreground::start(shm, command_line, &SpawnOptions::new());
    let (mut sent, mut echoed) = (0, 0);
    let end = foreground.serve(|remote, message| {
        while sent < COUNT && remote.send(command(sent)).is_ok() {
            sent += 1;
        }
        if let Some(message) = message {
            assert!(message == command(echoed), "{echoed}");
            echoed += 1;
            if echoed == COUNT {
                RemoteEnd::<u8>::cancel(remote);
            }
        }
        false
    });
    assert_eq!((sent, echoed), (COUNT, COUNT));
    assert!(matches!(end, Some(LinkEnd::Gone(_))), "{end:?}");
    assert_eq!(RemoteEnd::<u8>::untaken(&foreground.remote), 0);
    foreground.worker.end();
}

#[test]
fn a_process_that_is_killed_leaves_its_commands_untaken() {
    let mut command_line = again("deaf");
    command_line.stdout(Stdio::null());
    let shm = Shm::new().way_back_ring(4096);
    let mut foreground = Foreground::start(shm, command_line, &SpawnOptions::new());
    for number in 0..50 {
        foreground.remote.send(vec![number; 1000]).unwrap();
    }
    let worker = foreground.worker.clone();
    let end = foreground.serve(|_, message| {
        if message.is_some() {
            worker.kill().unwrap();
        }
        false
    });
    assert!(matches!(end, Some(LinkEnd::Gone(_))), "{end:?}");
    // That it has taken one may have been on its way.
    let untaken = RemoteEnd::<u8>::untaken(&foreground.remote);
    assert!((49..=50).contains(&untaken), "{untaken}");
    foreground.worker.end();
}

#[test]
fn a_process_that_waits_or_looks_is_told() {
    for mode in ["receives", "looks", "sends"] {
        for close in [false, true] {
            let mut command_line = again(&format!("blocked-{mode}"));
            command_line.stdout(Stdio::piped());
            let shm = Shm::new().ring(16 * 1024);
            let mut foreground = Foreground::start(shm, command_line, &SpawnOptions::new());
            let mut out = foreground.worker.take_stdout().unwrap();
            read_until(&mut out, "started");
            // Takes the start of the pipe, and lets the link fill.
            let end = foreground.serve(|_, message| message.is_some() || mode != "sends");
            assert_eq!(end, None);
            RemoteEnd::<u8>::note_started(&foreground.remote);
            thread::sleep(Duration::from_millis(20));
            match close {
                true => RemoteEnd::<u8>::close(&foreground.remote),
                false => RemoteEnd::<u8>::cancel(&foreground.remote),
            }
            // Not while it waits to say that it stops.
            let reading = thread::spawn(move || {
                let mut text = String::new();
                out.read_to_string(&mut text).unwrap();
                text
            });
            let _ = foreground.serve(|_, _| false);
            let text = reading.join().unwrap();
            assert!(text.contains(["cancelled", "closed"][usize::from(close)]), "{mode}: {text}");
            foreground.worker.end();
        }
    }
}

/// Starts a worker, and does nothing.
fn foreground(mode: &str) {
    let worker = again(&format!("blocked-{mode}"));
    // Otherwise it would be killed with this process.
    let options = SpawnOptions::new().keep_running();
    let _foreground = Foreground::start(Shm::new().ring(16 * 1024), worker, &options);
    loop {
        thread::park();
    }
}

#[test]
fn a_process_that_waits_or_looks_finds_the_foreground_dead() {
    for mode in ["receives", "looks", "sends"] {
        let mut foreground =
            again(&format!("foreground-{mode}")).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = foreground.stdout.take().unwrap();
        read_until(&mut out, "started");
        thread::sleep(Duration::from_millis(20));
        foreground.kill().unwrap();
        foreground.wait().unwrap();
        read_until(&mut out, "disconnected");
    }
}
