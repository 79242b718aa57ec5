//! Forks without `exec`, of workers and of foregrounds: this program is both. In a process of
//! its own for each case, as the copy has only the thread that forked.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::error::Error;
use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::{End, Event, ProcessTransport, Router, SendErrorKind, Worker, from_fn, worker};
use homing_core::RecvError;
use libtest_mimic::{Arguments, Failed, Trial};

/// Ends a test that hangs, in seconds. Nothing is measured with it.
const HANG: u32 = 120;

/// What a foreground of each case, and its worker, is told to do.
const FOREGROUND: &str = "HOMING_TEST_FOREGROUND";
const CASE: &str = "HOMING_TEST_CASE";

/// How many commands a worker receives that forks before each.
const ORDERS: u32 = 30;

const TRANSPORTS: &[&str] = if cfg!(target_os = "linux") { &["pipe", "shm"] } else { &["pipe"] };

const CASES: [&str; 5] = [
    "the_copy_of_a_worker_sends_nothing",
    "the_copy_of_a_worker_waits_for_no_lock",
    "the_copy_of_a_worker_receives_nothing",
    "the_copy_of_a_foreground_with_its_own_loop_drops_its_router",
    "the_copy_of_a_foreground_with_a_monitor_drops_its_router",
];

fn main() -> ExitCode {
    if worker::link().is_ok() {
        return run_worker(&std::env::var(CASE).unwrap());
    }
    if let Ok(case) = std::env::var(FOREGROUND) {
        return match case.split_once(' ').unwrap() {
            ("pipe", case) => run_foreground(Pipe::new(), case),
            #[cfg(target_os = "linux")]
            (_, case) => run_foreground(Shm::new(), case),
            #[cfg(not(target_os = "linux"))]
            (other, _) => panic!("{other}"),
        };
    }
    let mut trials = Vec::new();
    for transport in TRANSPORTS {
        for case in CASES {
            let name = format!("{transport}::{case}");
            trials.push(Trial::test(name, move || run(&format!("{transport} {case}"))));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(case: &str) -> Result<(), Failed> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.env(FOREGROUND, case).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into()),
    }
}

/// Runs `work` in a copy of this process, and says whether it returned true. The copy ends
/// without running anything of the original's, and is ended when it hangs.
fn in_a_copy(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the copy uses the allocator, which the C library makes ready for that, and
    // nothing else that another thread may have locked; that Homing does not is the test.
    let copy = unsafe { libc::fork() };
    assert!(copy >= 0);
    if copy == 0 {
        // SAFETY: no preconditions.
        unsafe { libc::alarm(HANG) };
        let fine = work();
        // SAFETY: no preconditions.
        unsafe { libc::_exit(i32::from(!fine)) };
    }
    let mut status = 0;
    // SAFETY: the status is written to a variable of its type.
    assert_eq!(unsafe { libc::waitpid(copy, &raw mut status, 0) }, copy);
    status == 0
}

// ---------------------------------------------------------------- in the worker

fn run_worker(case: &str) -> ExitCode {
    if case == "the_copy_of_a_worker_receives_nothing" {
        return worker::run_duplex(copy_receives);
    }
    worker::run::<Vec<u8>, _>(|sender| match case {
        "the_copy_of_a_worker_sends_nothing" => copy_sends(sender),
        "the_copy_of_a_worker_waits_for_no_lock" => copy_finds_locks(sender),
        _ => waits_for_a_line(sender),
    })
}

/// Short messages, long ones and fragmented ones are refused in the copy, and the original's
/// arrive.
fn copy_sends(sender: &mut worker::Sender<Vec<u8>>) -> Result<(), Box<dyn Error>> {
    let lens = [3, 10_000, 1 << 20];
    for round in 10..15 {
        let fine = in_a_copy(|| {
            let refused = lens.iter().all(|len| {
                let error = sender.send(vec![9; *len]).unwrap_err();
                let tried = sender.try_send(vec![9; *len]).unwrap_err();
                (error.kind(), tried.kind()) == (SendErrorKind::Forked, SendErrorKind::Forked)
            });
            let all = sender.send_all([vec![9], vec![9]]).unwrap_err();
            // Says nothing to the foreground, of which the original's pipe would end.
            refused && all.kind() == SendErrorKind::Forked && sender.stop().is_ok()
        });
        if !fine {
            return Err("the copy's messages were not refused".into());
        }
        for len in lens {
            sender.send(vec![round; len])?;
        }
    }
    Ok(())
}

/// Another thread is nearly always within a `send`, and may have the link locked, when the
/// copy is made.
fn copy_finds_locks(sender: &mut worker::Sender<Vec<u8>>) -> Result<(), Box<dyn Error>> {
    let stop = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        // The copy has a sender of its own to try.
        let link = worker::link()?;
        let mut other = link.sender::<Vec<u8>>(std::env::var("HOMING_TEST_TICKET")?.parse()?);
        other.start()?;
        let flood = scope.spawn(move || {
            let mut sent = 0;
            while sent < 10 || !stop.load(Ordering::Relaxed) {
                sender.send(vec![1; 20_000]).unwrap();
                sent += 1;
            }
        });
        let fine = (0..50).all(|_| {
            other.send(vec![2]).unwrap();
            in_a_copy(|| other.send(vec![9]).unwrap_err().kind() == SendErrorKind::Forked)
        });
        stop.store(true, Ordering::Relaxed);
        other.stop()?;
        flood.join().unwrap();
        if fine { Ok(()) } else { Err("a copy's message was not refused".into()) }
    })
}

/// The copy's ends are dropped, too. The original receives every command, and its looks see the
/// end of them.
fn copy_receives(
    orders: &mut worker::Receiver<u32>,
    sender: &mut worker::Sender<Vec<u8>>,
) -> Result<(), Box<dyn Error>> {
    for number in 0..ORDERS {
        // There is a thread that reads in place of looks in between, which the copy has not.
        for _ in 0..number % 5 * 10 {
            sender.is_cancelled();
        }
        let link = worker::link()?;
        let fine = in_a_copy(|| {
            let refused = [orders.recv(), orders.try_recv()]
                .iter()
                .all(|received| *received == Err(RecvError::Forked));
            drop(link);
            // The copy knows what the original knew, and takes nothing of what has come since.
            let _ = (orders.is_cancelled(), sender.is_cancelled());
            refused
        });
        if !fine {
            return Err("the copy's receiver did not fail".into());
        }
        assert_eq!(orders.recv(), Ok(number));
        sender.send(vec![1])?;
    }
    assert_eq!(orders.recv(), Err(RecvError::Cancelled));
    Ok(())
}

fn waits_for_a_line(sender: &mut worker::Sender<Vec<u8>>) -> Result<(), Box<dyn Error>> {
    sender.send(vec![1])?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    for _ in 0..100 {
        sender.send(vec![2; 10_000])?;
    }
    Ok(())
}

// ---------------------------------------------------------------- in the foreground

#[derive(Default)]
struct App {
    messages: usize,
    ends: Vec<End>,
}

fn hear(app: &mut App, event: Event<Vec<u8>>) {
    match event {
        Event::Message(message) => {
            assert!(message.first() != Some(&9), "a message of the copy");
            app.messages += 1;
        }
        Event::Ended(end) => app.ends.push(end),
    }
}

fn run_foreground(transport: impl ProcessTransport, case: &str) -> ExitCode {
    // Where the original hangs.
    // SAFETY: no preconditions.
    unsafe { libc::alarm(2 * HANG) };
    let event_loop = EventLoop::new().unwrap();
    let router = match case.contains("monitor") {
        true => Router::new(from_fn(|| {})),
        false => Router::new(&event_loop),
    };
    router.start().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CASE, case).env_remove(FOREGROUND).stdin(Stdio::piped());
    let mut app = App::default();
    if case.ends_with("receives_nothing") {
        receiver_forks(&router, &mut app, transport, command);
    } else if case.starts_with("the_copy_of_a_worker") {
        worker_forks(&router, &mut app, transport, command, case);
    } else {
        foreground_forks(router, &mut app, transport, command);
    }
    ExitCode::SUCCESS
}

fn until(router: &Router<App>, app: &mut App, mut done: impl FnMut(&App) -> bool) {
    let timeout = Some(Duration::from_secs(HANG.into()));
    router.route_until(app, |app| done(app), timeout).unwrap();
}

fn worker_forks(
    router: &Router<App>,
    app: &mut App,
    transport: impl ProcessTransport,
    mut command: Command,
    case: &str,
) {
    // A pipe of another worker's link has a ticket that is honoured from any.
    let mut ends = 1;
    let mut helper = None;
    if case.ends_with("lock") {
        let (first, _) = router.spawn(Pipe::new(), shell("exec sleep 1000")).pipe(hear).unwrap();
        let (ticket, _) = first.pipe(hear).unwrap();
        command.env("HOMING_TEST_TICKET", ticket.to_string());
        helper = Some(first);
        ends = 2;
    }
    let _worker: Worker<App> = router.spawn(transport, command).pipe(hear).unwrap().0;
    until(router, app, |app| app.ends.len() == ends);
    assert!(app.ends.iter().all(|end| *end == End::Finished), "{:?}", app.ends);
    assert!(app.messages >= 15, "{}", app.messages);
    drop(helper);
    router.stop(app).unwrap();
}

fn receiver_forks(
    router: &Router<App>,
    app: &mut App,
    transport: impl ProcessTransport,
    command: Command,
) {
    let (_worker, remote, _) = router.spawn(transport, command).duplex::<u32, _>(hear).unwrap();
    for number in 0..ORDERS {
        // Some are there when the copy is made, and for some the original has to wait.
        if number % 3 == 0 {
            until(router, app, |app| app.messages == number as usize);
        }
        remote.send(number).unwrap();
    }
    remote.cancel();
    until(router, app, |app| !app.ends.is_empty());
    assert_eq!((app.messages, &app.ends[..]), (ORDERS as usize, &[End::Finished][..]));
    router.stop(app).unwrap();
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn foreground_forks(
    router: Router<App>,
    app: &mut App,
    transport: impl ProcessTransport,
    command: Command,
) {
    let (worker, _) = router.spawn(transport, command).pipe(hear).unwrap();
    let mut stdin = worker.take_stdin().unwrap();
    until(&router, app, |app| app.messages == 1);
    let copies = (worker, router);
    let (worker, router) = {
        let mut moved = Some(copies);
        assert!(in_a_copy(|| {
            let (worker, router) = moved.take().unwrap();
            drop(worker);
            drop(router);
            true
        }));
        moved.take().unwrap()
    };
    stdin.write_all(b"go on\n").unwrap();
    until(&router, app, |app| !app.ends.is_empty());
    assert_eq!((app.messages, &app.ends[..]), (101, &[End::Finished][..]));
    drop(worker);
    // Also by an explicit stop.
    let mut copy = App::default();
    assert!(in_a_copy(|| router.stop(&mut copy).is_ok()));
    router.stop(app).unwrap();
}
