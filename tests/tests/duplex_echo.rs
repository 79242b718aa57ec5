//! The job that deadlocks when a worker is fed by its standard input: it sends back each order, and
//! there are more than any pipe holds. This program is the foreground and the worker.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::error::Error;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::{End, Event, ProcessTransport, Router, SendErrorKind, worker};
use libtest_mimic::{Arguments, Failed, Trial};

/// Ends a test that hangs. Nothing is measured with it.
const HANG: Duration = Duration::from_secs(120);

type Order = String;

fn main() -> ExitCode {
    if worker::link().is_ok() {
        return worker::run_duplex::<Order, Order, Box<dyn Error>>(|orders, sender| {
            for order in orders.iter() {
                sender.send(order)?;
            }
            Ok(())
        });
    }
    let mut trials = Vec::new();
    for (name, orders) in [("lines", lines as fn() -> _), ("large_orders", large), ("mixed", mixed)]
    {
        trials.push(Trial::test(format!("pipe::{name}"), move || echo(Pipe::new(), orders())));
        #[cfg(target_os = "linux")]
        trials.push(Trial::test(format!("shm::{name}"), move || echo(Shm::new(), orders())));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn line(number: usize) -> Order {
    format!("{number}: a line as it may stand in a file that is to be worked on\n")
}

fn large_order(number: usize) -> Order {
    format!("{number:.>10}").repeat(50_000)
}

fn lines() -> VecDeque<Order> {
    (0..40_000).map(line).collect()
}

fn large() -> VecDeque<Order> {
    (0..20).map(large_order).collect()
}

/// Large orders between short ones.
fn mixed() -> VecDeque<Order> {
    let order = |number| if number % 500 == 0 { large_order(number) } else { line(number) };
    (0..10_000).map(order).collect()
}

#[derive(Default)]
struct App {
    got: usize,
    /// What has not come back yet.
    expected: VecDeque<Order>,
    end: Option<End>,
}

fn hear(app: &mut App, event: Event<Order>) {
    match event {
        Event::Message(order) => {
            assert!(Some(order) == app.expected.pop_front(), "order {}", app.got);
            app.got += 1;
        }
        Event::Ended(end) => app.end = Some(end),
    }
}

fn echo(transport: impl ProcessTransport, mut orders: VecDeque<Order>) -> Result<(), Failed> {
    let begin = Instant::now();
    let mut event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    router.start()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.stdin(Stdio::null());
    let (_worker, remote, pipe) = router.spawn(transport, command).duplex(hear)?;
    let (count, mut app) = (orders.len(), App { expected: orders.clone(), ..App::default() });
    while app.got < count && app.end.is_none() {
        // As many as there is room for; the rest when the worker has taken some.
        while let Some(order) = orders.pop_front() {
            if let Err(error) = remote.send(order) {
                assert_eq!(error.kind(), SendErrorKind::Full);
                orders.push_front(error.into_message());
                break;
            }
        }
        event_loop.turn(&router, &mut app, Some(HANG))?;
        if begin.elapsed() > HANG {
            return Err(format!("{} of {count} orders have come back", app.got).into());
        }
    }
    assert_eq!((app.got, &app.end), (count, &None));
    // All were answered, but of those that were taken last the foreground may not know yet.
    router.close_pipe(&mut app, pipe)?;
    assert_eq!(app.end, Some(End::Closed));
    router.stop(&mut app)?;
    Ok(())
}
