//! How a worker process ends, and what its receiver is told: this program is its own worker.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Duration;

use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::{End, Event, Exit, Lost, ProcessTransport, ProtocolError, Router, Text, worker};
use libtest_mimic::{Arguments, Failed, Trial};

/// Ends a test that hangs.
const HANG: Duration = Duration::from_secs(120);

/// What a worker of each case is told to do.
const CASE: &str = "HOMING_TEST_CASE";

fn main() -> ExitCode {
    // Before the link is asked for, which opens it.
    if std::env::var(CASE).as_deref() == Ok("unopened") {
        return ExitCode::from(3);
    }
    if worker::link().is_ok() {
        return run_worker(&std::env::var(CASE).unwrap());
    }
    let mut trials = Vec::new();
    for (name, check) in CHECKS {
        trials.push(Trial::test(format!("pipe::{name}"), move || {
            check(&|case| end_of(Pipe::new(), case))
        }));
        #[cfg(target_os = "linux")]
        trials.push(Trial::test(format!("shm::{name}"), move || {
            check(&|case| end_of(Shm::new(), case))
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

// ---------------------------------------------------------------- in the worker

fn run_worker(case: &str) -> ExitCode {
    match case {
        "another-type" => worker::run::<String, _>(|sender| -> Result<(), Box<dyn Error>> {
            sender.send("a text, not two numbers".into())?;
            Ok(())
        }),
        "by-hand" => by_hand().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        "unstarted" => match worker::sender::<(u32, u32)>().unwrap().send((1, 2)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        case => worker::run::<(u32, u32), _>(|sender| work(case, sender)),
    }
}

fn work(case: &str, sender: &mut worker::Sender<(u32, u32)>) -> Result<(), Box<dyn Error>> {
    sender.send((1, 2))?;
    match case {
        "finishes" => {}
        "fails" => _ = "seven".parse::<u32>()?,
        "fails-at-length" => return Err("x".repeat(1 << 20).into()),
        "panics" => panic!("index {} of {}", 7, 5),
        "exits" => std::process::exit(3),
        "aborts" => std::process::abort(),
        "twice" => _ = worker::sender::<u32>()?,
        other => panic!("no such case: {other}"),
    }
    Ok(())
}

/// Returns early after `start`.
fn by_hand() -> Result<(), Box<dyn Error>> {
    let mut sender = worker::sender::<(u32, u32)>()?;
    sender.start()?;
    sender.send((1, 2))?;
    "seven".parse::<u32>()?;
    sender.stop()?;
    Ok(())
}

// ---------------------------------------------------------------- in the foreground

/// How the pipe of a worker of this case ends, after how many messages, and how its process
/// exits.
fn end_of(transport: impl ProcessTransport, case: &str) -> (End, usize, Option<Exit>) {
    let event_loop = EventLoop::new().unwrap();
    let router = Router::new(&event_loop);
    router.start().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CASE, case).stderr(std::process::Stdio::null());
    let mut heard = (0, None);
    let hear = |(messages, end): &mut (usize, Option<End>), event| match event {
        Event::Message((1, 2)) => *messages += 1,
        Event::Message(other) => panic!("{other:?}"),
        Event::Ended(ended) => *end = Some(ended),
    };
    let (worker, _) = router.spawn(transport, command).pipe::<(u32, u32), _>(hear).unwrap();
    router.route_until(&mut heard, |(_, end)| end.is_some(), Some(HANG)).unwrap();
    let waits = std::time::Instant::now();
    while worker.exit().is_none() && waits.elapsed() < HANG {
        let _ = router.route_until(&mut heard, |_| false, Some(Duration::from_millis(1)));
    }
    let exit = worker.exit();
    router.stop(&mut heard).unwrap();
    (heard.1.unwrap(), heard.0, exit)
}

type Ends<'a> = &'a dyn Fn(&str) -> (End, usize, Option<Exit>);

const CHECKS: [(&str, fn(Ends<'_>) -> Result<(), Failed>); 8] = [
    ("ok_is_finished", |end_of| {
        assert_eq!(end_of("finishes"), (End::Finished, 1, Some(Exit::Code(0))));
        Ok(())
    }),
    ("an_error_is_told_with_its_text", |end_of| {
        let (end, messages, exit) = end_of("fails");
        assert_eq!(end.to_string(), "the worker failed: invalid digit found in string");
        assert!(matches!(end, End::Failed { .. }));
        assert_eq!((messages, exit), (1, Some(Exit::Code(1))));
        let (end, ..) = end_of("twice");
        assert!(
            matches!(&end, End::Failed { message } if message.as_str().contains("taken")),
            "{end}"
        );
        Ok(())
    }),
    ("a_long_error_is_cut", |end_of| {
        let (End::Failed { message }, 1, _) = end_of("fails-at-length") else { panic!() };
        assert!(message.as_str().ends_with(Text::CUT) && message.as_str().len() <= Text::MAX);
        Ok(())
    }),
    ("a_panic_is_told_with_text_and_place", |end_of| {
        let (End::Panicked(panic), 1, exit) = end_of("panics") else { panic!() };
        assert_eq!(panic.message, "index 7 of 5");
        assert!(panic.location.as_str().contains(file!()), "{panic}");
        assert_eq!(exit, Some(Exit::Code(101)));
        Ok(())
    }),
    ("an_exit_is_lost_with_its_code_or_signal", |end_of| {
        assert_eq!(end_of("exits").0, End::Lost(Exit::Code(3).into()));
        assert_eq!(end_of("aborts").0, End::Lost(Exit::Signal(6).into()));
        let (End::Lost(lost), 0, _) = end_of("unstarted") else { panic!() };
        assert_eq!((lost.exit, lost.opened), (Some(Exit::Code(1)), true));
        Ok(())
    }),
    ("an_early_return_is_dropped", |end_of| {
        assert_eq!(end_of("by-hand"), (End::Dropped, 1, Some(Exit::Code(1))));
        Ok(())
    }),
    ("a_program_that_opens_no_link_is_told_apart", |end_of| {
        let (end, ..) = end_of("unopened");
        assert_eq!(end, End::Lost(Lost::unopened().with_exit(Some(Exit::Code(3)))));
        let text = "the worker ended without opening its link (exit code 3)";
        assert_eq!(end.to_string(), text);
        Ok(())
    }),
    ("another_type_is_refused_with_its_name", |end_of| {
        let (end, ..) = end_of("another-type");
        let End::Refused(ProtocolError::Undecodable(undecodable)) = &end else { panic!("{end}") };
        assert_eq!(undecodable.expected(), "(u32, u32)");
        assert!(!undecodable.detail().is_empty());
        assert!(end.to_string().contains("(u32, u32)"), "{end}");
        Ok(())
    }),
];
