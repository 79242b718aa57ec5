//! What worker processes do.

use std::io::{BufRead as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use homing_core::{Event, Nonce, Ticket};
use homing_process::SpawnOptions;

use super::{BURST, PROGRESS, ProcessRig, Program, ROLE, TEST, decoding, hostile, overflow, types};
use crate::background::panic_quietly;
use crate::deadline::deadline;
use crate::event_loops::Watched;
use crate::foreground::{App, Foreground};

/// A worker that learned that its foreground is gone, or has cut it off.
pub(super) const DISCONNECTED: i32 = 7;

/// A message of the kill checks: its number tells what it must hold.
pub(super) fn bulk(number: u64) -> Vec<u8> {
    let len = (number * 7919 % 150_000) as usize;
    let mut message = number.to_le_bytes().to_vec();
    message.resize(8 + len, number as u8);
    message
}

/// Plays the role that this process was started for. Returns at once where it is an ordinary
/// test process.
pub fn play<R: ProcessRig>() {
    let Ok(role) = std::env::var(ROLE) else { return };
    // Nothing is left behind by a check that failed.
    std::thread::spawn(|| {
        std::thread::sleep(2 * deadline());
        std::process::exit(99);
    });
    let (role, argument) = role.split_once(' ').unwrap_or((&role, "0"));
    let number = || argument.parse::<u64>().expect("a number");
    match role {
        "finish" => {
            let mut sender = R::first::<u64>();
            sender.start().unwrap();
            sender.send_all(0..number()).unwrap();
            sender.stop().unwrap();
        }
        "exit" => {
            let mut sender = R::first::<u64>();
            sender.start().unwrap();
            for message in 0..10 {
                sender.send(message).unwrap();
            }
            std::process::exit(argument.parse().expect("a code"));
        }
        "abort" => {
            let mut sender = R::first::<u64>();
            sender.start().unwrap();
            sender.send(0).unwrap();
            std::process::abort();
        }
        "panic" => {
            let mut sender = R::first::<u64>();
            sender.start().unwrap();
            sender.send_all(0..number()).unwrap();
            panic_quietly();
        }
        "never" => {
            let _sender = R::first::<u64>();
            std::process::exit(0);
        }
        "absent" => std::process::exit(0),
        "hang" => sleep(),
        "bursts" => bursts::<R>(),
        "flood" => flood::<R, u64>(|number| number),
        "bulk" => flood::<R, Vec<u8>>(bulk),
        "pool" => pool::<R>(),
        "claim-wrong" => claim::<R>(|ticket| {
            let nonce = Nonce::new(ticket.nonce().bits() ^ 1);
            vec![Ticket::new(ticket.connection(), nonce)]
        }),
        "claim-other" => claim::<R>(|ticket| {
            // The right nonce, and the pipe of another.
            let other = homing_core::ConnectionId::from_parts(
                ticket.connection().index() - 1,
                ticket.connection().generation(),
            );
            vec![Ticket::new(other, ticket.nonce())]
        }),
        "claim-once" => claim::<R>(|ticket| vec![ticket]),
        "claim-twice" => {
            claim::<R>(|ticket| vec![Ticket::new(ticket.connection(), ticket.nonce()), ticket])
        }
        "overfill" => overflow::overfill::<R>(),
        "raw" => hostile::write(argument, R::WIRE),
        "decode" => decoding::send_hostile::<R>(argument),
        "deep" => decoding::send_deep::<R>(),
        "typed" => types::send_typed::<R>(number()),
        "text" => types::send_text::<R>(),
        "until-gone" => until_gone::<R>(),
        "computes" => one_message_then::<R>(std::hint::spin_loop),
        "stays" => one_message_then::<R>(|| std::thread::sleep(deadline())),
        "foreground" => foreground::<R>(argument),
        other => panic!("no such role: {other}"),
    }
    // Not the way of the test harness, which may print and whose code is its own.
    std::process::exit(0);
}

fn sleep() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// A line on standard output, for the process that reads it. The harness may have left one
/// unfinished.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // It fails when the reading process is gone.
    let _ = out.write_all(format!("\n{line}\n").as_bytes()).and_then(|()| out.flush());
}

pub(super) fn lines() -> impl Iterator<Item = String> {
    std::io::stdin().lock().lines().map_while(Result::ok)
}

fn bursts<R: ProcessRig>() {
    let mut sender = R::first::<u64>();
    sender.start().unwrap();
    let mut next = 0;
    for _ in lines() {
        for _ in 0..BURST {
            sender.send(next).unwrap();
            next += 1;
        }
    }
    sender.stop().unwrap();
}

/// Sends without end, and writes down how many sends have returned.
fn flood<R: ProcessRig, M: serde::Serialize + Send + 'static>(message: impl Fn(u64) -> M) {
    let path = std::env::var_os(PROGRESS).expect("a path");
    let progress = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let mut sender = R::first::<M>();
    sender.start().unwrap();
    for number in 0.. {
        sender.send(message(number)).unwrap();
        // What is written is the system's: a SIGKILL does not take it back.
        progress.write_all_at(&(number + 1).to_le_bytes(), 0).unwrap();
    }
}

/// Sends on many pipes, whose tickets it reads, from four threads.
fn pool<R: ProcessRig>() {
    let mut threads: Vec<Vec<_>> = (0..4).map(|_| Vec::new()).collect();
    for (n, line) in lines().take_while(|line| line != "go").enumerate() {
        let ticket: Ticket<u64> = line.parse().expect("a ticket");
        threads[n % 4].push((n as u64, R::sender(ticket)));
    }
    let threads: Vec<_> = (threads.into_iter())
        .map(|mut senders| {
            std::thread::spawn(move || {
                for (_, sender) in &mut senders {
                    sender.start().unwrap();
                }
                for message in 0..64 {
                    for (n, sender) in &mut senders {
                        sender.send(*n * 1000 + message).unwrap();
                    }
                }
                for (_, sender) in &mut senders {
                    sender.stop().unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    // With this process, pipes would be lost whose tickets others have and not presented yet.
    lines().for_each(drop);
}

/// Starts senders for tickets that are none of its business, and sends on them until it is
/// cut off. Its first pipe is in order.
fn claim<R: ProcessRig>(tickets: impl FnOnce(Ticket<u64>) -> Vec<Ticket<u64>>) {
    let mut first = R::first::<u64>();
    first.start().unwrap();
    first.send(1).unwrap();
    let line = lines().next().expect("a ticket");
    let mut senders: Vec<_> =
        tickets(line.parse().expect("a ticket")).into_iter().map(R::sender).collect();
    for sender in &mut senders {
        // Whether it is cut off at once is a matter of time.
        let _ = sender.start();
    }
    for message in 0..u64::MAX {
        for sender in &mut senders {
            match sender.send(message) {
                Ok(()) => {}
                Err(error) if error.is_closed() => {
                    // The link goes on.
                    first.stop().unwrap();
                    return;
                }
                Err(_) => std::process::exit(DISCONNECTED),
            }
        }
    }
}

fn until_gone<R: ProcessRig>() {
    let mut sender = R::first::<u64>();
    sender.start().unwrap();
    for message in 0.. {
        match sender.send(message) {
            Ok(()) => {}
            Err(error) if error.is_disconnected() => break,
            Err(error) => panic!("{error}"),
        }
    }
    say("worker: disconnected");
}

/// A worker that does not send any more, and so cannot learn of anything by that.
fn one_message_then<R: ProcessRig>(act: impl Fn()) -> ! {
    let mut sender = R::first::<u64>();
    sender.start().unwrap();
    sender.send(0).unwrap();
    loop {
        act();
    }
}

/// A foreground that has a worker, for the check to kill: it routes or sleeps, and its worker
/// runs on or does what the second word says.
fn foreground<R: ProcessRig>(kind: &str) {
    let (kind, worker) = kind.split_once(' ').unwrap_or((kind, "runs-on"));
    let options = SpawnOptions::new();
    let (role, options) = match worker {
        "runs-on" => ("until-gone", options.keep_running()),
        "ends" => ("until-gone", options),
        role => (role, options),
    };
    let mut foreground = Foreground::<Watched>::started();
    let test = std::env::var(TEST).expect("the name of this test");
    let mut command = Program::new(test.leak()).command(role);
    command.stdout(std::process::Stdio::inherit());
    let (worker, _) = foreground
        .router
        .spawn(R::transport(), command)
        .options(options)
        .pipe(|app: &mut App, event: Event<u64>| app.record(0, &event))
        .expect("the worker starts");
    foreground.until("a message", |app| app.count(0) > 0);
    say(&format!("foreground: started {}", worker.process_id()));
    match kind {
        // Its worker sends all the time.
        "runs" => loop {
            foreground.turn(deadline());
            foreground.app = Default::default();
        },
        // Its worker waits for room.
        _ => sleep(),
    }
}
