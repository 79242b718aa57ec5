//! Both ends of a duplex pipe in a worker process: this program is its own worker.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::error::Error;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::worker::{self, InheritError};
use homing::{End, Event, Exit, ProcessTransport, Router, Ticket, Worker};
use homing_core::{RecvError, Reply};
use homing_router::Remote;
use libtest_mimic::{Arguments, Failed, Trial};
use serde::{Deserialize, Serialize};

/// Ends a test that hangs.
const HANG: Duration = Duration::from_secs(120);

/// What a worker of each case is told to do.
const CASE: &str = "HOMING_TEST_CASE";

#[derive(Serialize, Deserialize)]
enum Order {
    Echo(Vec<u8>),
    Count(Reply<u64>),
    /// Serve a further pipe as well.
    Open(Ticket<Vec<u8>, Order>),
    Stop,
}

fn main() -> ExitCode {
    if worker::link().is_ok() {
        return run_worker(&std::env::var(CASE).unwrap());
    }
    let mut trials = Vec::new();
    for (name, check) in CHECKS {
        trials.push(Trial::test(format!("pipe::{name}"), move || check(Family::new(Pipe::new()))));
        #[cfg(target_os = "linux")]
        trials.push(Trial::test(format!("shm::{name}"), move || check(Family::new(Shm::new()))));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

// ---------------------------------------------------------------- in the worker

type Orders = worker::Receiver<Order>;
type Reports = worker::Sender<Vec<u8>>;

fn run_worker(case: &str) -> ExitCode {
    worker::run_duplex::<Order, Vec<u8>, _>(|orders, reports| match case {
        "serves" => serve(orders, reports),
        "waits-for-cancel" => waits_for_cancel(orders, reports),
        "works-until-cancelled" => works_until_cancelled(orders, reports),
        "sends-until-closed" => sends_until_closed(orders, reports),
        "receives-until-closed" => receives_until_closed(orders),
        "takes-once" => takes_once(),
        "reads-nothing" => reads_nothing(reports),
        "fails" => Err("no such luck".into()),
        other => panic!("no such case: {other}"),
    })
}

/// Serves its pipe, and others on threads of their own.
fn serve(orders: &mut Orders, reports: &mut Reports) -> Result<(), Box<dyn Error>> {
    let mut count = 0;
    std::thread::scope(|scope| {
        loop {
            match orders.recv()? {
                Order::Echo(bytes) => reports.send(bytes)?,
                Order::Count(reply) => reports.answer(reply, count)?,
                Order::Open(ticket) => {
                    let (mut orders, mut reports) = worker::link()?.duplex(ticket)?;
                    scope.spawn(move || {
                        reports.start().unwrap();
                        serve(&mut orders, &mut reports).unwrap();
                        reports.stop().unwrap();
                    });
                }
                Order::Stop => return Ok(()),
            }
            count += 1;
        }
    })
}

fn waits_for_cancel(orders: &mut Orders, reports: &mut Reports) -> Result<(), Box<dyn Error>> {
    reports.send(b"ready".to_vec())?;
    let error = orders.recv().err().ok_or("a command")?;
    assert_eq!(error, RecvError::Cancelled);
    assert!(reports.is_cancelled() && !reports.is_closed());
    reports.send(b"cancelled".to_vec())?;
    Ok(())
}

fn works_until_cancelled(orders: &mut Orders, reports: &mut Reports) -> Result<(), Box<dyn Error>> {
    reports.send(b"ready".to_vec())?;
    while !orders.is_cancelled() {
        std::hint::spin_loop();
    }
    reports.send(b"cancelled".to_vec())?;
    Ok(())
}

fn sends_until_closed(orders: &mut Orders, reports: &mut Reports) -> Result<(), Box<dyn Error>> {
    loop {
        if let Err(error) = reports.send(vec![0; 1000]) {
            assert!(error.is_closed(), "{error}");
            assert!(orders.is_closed());
            std::process::exit(7);
        }
    }
}

fn receives_until_closed(orders: &mut Orders) -> Result<(), Box<dyn Error>> {
    let error = orders.recv().err().ok_or("a command")?;
    assert_eq!(error, RecvError::Closed);
    std::process::exit(7);
}

fn takes_once() -> Result<(), Box<dyn Error>> {
    assert_eq!(worker::duplex::<Order, Vec<u8>>().unwrap_err(), InheritError::Taken);
    assert_eq!(worker::sender::<Vec<u8>>().unwrap_err(), InheritError::Taken);
    Ok(())
}

fn reads_nothing(reports: &mut Reports) -> Result<(), Box<dyn Error>> {
    reports.send(b"ready".to_vec())?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(())
}

// ---------------------------------------------------------------- in the foreground

#[derive(Default)]
struct App {
    reports: Vec<Vec<u8>>,
    answers: Vec<u64>,
    ends: Vec<End>,
}

fn hear(app: &mut App, event: Event<Vec<u8>>) {
    match event {
        Event::Message(report) => app.reports.push(report),
        Event::Ended(end) => app.ends.push(end),
    }
}

/// A foreground and what starts its workers.
struct Family {
    spawn: Box<dyn Fn(&Router<App>, Command) -> (Worker<App>, Remote<App, Order>)>,
    router: Router<App>,
    app: App,
    _event_loop: EventLoop,
}

impl Family {
    fn new(transport: impl ProcessTransport + Clone + 'static) -> Self {
        let event_loop = EventLoop::new().unwrap();
        let router = Router::new(&event_loop);
        router.start().unwrap();
        let spawn = move |router: &Router<App>, command| {
            let (worker, remote, _) =
                router.spawn(transport.clone(), command).duplex(hear).unwrap();
            (worker, remote)
        };
        Self { spawn: Box::new(spawn), router, app: App::default(), _event_loop: event_loop }
    }

    fn spawn(&self, case: &str) -> (Worker<App>, Remote<App, Order>) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(CASE, case).stdin(Stdio::piped());
        (self.spawn)(&self.router, command)
    }

    fn until(&mut self, mut done: impl FnMut(&App) -> bool) {
        self.router.route_until(&mut self.app, |app| done(app), Some(HANG)).unwrap();
    }

    /// Waits for the only end.
    fn end(&mut self) -> End {
        self.until(|app| !app.ends.is_empty());
        self.app.ends.remove(0)
    }

    fn stop(mut self) {
        self.router.stop(&mut self.app).unwrap();
    }
}

const CHECKS: [(&str, fn(Family) -> Result<(), Failed>); 9] = [
    ("orders_are_echoed_whatever_their_number_and_size", |mut family| {
        let (_worker, remote) = family.spawn("serves");
        // Small ones in number, and one that is larger than most buffers.
        let order = |number: usize| match number {
            20_000 => vec![7; 500_000],
            _ => number.to_string().into_bytes(),
        };
        const COUNT: usize = 40_000;
        let (mut sent, mut refused_at) = (0, u64::MAX);
        while family.app.reports.len() < COUNT {
            while sent < COUNT && remote.untaken() <= refused_at / 2 {
                match remote.send(Order::Echo(order(sent))) {
                    Ok(()) => (sent, refused_at) = (sent + 1, u64::MAX),
                    Err(error) => {
                        assert!(error.is_full());
                        refused_at = remote.untaken();
                    }
                }
            }
            let heard = family.app.reports.len();
            family.until(|app| app.reports.len() > heard);
        }
        assert!(family.app.reports.iter().enumerate().all(|(at, report)| *report == order(at)));
        remote.send(Order::Stop).unwrap();
        assert_eq!(family.end(), End::Finished);
        assert_eq!(remote.untaken(), 0);
        family.stop();
        Ok(())
    }),
    ("questions_are_answered", |mut family| {
        let (_worker, remote) = family.spawn("serves");
        for _ in 0..10 {
            remote.send(Order::Echo(Vec::new())).unwrap();
            let told = |app: &mut App, answer: Result<u64, _>| app.answers.push(answer.unwrap());
            remote.ask(Order::Count, told).unwrap();
        }
        family.until(|app| app.answers.len() == 10);
        assert_eq!(family.app.answers, (0..10).map(|n| 2 * n + 1).collect::<Vec<_>>());
        family.stop();
        Ok(())
    }),
    ("further_pipes_are_duplex_too", |mut family| {
        let (worker, remote) = family.spawn("serves");
        let (ticket, second, _) = worker.duplex::<Order, Vec<u8>>(hear).unwrap();
        // Before the worker knows of its pipe.
        second.send(Order::Echo(b"second".to_vec())).unwrap();
        remote.send(Order::Open(ticket)).unwrap();
        family.until(|app| app.reports == [b"second"]);
        second.send(Order::Stop).unwrap();
        assert_eq!(family.end(), End::Finished);
        remote.send(Order::Stop).unwrap();
        assert_eq!(family.end(), End::Finished);
        family.stop();
        Ok(())
    }),
    ("cancel_wakes_a_worker_that_waits", |family| cancelled(family, "waits-for-cancel")),
    ("cancel_is_seen_by_a_worker_that_works", |family| cancelled(family, "works-until-cancelled")),
    ("close_is_found_by_the_next_send_and_by_recv", |mut family| {
        for case in ["sends-until-closed", "receives-until-closed"] {
            let (worker, remote) = family.spawn(case);
            if case.starts_with("sends") {
                family.until(|app| !app.reports.is_empty());
            }
            family.router.close_pipe(&mut family.app, remote.pipe()).unwrap();
            family.until(|_| worker.exit().is_some());
            assert_eq!(worker.exit(), Some(Exit::Code(7)));
        }
        family.stop();
        Ok(())
    }),
    ("an_error_is_told_with_its_text", |mut family| {
        let (_worker, _remote) = family.spawn("fails");
        assert_eq!(family.end().to_string(), "the worker failed: no such luck");
        family.stop();
        Ok(())
    }),
    ("the_first_pipe_is_taken_once", |mut family| {
        let (_worker, _remote) = family.spawn("takes-once");
        assert_eq!(family.end(), End::Finished);
        family.stop();
        Ok(())
    }),
    ("what_a_killed_worker_had_not_taken_is_counted", |mut family| {
        let (worker, remote) = family.spawn("reads-nothing");
        family.until(|app| !app.reports.is_empty());
        let mut sent = 0;
        while remote.send(Order::Echo(vec![0; 10_000])).is_ok() {
            sent += 1;
        }
        worker.kill().unwrap();
        assert!(matches!(family.end(), End::Lost(_)));
        assert!(sent > 10);
        assert_eq!(remote.untaken(), sent);
        assert!(remote.send(Order::Stop).is_err());
        family.stop();
        Ok(())
    }),
];

fn cancelled(mut family: Family, case: &str) -> Result<(), Failed> {
    let (_worker, remote) = family.spawn(case);
    family.until(|app| !app.reports.is_empty());
    remote.cancel();
    assert_eq!(family.end(), End::Finished);
    assert_eq!(family.app.reports, [b"ready".to_vec(), b"cancelled".to_vec()]);
    family.stop();
    Ok(())
}
