//! Workers that were built with another version of the message: this program is its own worker.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::error::Error;
use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::{
    End, Event, PipeOptions, ProcessTransport, ProtocolError, Reply, Router, Ticket, worker,
};
use libtest_mimic::{Arguments, Failed, Trial};
use postcard_schema::Schema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Ends a test that hangs.
const HANG: Duration = Duration::from_secs(120);

/// What a worker of each case is told to do.
const CASE: &str = "HOMING_TEST_CASE";

/// What the foreground means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
struct Progress {
    total: u32,
    done: u32,
}

const PROGRESS: Progress = Progress { total: 100, done: 7 };

/// What workers mean that were built from other versions. Each is read as a [`Progress`], without
/// an error.
mod other {
    use postcard_schema::Schema;
    use serde::Serialize;

    #[derive(Serialize, Schema)]
    pub(super) struct Swapped {
        pub(super) done: u32,
        pub(super) total: u32,
    }

    #[derive(Serialize, Schema)]
    pub(super) struct Signed {
        pub(super) total: i32,
        pub(super) done: i32,
    }

    /// Named differently, with the same fields.
    #[derive(Serialize, Schema)]
    pub(super) struct Same {
        pub(super) total: u32,
        pub(super) done: u32,
    }
}

fn main() -> ExitCode {
    if worker::link().is_ok() {
        return run_worker(&std::env::var(CASE).unwrap());
    }
    let mut trials = Vec::new();
    for (name, check) in CHECKS {
        trials.push(Trial::test(format!("pipe::{name}"), move || {
            check(&|case, options| hear(Pipe::new(), case, options))
        }));
        #[cfg(target_os = "linux")]
        trials.push(Trial::test(format!("shm::{name}"), move || {
            check(&|case, options| hear(Shm::new(), case, options))
        }));
    }
    trials.push(Trial::test("pipe::commands_are_compared_as_well", || commands(Pipe::new)));
    #[cfg(target_os = "linux")]
    trials.push(Trial::test("shm::commands_are_compared_as_well", || commands(Shm::new)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

// ---------------------------------------------------------------- in the worker

fn run_worker(case: &str) -> ExitCode {
    match case {
        "unchecked" => worker::run::<Progress, _>(|sender| -> Result<(), Box<dyn Error>> {
            let _ = sender.send(PROGRESS);
            Ok(())
        }),
        "same" => run(other::Same { total: 100, done: 7 }),
        "swapped" => run(other::Swapped { done: 7, total: 100 }),
        "signed" => run(other::Signed { total: 100, done: 7 }),
        "pair" => run((100u8, 7u8)),
        "progress" => run(PROGRESS),
        "second" => second(),
        "takes-u64" => obey::<u64>(),
        "takes-i32" => obey::<i32>(),
        "answers-u64" => obey::<Reply<u64>>(),
        other => panic!("no such case: {other}"),
    }
}

fn run<M: Serialize + Schema>(message: M) -> ExitCode {
    worker::checked::run(|sender| -> Result<(), Box<dyn Error>> {
        // Whether it is cut off at once is a matter of time.
        let _ = sender.send(message);
        Ok(())
    })
}

/// Receives commands of this type.
fn obey<D: DeserializeOwned + Schema>() -> ExitCode {
    worker::checked::run_duplex::<D, Progress, _>(|orders, sender| -> Result<(), Box<dyn Error>> {
        if orders.recv().is_ok() {
            let _ = sender.send(PROGRESS);
        }
        Ok(())
    })
}

/// The first pipe is in order; the worker is given a ticket for a second one, for which it means
/// another type.
fn second() -> ExitCode {
    let mut first = worker::checked::sender::<Progress>().unwrap();
    first.start().unwrap();
    first.send(PROGRESS).unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let ticket: Ticket<other::Swapped> = line.trim().parse().unwrap();
    let mut sender = worker::link().unwrap().sender(ticket.checked());
    let _ = sender.start();
    ExitCode::SUCCESS
}

// ---------------------------------------------------------------- in the foreground

#[derive(Default)]
struct Heard {
    messages: [Vec<Progress>; 2],
    ends: [Option<End>; 2],
}

impl Heard {
    fn record(&mut self, pipe: usize, event: Event<Progress>) {
        match event {
            Event::Message(message) => self.messages[pipe].push(message),
            Event::Ended(end) => self.ends[pipe] = Some(end),
        }
    }
}

/// What the first pipe of a worker of this case has delivered, and how both its pipes have ended.
/// The second one is checked.
fn hear(
    transport: impl ProcessTransport,
    case: &str,
    options: PipeOptions<Progress>,
) -> (Vec<Progress>, [End; 2]) {
    let event_loop = EventLoop::new().unwrap();
    let router = Router::new(&event_loop);
    router.start().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CASE, case).stderr(Stdio::null()).stdin(Stdio::piped());
    let mut heard = Heard::default();
    let record = |pipe| move |heard: &mut Heard, event| heard.record(pipe, event);
    let (worker, _) = router.spawn(transport, command).pipe_with(options, record(0)).unwrap();
    let (ticket, _) = worker.pipe_with(PipeOptions::checked(), record(1)).unwrap();
    // It may have been cut off.
    let _ = writeln!(worker.take_stdin().unwrap(), "{ticket}");
    let is_over = |heard: &mut Heard| heard.ends.iter().all(Option::is_some);
    router.route_until(&mut heard, is_over, Some(HANG)).unwrap();
    router.stop(&mut heard).unwrap();
    let Heard { messages: [messages, _], ends } = heard;
    (messages, ends.map(Option::unwrap))
}

type Hear<'a> = &'a dyn Fn(&str, PipeOptions<Progress>) -> (Vec<Progress>, [End; 2]);

/// A duplex pipe whose commands are of type `D` in the foreground: how it ends with a worker of this
/// case.
fn end_of_duplex<D: Serialize + Schema + 'static>(
    transport: impl ProcessTransport,
    case: &str,
    options: PipeOptions<Progress, D>,
    order: D,
) -> End {
    let event_loop = EventLoop::new().unwrap();
    let router = Router::new(&event_loop);
    router.start().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CASE, case).stderr(Stdio::null());
    let record = |heard: &mut Heard, event| heard.record(0, event);
    let (_worker, remote, _) =
        router.spawn(transport, command).duplex_with(options, record).unwrap();
    remote.send(order).unwrap();
    let mut heard = Heard::default();
    router.route_until(&mut heard, |heard| heard.ends[0].is_some(), Some(HANG)).unwrap();
    heard.ends[0].take().unwrap()
}

fn commands<T: ProcessTransport>(transport: fn() -> T) -> Result<(), Failed> {
    let end = end_of_duplex(transport(), "takes-u64", PipeOptions::checked(), 1u64);
    assert_eq!(end, End::Finished);
    // The trap: a literal is an `i32`, unless the type of commands is named.
    let end = end_of_duplex(transport(), "takes-u64", PipeOptions::checked(), 1);
    let (expected, found) = mismatch(&end);
    assert!(expected.contains("Progress, i32) ("), "{expected}");
    assert!(found.contains("Progress, u64) ("), "{found}");
    let reply = Reply::<String>::new(0);
    let end = end_of_duplex(transport(), "answers-u64", PipeOptions::checked(), reply);
    let (expected, found) = mismatch(&end);
    assert!(expected.contains("Reply<alloc::string::String>"), "{expected}");
    assert!(found.contains("Reply<u64>"), "{found}");
    // Unless the foreground asks for it, nothing is compared.
    let end = end_of_duplex(transport(), "takes-i32", PipeOptions::new(), 1u64);
    assert_eq!(end, End::Finished);
    Ok(())
}

/// Both types that a mismatch names, with their fingerprints.
fn mismatch(end: &End) -> (String, String) {
    let End::Refused(ProtocolError::TypeMismatch(mismatch)) = end else { panic!("{end:?}") };
    (mismatch.expected().to_owned(), mismatch.found().to_owned())
}

const CHECKS: [(&str, fn(Hear<'_>) -> Result<(), Failed>); 4] = [
    ("a_worker_of_the_same_type_goes_on", |hear| {
        for case in ["progress", "same"] {
            let (messages, [end, _]) = hear(case, PipeOptions::checked());
            assert_eq!((messages, end), (vec![PROGRESS], End::Finished), "{case}");
        }
        Ok(())
    }),
    ("a_worker_of_another_version_is_refused_when_it_starts", |hear| {
        for (case, name) in
            [("swapped", "other::Swapped ("), ("signed", "other::Signed ("), ("pair", "(u8, u8) (")]
        {
            let (messages, [end, _]) = hear(case, PipeOptions::checked());
            let (expected, found) = mismatch(&end);
            assert!(expected.contains("worker_types::Progress ("), "{case}: {expected}");
            assert!(found.contains(name), "{case}: {found}");
            assert_eq!(messages, [], "{case}");
            assert!(end.to_string().contains(&expected) && end.to_string().contains(&found));
        }
        let (messages, [end, _]) = hear("unchecked", PipeOptions::checked());
        assert_eq!(mismatch(&end).1, "a type that is not checked");
        assert_eq!(messages, []);
        Ok(())
    }),
    ("nothing_is_compared_unless_the_foreground_asks_for_it", |hear| {
        // The wrong value that the check is for.
        let (messages, [end, _]) = hear("swapped", PipeOptions::new());
        assert_eq!(messages, [Progress { total: 7, done: 100 }]);
        assert_eq!(end, End::Finished);
        let (messages, [end, _]) = hear("unchecked", PipeOptions::new());
        assert_eq!((messages, end), (vec![PROGRESS], End::Finished));
        Ok(())
    }),
    ("a_further_pipe_is_checked_by_its_ticket", |hear| {
        let (messages, [first, second]) = hear("second", PipeOptions::checked());
        assert_eq!(messages, [PROGRESS]);
        assert!(mismatch(&second).1.contains("other::Swapped ("), "{second}");
        // The link is cut off, with all its pipes.
        assert_eq!(first, second);
        Ok(())
    }),
];
