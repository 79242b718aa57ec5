//! Pools of worker processes: this program is its own worker.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::Duration;

use homing::jobs::{
    Cancelled, Closing, Context, Iterate, Iteration, Job, JobError, JobEvent, JobOptions, Pool,
    Processes, Restart, TaskState,
};
use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::{Exit, ProcessTransport, Router, worker};
use libtest_mimic::{Arguments, Failed, Trial};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// Ends a test that hangs.
const HANG: Duration = Duration::from_secs(120);

/// What the workers of each case do beside their jobs.
const CASE: &str = "HOMING_TEST_CASE";

fn main() -> ExitCode {
    if worker::link().is_ok() {
        return run_worker(&std::env::var(CASE).unwrap());
    }
    let mut trials = Vec::new();
    for (name, check) in CHECKS {
        let run = move || check(&Start::new(|| Box::new(Pipe::new())));
        trials.push(Trial::test(format!("pipe::{name}"), run));
        #[cfg(target_os = "linux")]
        {
            let run = move || check(&Start::new(|| Box::new(Shm::new())));
            trials.push(Trial::test(format!("shm::{name}"), run));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

// ---------------------------------------------------------------- in the worker

fn run_worker(case: &str) -> ExitCode {
    let mut worker = homing::jobs::worker()
        .job::<Work>()
        .job::<Echo>()
        .job::<Garbled>()
        .job::<Iteration<Count>>();
    match case {
        "fails" => worker = worker.init(|| Err::<(), _>("no licence")),
        "dies" => worker = worker.init(|| -> Result<(), String> { std::process::exit(3) }),
        "hangs" => {
            worker = worker.init(|| -> Result<(), String> {
                loop {
                    sleep(HANG)
                }
            })
        }
        "torn-down" => worker = worker.teardown(|| eprintln!("torn down")),
        _ => {}
    }
    match worker.serve() {
        Ok(()) if case == "lingers" => loop {
            sleep(HANG)
        },
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[derive(Serialize, Deserialize)]
enum Work {
    Add(u64, u64),
    Fail,
    Panic,
    Exit(i32),
    Abort,
    /// Ends when it is cancelled.
    Obey,
    /// Heeds nothing.
    Ignore,
    /// Takes so many bytes.
    Grow(usize),
    ProcessId,
}

impl Job for Work {
    type Output = u64;
    type Progress = ();
    type Error = String;
    const NAME: &'static str = "work";

    fn run(self, cx: &mut Context<'_, Self>) -> Result<u64, String> {
        match self {
            Work::Add(a, b) => Ok(a + b),
            Work::Fail => Err("no luck".into()),
            Work::Panic => panic!("at {}", 3),
            Work::Exit(code) => {
                eprintln!("the last words");
                std::process::exit(code)
            }
            Work::Abort => std::process::abort(),
            Work::Obey => loop {
                cx.check()?;
                sleep(Duration::from_millis(1));
            },
            Work::Ignore => loop {
                sleep(HANG);
            },
            Work::Grow(bytes) => {
                let grown = vec![1_u8; bytes];
                loop {
                    cx.check()?;
                    std::hint::black_box(&grown);
                    sleep(Duration::from_millis(1));
                }
            }
            Work::ProcessId => Ok(std::process::id().into()),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Echo(#[serde(with = "serde_bytes")] Vec<u8>);

impl Job for Echo {
    type Output = Vec<u8>;
    type Progress = usize;
    type Error = Cancelled;
    const NAME: &'static str = "echo";

    fn run(self, cx: &mut Context<'_, Self>) -> Result<Vec<u8>, Cancelled> {
        cx.progress(self.0.len());
        Ok(self.0)
    }
}

/// Encodes as something that does not decode.
#[derive(Deserialize)]
struct Garbled {
    _numbers: (u64, u64),
}

impl Serialize for Garbled {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(0)
    }
}

impl Job for Garbled {
    type Output = ();
    type Progress = ();
    type Error = Cancelled;
    const NAME: &'static str = "garbled";

    fn run(self, _: &mut Context<'_, Self>) -> Result<(), Cancelled> {
        Ok(())
    }
}

/// No worker knows it.
#[derive(Serialize, Deserialize)]
struct Stranger;

impl Job for Stranger {
    type Output = ();
    type Progress = ();
    type Error = Cancelled;
    const NAME: &'static str = "stranger";

    fn run(self, _: &mut Context<'_, Self>) -> Result<(), Cancelled> {
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct Count(u64);

impl Iterate for Count {
    type Item = u64;
    type Error = String;
    const NAME: &'static str = "count";

    fn items(self) -> impl Iterator<Item = Result<u64, String>> {
        (0..self.0).map(Ok).chain([Err("the end".to_owned())])
    }
}

// ---------------------------------------------------------------- the foreground

/// What handlers write down.
type App = Vec<String>;
type JobPool = Pool<App, Processes>;

struct Start {
    transport: fn() -> Box<dyn ProcessTransport>,
}

type Builder = homing::jobs::PoolBuilder<
    App,
    homing::jobs::ProcessWorkers<Box<dyn ProcessTransport>, fn() -> Command>,
>;

impl Start {
    fn new(transport: fn() -> Box<dyn ProcessTransport>) -> Self {
        Self { transport }
    }

    fn pool(&self, size: usize) -> Fixture {
        self.pool_with(size, Self::command, |builder| builder)
    }

    fn pool_with(
        &self,
        size: usize,
        command: fn() -> Command,
        options: impl FnOnce(Builder) -> Builder,
    ) -> Fixture {
        let event_loop = EventLoop::new().unwrap();
        let router = Router::new(&event_loop);
        router.start().unwrap();
        let transport = (self.transport)();
        let builder = Pool::builder(&router).processes(size, transport, command);
        let pool = options(builder).start().unwrap();
        Fixture { router, pool, app: App::new() }
    }

    fn command() -> Command {
        Self::case("")
    }

    fn case(case: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(CASE, case).stdout(Stdio::null());
        command
    }
}

struct Fixture {
    router: Router<App>,
    pool: JobPool,
    app: App,
}

impl Fixture {
    fn route(&mut self, condition: impl Fn(&App, &JobPool) -> bool) {
        let pool = &self.pool;
        let routed = self.router.route_until(&mut self.app, |app| condition(app, pool), Some(HANG));
        assert!(routed.is_ok(), "{routed:?}: {:?}, {:?}", self.app, self.pool);
    }

    /// Runs one job to its end.
    fn end<J>(&mut self, options: JobOptions, job: J) -> Result<J::Output, JobError>
    where
        J: Job<Output: Clone>,
        Processes: homing::jobs::Runs<J>,
    {
        let end = std::rc::Rc::new(std::cell::RefCell::new(None));
        let told = std::rc::Rc::clone(&end);
        let mut ends = 0;
        let handler = move |_: &mut App, event: JobEvent<J>| {
            assert_eq!(ends, 0, "told after its end");
            if let JobEvent::Ended(end) = event {
                ends += 1;
                *told.borrow_mut() = Some(end);
            }
        };
        self.pool.submit_with(options, job, handler).unwrap();
        self.route(|_, _| end.borrow().is_some());
        end.take().unwrap()
    }

    fn work(&mut self, job: Work) -> Result<u64, JobError> {
        self.end(JobOptions::new(), job)
    }

    fn kill(&self, process_id: u64) {
        let pid = Pid::from_raw(i32::try_from(process_id).unwrap()).unwrap();
        // It may have ended, and been reaped, meanwhile.
        let _ = kill_process(pid, Signal::KILL);
    }

    /// Nothing is left of the workers when the pool is closed.
    fn close(mut self, closing: Closing) {
        self.pool.close(closing, HANG);
        self.route(|_, pool| pool.is_closed());
        assert!(self.pool.stats().workers.is_empty(), "{:?}", self.pool);
        self.router.stop(&mut self.app).unwrap();
    }
}

type Check = fn(&Start) -> Result<(), Failed>;

const CHECKS: &[(&str, Check)] = &[
    ("a_job_completes", a_job_completes),
    ("a_job_fails", a_job_fails),
    ("a_job_panics", a_job_panics),
    ("a_job_that_ends_its_worker_is_lost", a_job_that_ends_its_worker_is_lost),
    ("a_repeatable_job_is_tried_again", a_repeatable_job_is_tried_again),
    ("a_job_is_cancelled", a_job_is_cancelled),
    ("a_job_that_heeds_no_cancel_is_killed", a_job_that_heeds_no_cancel_is_killed),
    ("a_job_times_out", a_job_times_out),
    ("a_job_is_unknown", a_job_is_unknown),
    ("a_job_does_not_decode", a_job_does_not_decode),
    ("a_job_is_too_large", a_job_is_too_large),
    ("a_large_job_goes_through", a_large_job_goes_through),
    ("an_iteration_arrives_in_order", an_iteration_arrives_in_order),
    ("what_a_worker_holds_goes_elsewhere", what_a_worker_holds_goes_elsewhere),
    ("workers_are_replaced_after_max_jobs", workers_are_replaced_after_max_jobs),
    ("an_elastic_pool_grows_and_shrinks", an_elastic_pool_grows_and_shrinks),
    ("a_failed_initialiser_is_given_up", a_failed_initialiser_is_given_up),
    ("a_death_in_the_initialiser_is_given_up", a_death_in_the_initialiser_is_given_up),
    ("a_hanging_initialiser_is_given_up", a_hanging_initialiser_is_given_up),
    ("a_missing_program_is_given_up", a_missing_program_is_given_up),
    ("memory_is_limited", memory_is_limited),
    (
        "a_worker_that_goes_on_after_it_served_is_killed",
        a_worker_that_goes_on_after_it_served_is_killed,
    ),
    ("a_pool_is_dropped", a_pool_is_dropped),
    ("a_closing_pool_kills_after_its_grace", a_closing_pool_kills_after_its_grace),
    ("the_router_shuts_down", the_router_shuts_down),
    ("the_router_stops_while_a_start_is_delayed", the_router_stops_while_a_start_is_delayed),
    ("kills_at_random_lose_no_job", kills_at_random_lose_no_job),
];

fn a_job_completes(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(2);
    for number in 0..50 {
        assert_eq!(fixture.work(Work::Add(number, 1)), Ok(number + 1));
    }
    assert_eq!(fixture.pool.stats().ends.completed, 50);
    fixture.close(Closing::Run);
    Ok(())
}

fn a_job_fails(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let error = fixture.work(Work::Fail).unwrap_err();
    assert_eq!(error.to_string(), "no luck");
    fixture.close(Closing::Run);
    Ok(())
}

fn a_job_panics(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let before = fixture.work(Work::ProcessId);
    let Err(JobError::Panicked(panic)) = fixture.work(Work::Panic) else {
        return Err("no panic".into());
    };
    assert_eq!(panic.message, "at 3");
    assert!(panic.location.as_str().starts_with("tests/tests/jobs.rs:"), "{}", panic.location);
    assert_eq!(fixture.work(Work::ProcessId), before);
    fixture.close(Closing::Run);

    let command = || {
        let mut command = Start::command();
        command.env("RUST_BACKTRACE", "1");
        command
    };
    let mut fixture = start.pool_with(1, command, |builder| builder);
    let Err(JobError::Panicked(panic)) = fixture.work(Work::Panic) else {
        return Err("no panic".into());
    };
    assert!(panic.backtrace.is_some_and(|trace| trace.contains("Work as")), "no backtrace");
    fixture.close(Closing::Run);
    Ok(())
}

fn a_job_that_ends_its_worker_is_lost(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let Err(JobError::Lost(lost)) = fixture.work(Work::Exit(7)) else {
        return Err("not lost".into());
    };
    assert_eq!((lost.exit(), lost.tries), (Some(Exit::Code(7)), 1));
    assert!(lost.stderr().as_str().contains("the last words"), "{:?}", lost.stderr());
    let Err(JobError::Lost(lost)) = fixture.work(Work::Abort) else {
        return Err("not lost".into());
    };
    assert_eq!(lost.exit(), Some(Exit::Signal(Signal::ABORT.as_raw())));
    assert_eq!(fixture.work(Work::Add(1, 1)), Ok(2));
    assert_eq!(fixture.pool.stats().deaths, 2);
    fixture.close(Closing::Run);
    Ok(())
}

fn a_repeatable_job_is_tried_again(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let end = fixture.end(JobOptions::new().repeatable(3), Work::Exit(7));
    let Err(JobError::Lost(lost)) = end else { return Err("not lost".into()) };
    assert_eq!(lost.tries, 3);
    fixture.close(Closing::Run);
    Ok(())
}

fn a_job_is_cancelled(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let task =
        fixture.pool.submit(Work::Obey, |app: &mut App, event| app.push(format!("{event:?}")))?;
    fixture.route(|app, _| !app.is_empty());
    assert_eq!(task.state(), Some(TaskState::Executing));
    assert!(task.cancel());
    fixture.route(|app, _| app.len() == 2);
    assert_eq!(fixture.app, ["Started", "Ended(Err(Cancelled))"]);
    assert_eq!(fixture.pool.stats().deaths, 0);
    fixture.close(Closing::Run);
    Ok(())
}

fn a_job_that_heeds_no_cancel_is_killed(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let options = JobOptions::new().grace(Duration::from_millis(10)).repeatable(5);
    let handler = |app: &mut App, event: JobEvent<Work>| app.push(format!("{event:?}"));
    let task = fixture.pool.submit_with(options, Work::Ignore, handler)?;
    fixture.route(|app, _| !app.is_empty());
    assert!(task.cancel());
    fixture.route(|app, _| app.len() == 2);
    assert_eq!(fixture.app, ["Started", "Ended(Err(Cancelled))"]);
    assert_eq!(fixture.work(Work::Add(1, 1)), Ok(2));
    fixture.close(Closing::Run);
    Ok(())
}

fn a_job_times_out(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let options = JobOptions::new().deadline(Duration::from_millis(20));
    assert_eq!(fixture.end(options, Work::Ignore), Err(JobError::TimedOut));
    assert_eq!(fixture.work(Work::Add(1, 1)), Ok(2));
    fixture.close(Closing::Run);
    Ok(())
}

fn a_job_is_unknown(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let error = fixture.end(JobOptions::new(), Stranger).unwrap_err();
    assert!(error.to_string().contains("\"stranger\""), "{error}");
    fixture.close(Closing::Run);
    Ok(())
}

fn a_job_does_not_decode(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let end = fixture.end(JobOptions::new(), Garbled { _numbers: (0, 0) });
    assert!(matches!(end, Err(JobError::Undecodable { .. })), "{end:?}");
    fixture.close(Closing::Run);
    Ok(())
}

fn a_job_is_too_large(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let end = fixture.end(JobOptions::new(), Echo(vec![0; 20 << 20]));
    let Err(error @ JobError::Undecodable { .. }) = end else { return Err("sent".into()) };
    assert!(error.to_string().contains("20971"), "{error}");
    assert_eq!(fixture.work(Work::Add(1, 1)), Ok(2));
    fixture.close(Closing::Run);
    Ok(())
}

fn a_large_job_goes_through(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
    assert!(fixture.end(JobOptions::new(), Echo(bytes.clone())) == Ok(bytes));
    fixture.close(Closing::Run);
    Ok(())
}

fn an_iteration_arrives_in_order(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    let mut next = 0;
    fixture.pool.submit(Iteration(Count(5000)), move |app: &mut App, event| match event {
        JobEvent::Progress(number) => {
            assert_eq!(number, next);
            next += 1;
        }
        JobEvent::Ended(end) => app.push(format!("{next} {}", end.unwrap_err())),
        _ => {}
    })?;
    fixture.route(|app, _| app.len() == 1);
    assert_eq!(fixture.app, ["5000 the end"]);
    fixture.close(Closing::Run);
    Ok(())
}

fn what_a_worker_holds_goes_elsewhere(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool_with(1, Start::command, |builder| builder.ahead(3));
    fixture.pool.submit(Work::Exit(1), |_: &mut App, _| {})?;
    for number in 0..5 {
        fixture.pool.submit(Work::Add(number, 0), |app: &mut App, event| {
            if let JobEvent::Ended(end) = event {
                app.push(format!("{end:?}"));
            }
        })?;
    }
    fixture.route(|app, _| app.len() == 5);
    assert_eq!(fixture.app, ["Ok(0)", "Ok(1)", "Ok(2)", "Ok(3)", "Ok(4)"]);
    assert_eq!(fixture.pool.stats().ends.lost, 1);
    fixture.close(Closing::Run);
    Ok(())
}

fn workers_are_replaced_after_max_jobs(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool_with(2, Start::command, |builder| builder.max_jobs(2));
    for _ in 0..20 {
        fixture.pool.submit(Work::ProcessId, |app: &mut App, event| {
            if let JobEvent::Ended(end) = event {
                app.push(format!("{end:?}"));
            }
        })?;
    }
    fixture.route(|app, _| app.len() == 20);
    for process in &fixture.app {
        let jobs = fixture.app.iter().filter(|other| *other == process).count();
        assert!(jobs <= 2, "{jobs} jobs of {process}");
    }
    assert_eq!(fixture.pool.stats().deaths, 0);
    fixture.close(Closing::Run);
    Ok(())
}

fn an_elastic_pool_grows_and_shrinks(start: &Start) -> Result<(), Failed> {
    let idle = Duration::from_millis(20);
    let mut fixture = start.pool_with(1, Start::command, |builder| builder.elastic(0..=3, idle));
    assert_eq!(fixture.pool.stats().workers.len(), 0);
    let mut tasks = Vec::new();
    for _ in 0..5 {
        let handler = |app: &mut App, event| {
            if let JobEvent::Started = event {
                app.push("started".into());
            }
        };
        tasks.push(fixture.pool.submit(Work::Obey, handler)?);
    }
    fixture.route(|app, _| app.len() == 3);
    assert_eq!(fixture.pool.stats().workers.len(), 3);
    tasks.iter().for_each(|task| assert!(task.cancel()));
    fixture.route(|_, pool| pool.stats().workers.is_empty());
    assert_eq!(fixture.pool.stats().deaths, 0);
    assert_eq!(fixture.work(Work::Add(1, 1)), Ok(2));
    fixture.close(Closing::Run);
    Ok(())
}

fn restart() -> Restart {
    let (first, max) = (Duration::from_millis(1), Duration::from_millis(5));
    Restart::new().backoff(first, 2, max).intensity(3, HANG)
}

/// A job that waits for workers, none of which is ever ready, and why it is not run.
fn abandoned(fixture: &mut Fixture) -> String {
    let Err(JobError::Abandoned { reason }) = fixture.work(Work::Add(1, 1)) else {
        panic!("not abandoned");
    };
    assert_eq!(fixture.pool.gave_up(), Some(reason.clone()));
    reason.as_str().to_owned()
}

fn a_failed_initialiser_is_given_up(start: &Start) -> Result<(), Failed> {
    let mut fixture =
        start.pool_with(1, || Start::case("fails"), |builder| builder.restart(restart()));
    let reason = abandoned(&mut fixture);
    assert!(reason.contains("no licence"), "{reason}");
    Ok(())
}

fn a_death_in_the_initialiser_is_given_up(start: &Start) -> Result<(), Failed> {
    let mut fixture =
        start.pool_with(2, || Start::case("dies"), |builder| builder.restart(restart()));
    let reason = abandoned(&mut fixture);
    assert!(reason.contains("exit code 3"), "{reason}");
    Ok(())
}

fn a_hanging_initialiser_is_given_up(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool_with(
        1,
        || Start::case("hangs"),
        |builder| builder.restart(restart()).start_timeout(Duration::from_millis(20)),
    );
    let reason = abandoned(&mut fixture);
    assert!(reason.contains("was never ready"), "{reason}");
    Ok(())
}

fn a_missing_program_is_given_up(start: &Start) -> Result<(), Failed> {
    let command = || Command::new("/there/is/no/such/program");
    let mut fixture = start.pool_with(1, command, |builder| builder.restart(restart()));
    let reason = abandoned(&mut fixture);
    assert!(reason.contains("could not be started"), "{reason}");
    Ok(())
}

fn memory_is_limited(start: &Start) -> Result<(), Failed> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let mut fixture = start.pool_with(1, Start::command, |builder| builder.memory_limit(100 << 20));
    let Err(JobError::Lost(lost)) = fixture.work(Work::Grow(200 << 20)) else {
        return Err("not lost".into());
    };
    assert_eq!(lost.memory_limit, Some(100 << 20));
    assert_eq!(fixture.work(Work::Add(1, 1)), Ok(2));
    fixture.close(Closing::Run);
    Ok(())
}

fn a_worker_that_goes_on_after_it_served_is_killed(start: &Start) -> Result<(), Failed> {
    let grace = Duration::from_millis(10);
    let command = || Start::case("lingers");
    let mut fixture = start.pool_with(1, command, |builder| builder.retire_grace(grace));
    fixture.work(Work::Add(1, 2)).unwrap();
    fixture.pool.close(Closing::Run, None);
    fixture.route(|_, pool| pool.is_closed());
    let Fixture { router, mut app, .. } = fixture;
    router.route_until(&mut app, |_| router.workers().count() == 0, Some(HANG))?;
    Ok(())
}

fn a_pool_is_dropped(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(2);
    for _ in 0..3 {
        let handler = |app: &mut App, event: JobEvent<Work>| app.push(format!("{event:?}"));
        fixture.pool.submit(Work::Ignore, handler)?;
    }
    fixture.route(|app, _| app.len() == 2);
    let Fixture { router, pool, mut app } = fixture;
    drop(pool);
    let is_over = |app: &mut App| app.len() == 5 && router.workers().count() == 0;
    router.route_until(&mut app, is_over, Some(HANG))?;
    assert_eq!(app.iter().filter(|line| *line == "Ended(Err(Cancelled))").count(), 3);
    router.stop(&mut app)?;
    Ok(())
}

fn a_closing_pool_kills_after_its_grace(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(2);
    for _ in 0..3 {
        let handler = |app: &mut App, event: JobEvent<Work>| app.push(format!("{event:?}"));
        fixture.pool.submit(Work::Ignore, handler)?;
    }
    fixture.route(|app, _| app.len() == 2);
    fixture.pool.close(Closing::Run, Duration::from_millis(10));
    fixture.route(|_, pool| pool.is_closed());
    assert_eq!(fixture.pool.stats().ends.cancelled, 3);
    Ok(())
}

fn the_router_shuts_down(start: &Start) -> Result<(), Failed> {
    let mut fixture = start.pool(1);
    for _ in 0..2 {
        let handler = |app: &mut App, event: JobEvent<Work>| app.push(format!("{event:?}"));
        fixture.pool.submit(Work::Obey, handler)?;
    }
    fixture.route(|app, _| app.len() == 1);
    let Fixture { router, pool, mut app } = fixture;
    router.shutdown(&mut app, HANG)?;
    assert_eq!(app, ["Started", "Ended(Err(Cancelled))", "Ended(Err(Cancelled))"]);
    assert_eq!(pool.stats().deaths, 0, "killed, where it was asked to end");
    Ok(())
}

fn the_router_stops_while_a_start_is_delayed(start: &Start) -> Result<(), Failed> {
    for shuts_down in [false, true] {
        let command = || Command::new("/there/is/no/such/program");
        let restart = Restart::new().backoff(HANG, 1, HANG);
        let fixture = start.pool_with(1, command, |builder| builder.restart(restart));
        let Fixture { router, pool, mut app } = fixture;
        let handler = |app: &mut App, event: JobEvent<Work>| app.push(format!("{event:?}"));
        pool.submit(Work::Obey, handler)?;
        if shuts_down {
            router.shutdown(&mut app, HANG)?;
        } else {
            router.stop(&mut app)?;
        }
        assert_eq!(app, ["Ended(Err(Cancelled))"]);
    }
    Ok(())
}

fn kills_at_random_lose_no_job(start: &Start) -> Result<(), Failed> {
    let ahead = |builder: Builder| builder.ahead(1).restart(Restart::new().forever());
    let mut fixture = start.pool_with(3, Start::command, ahead);
    let mut submitted = 0;
    let mut random = 12345_u64;
    while fixture.app.len() < 300 {
        while submitted < fixture.app.len() + 10 && submitted < 300 {
            submitted += 1;
            let number = submitted as u64;
            let options = JobOptions::new().repeatable(100);
            fixture.pool.submit_with(
                options,
                Work::Add(number, 0),
                move |app: &mut App, event| {
                    if let JobEvent::Ended(end) = event {
                        assert_eq!(end, Ok(number));
                        app.push(number.to_string());
                    }
                },
            )?;
        }
        let so_far = fixture.app.len();
        fixture.route(|app, _| app.len() >= (so_far + 3).min(300));
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let workers = fixture.pool.stats().workers;
        if let Some(worker) = workers.get((random >> 33) as usize % workers.len().max(1)) {
            fixture.kill(worker.process_id.unwrap().into());
        }
    }
    let mut ended = fixture.app.clone();
    ended.sort();
    ended.dedup();
    assert_eq!(ended.len(), 300);
    assert!(fixture.pool.stats().deaths > 10, "{:?}", fixture.pool);
    fixture.close(Closing::Run);
    Ok(())
}
