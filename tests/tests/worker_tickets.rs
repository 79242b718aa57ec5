//! Workers without a first pipe, and tickets that they are given. This program is its own worker.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{BufRead as _, Write as _};
use std::process::{ChildStdin, Command, ExitCode, Stdio};
use std::time::Duration;

use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::worker::{self, InheritError};
use homing::{End, Event, Exit, ProcessTransport, Router, Ticket, Worker};
use libtest_mimic::{Arguments, Trial};

/// Ends a test that hangs.
const HANG: Duration = Duration::from_secs(120);

/// What a worker of each case is told to do.
const CASE: &str = "HOMING_TEST_CASE";

fn main() -> ExitCode {
    if let Ok(case) = std::env::var(CASE) {
        return run_worker(&case);
    }
    let mut trials = trials_of("pipe", Pipe::new);
    #[cfg(target_os = "linux")]
    trials.extend(trials_of("shm", Shm::new));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trials_of<T: ProcessTransport + 'static>(name: &str, transport: fn() -> T) -> Vec<Trial> {
    let checks: [(&str, fn(fn() -> T)); 6] = [
        ("a_ticket_is_of_the_worker_that_starts_it_first", first_come),
        ("the_commands_of_a_ticket_go_to_the_worker_that_claims_it", commands_follow),
        ("a_ticket_of_a_worker_is_used_in_the_foreground", used_here::<T>),
        ("a_worker_without_a_first_pipe_takes_tickets", takes_tickets),
        ("a_worker_that_opens_no_link_is_told_truthfully", never_opens),
        ("a_worker_without_pipes_that_misses_its_deadline_is_killed", misses_its_deadline),
    ];
    let trial = |(check, run): (&str, fn(fn() -> T))| {
        Trial::test(format!("{name}::{check}"), move || {
            run(transport);
            Ok(())
        })
    };
    checks.into_iter().map(trial).collect()
}

// ---------------------------------------------------------------- in the worker

fn run_worker(case: &str) -> ExitCode {
    match case {
        "sends" => sends(),
        "obeys" => obeys(),
        "exits" => ExitCode::from(7),
        "hangs" => {
            std::thread::sleep(HANG);
            ExitCode::SUCCESS
        }
        other => panic!("no such case: {other}"),
    }
}

/// The next ticket on the standard input. `None` when that has ended.
fn next_ticket<U, D>() -> Option<Ticket<U, D>> {
    let line = std::io::stdin().lock().lines().next()?;
    Some(line.unwrap().parse().unwrap())
}

/// For each ticket on the standard input, sends the number of tickets so far.
fn sends() -> ExitCode {
    assert_eq!(worker::sender::<u32>().unwrap_err(), InheritError::NoFirstPipe);
    assert_eq!(worker::duplex::<u32, u32>().unwrap_err(), InheritError::NoFirstPipe);
    let link = worker::link().unwrap();
    let mut count = 0;
    while let Some(ticket) = next_ticket::<u32, ()>() {
        count += 1;
        let mut sender = link.sender(ticket);
        sender.start().unwrap();
        // Another worker may have started it before: then it is closed.
        let _ = sender.send(count);
        sender.stop().unwrap();
    }
    ExitCode::from(3)
}

/// For each ticket on the standard input, sends back the orders until one is 0.
fn obeys() -> ExitCode {
    let link = worker::link().unwrap();
    while let Some(ticket) = next_ticket::<u32, u32>() {
        let (mut orders, mut sender) = link.duplex(ticket).unwrap();
        sender.start().unwrap();
        for order in orders.iter().take_while(|order| *order != 0) {
            sender.send(order).unwrap();
        }
        sender.stop().unwrap();
    }
    ExitCode::SUCCESS
}

// ---------------------------------------------------------------- in the foreground

#[derive(Debug, PartialEq)]
enum Told {
    Message(u32),
    Ended(End),
    Exited(Option<Exit>),
}

type App = Vec<Told>;

fn record(app: &mut App, event: Event<u32>) {
    app.push(match event {
        Event::Message(message) => Told::Message(message),
        Event::Ended(end) => Told::Ended(end),
    });
}

fn started() -> (Router<App>, EventLoop) {
    let event_loop = EventLoop::new().unwrap();
    let router = Router::new(&event_loop);
    router.start().unwrap();
    (router, event_loop)
}

fn again(case: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CASE, case).stdin(Stdio::piped());
    command
}

/// A worker that was started without a first pipe, and its standard input.
fn linked(
    router: &Router<App>,
    transport: impl ProcessTransport,
    case: &str,
) -> (Worker<App>, ChildStdin) {
    let builder = router.spawn(transport, again(case));
    let builder = builder.on_exit(|app: &mut App, exit| app.push(Told::Exited(exit)));
    let worker = builder.link().unwrap();
    let stdin = worker.take_stdin().unwrap();
    (worker, stdin)
}

fn until(router: &Router<App>, app: &mut App, len: usize) {
    router.route_until(app, |app| app.len() >= len, Some(HANG)).unwrap();
}

fn finished(message: u32) -> [Told; 2] {
    [Told::Message(message), Told::Ended(End::Finished)]
}

fn takes_tickets<T: ProcessTransport>(transport: fn() -> T) {
    let (router, _event_loop) = started();
    let mut app = App::new();
    let (worker, mut stdin) = linked(&router, transport(), "sends");
    for number in 1..=2 {
        let (ticket, _) = worker.pipe(record).unwrap();
        writeln!(stdin, "{ticket}").unwrap();
        until(&router, &mut app, 2);
        assert_eq!(app.split_off(0), finished(number));
    }
    drop(stdin);
    // There is no pipe: the exit is waited for.
    router.route_until(&mut app, |app| !app.is_empty(), None).unwrap();
    assert_eq!(app, [Told::Exited(Some(Exit::Code(3)))]);
    assert_eq!(router.links(), 0);
}

/// Two workers get the same ticket, one after the other.
fn first_come<T: ProcessTransport>(transport: fn() -> T) {
    let (router, _event_loop) = started();
    let mut app = App::new();
    let (ticket, _) = router.ticket(record).unwrap();
    let (first, mut stdin) = linked(&router, transport(), "sends");
    writeln!(stdin, "{ticket}").unwrap();
    until(&router, &mut app, 2);
    assert_eq!(app.split_off(0), finished(1));
    // The pipe has ended: what a late worker sends for it reaches no receiver.
    let (late, mut late_stdin) = linked(&router, Pipe::new(), "sends");
    writeln!(late_stdin, "{ticket}").unwrap();
    let (next, _) = router.ticket(record).unwrap();
    writeln!(late_stdin, "{next}").unwrap();
    until(&router, &mut app, 2);
    assert_eq!(app.split_off(0), finished(2));
    drop((stdin, late_stdin));
    until(&router, &mut app, 2);
    assert!(app.iter().all(|told| *told == Told::Exited(Some(Exit::Code(3)))), "{app:?}");
    drop((first, late));
}

fn commands_follow<T: ProcessTransport>(transport: fn() -> T) {
    let (router, _event_loop) = started();
    let mut app = App::new();
    let (maker, maker_stdin) = linked(&router, transport(), "obeys");
    let (taker, mut stdin) = linked(&router, Pipe::new(), "obeys");
    // One is made on the link of another worker, one on none.
    let (of_maker, to_first, _) = maker.duplex::<u32, u32>(record).unwrap();
    let (of_none, to_second, _) = router.duplex_ticket::<u32, u32>(record).unwrap();
    for (ticket, remote) in [(of_maker, to_first), (of_none, to_second)] {
        remote.send(7).unwrap();
        writeln!(stdin, "{ticket}").unwrap();
        until(&router, &mut app, 1);
        assert_eq!(app.split_off(0), [Told::Message(7)]);
        if maker.exit().is_none() {
            // The pipe is the taker's by now.
            maker.kill().unwrap();
            until(&router, &mut app, 1);
            assert_eq!(app.split_off(0), [Told::Exited(Some(Exit::Signal(9)))]);
        }
        remote.send(8).unwrap();
        remote.send(0).unwrap();
        until(&router, &mut app, 2);
        assert_eq!(app.split_off(0), finished(8));
        assert_eq!(remote.untaken(), 0);
    }
    drop((stdin, maker_stdin));
    until(&router, &mut app, 1);
    assert_eq!(taker.exit(), Some(Exit::Code(0)));
}

/// A thread of the foreground's process takes a worker's work over.
fn used_here<T: ProcessTransport>(transport: fn() -> T) {
    let (router, _event_loop) = started();
    let mut app = App::new();
    let (worker, stdin) = linked(&router, transport(), "obeys");
    let (ticket, remote, _) = worker.duplex::<u32, u32>(record).unwrap();
    let (of_none, _) = router.ticket(record).unwrap();
    for number in 1..=2 {
        remote.send(number).unwrap();
    }
    let pipe_link = router.link(Pipe::new()).unwrap();
    let (mut orders, mut sender) = pipe_link.duplex_ends(ticket);
    let thread = std::thread::spawn(move || {
        sender.start().unwrap();
        for order in orders.iter().take(2) {
            sender.send(order).unwrap();
        }
        sender.stop().unwrap();
    });
    until(&router, &mut app, 3);
    thread.join().unwrap();
    assert_eq!(app.split_off(1), finished(2));
    assert_eq!(app.split_off(0), [Told::Message(1)]);
    #[cfg(target_os = "linux")]
    let link = router.link(Shm::new()).unwrap();
    #[cfg(not(target_os = "linux"))]
    let link = pipe_link;
    let mut sender = link.sender(of_none);
    sender.start().unwrap();
    sender.send(3).unwrap();
    sender.stop().unwrap();
    until(&router, &mut app, 2);
    assert_eq!(app.split_off(0), finished(3));
    drop(stdin);
}

fn never_opens<T: ProcessTransport>(transport: fn() -> T) {
    let (router, _event_loop) = started();
    let mut app = App::new();
    let (worker, _stdin) = linked(&router, transport(), "exits");
    let (_ticket, _) = worker.pipe(record).unwrap();
    until(&router, &mut app, 2);
    let [Told::Ended(End::Lost(lost)), Told::Exited(exit)] = &app[..] else { panic!("{app:?}") };
    assert_eq!((lost.exit, lost.opened, *exit), (Some(Exit::Code(7)), false, lost.exit));
}

fn misses_its_deadline<T: ProcessTransport>(transport: fn() -> T) {
    let (router, _event_loop) = started();
    let mut app = App::new();
    let after = Duration::from_millis(50);
    let worker = router
        .spawn(transport(), again("hangs"))
        .start_deadline(after)
        .on_exit(|app: &mut App, exit| app.push(Told::Exited(exit)))
        .link()
        .unwrap();
    router.route_until(&mut app, |app| !app.is_empty(), None).unwrap();
    assert_eq!(app, [Told::Exited(Some(Exit::Signal(9)))]);
    assert_eq!(worker.missed_start_deadline(), Some(after));
}
