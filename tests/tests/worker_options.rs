//! What a worker is started with: a name, a deadline, a captured standard error. This program
//! is its own worker.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::process::{Command, ExitCode};
use std::time::Duration;

use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::{End, Event, Exit, ProcessTransport, Router, Worker, worker};
use libtest_mimic::{Arguments, Trial};

/// Ends a test that hangs.
const HANG: Duration = Duration::from_secs(120);

/// What a worker of each case is told to do.
const CASE: &str = "HOMING_TEST_CASE";

fn main() -> ExitCode {
    match std::env::var(CASE).as_deref() {
        Ok("hangs") => std::thread::sleep(HANG),
        Ok("is-killed") => {
            let mut sender = worker::sender::<u32>().unwrap();
            sender.start().unwrap();
            eprintln!("one\ntwo\nthree");
            std::process::abort();
        }
        #[cfg(target_os = "linux")]
        Ok("limited") => return limited(),
        _ => {}
    }
    let mut trials = Vec::new();
    trials.extend(trials_of("pipe", Pipe::new));
    #[cfg(target_os = "linux")]
    trials.extend(trials_of("shm", Shm::new));
    #[cfg(target_os = "linux")]
    trials.push(Trial::test("shm::a_limit_on_file_sizes_is_an_error", || {
        let output = again("limited").output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trials_of<T: ProcessTransport + 'static>(name: &str, transport: fn() -> T) -> [Trial; 3] {
    [
        Trial::test(format!("{name}::a_worker_that_opens_no_link_in_time_is_killed"), move || {
            misses_its_deadline(transport());
            Ok(())
        }),
        Trial::test(format!("{name}::the_last_lines_come_with_the_end"), move || {
            has_last_words(transport());
            Ok(())
        }),
        Trial::test(format!("{name}::a_deadline_needs_a_worker_that_ends"), move || {
            let (router, _) = started();
            let error = router
                .spawn(transport(), again("hangs"))
                .keep_running()
                .start_deadline(HANG)
                .pipe(record)
                .unwrap_err();
            assert!(error.to_string().contains("can have no start deadline"), "{error}");
            Ok(())
        }),
    ]
}

type App = Vec<End>;

fn record(ends: &mut App, event: Event<u32>) {
    ends.extend(event.ended().cloned());
}

fn started() -> (Router<App>, EventLoop) {
    let event_loop = EventLoop::new().unwrap();
    let router = Router::new(&event_loop);
    router.start().unwrap();
    (router, event_loop)
}

fn again(case: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CASE, case).stderr(std::process::Stdio::null());
    command
}

/// The end of its first pipe.
fn end_of(router: &Router<App>, worker: &Worker<App>) -> End {
    let mut ends = App::new();
    router.route_until(&mut ends, |ends| !ends.is_empty(), Some(HANG)).unwrap();
    assert!(worker.exit().is_some());
    router.stop(&mut ends).unwrap();
    ends.pop().unwrap()
}

fn misses_its_deadline(transport: impl ProcessTransport) {
    let (router, _event_loop) = started();
    let after = Duration::from_millis(50);
    let builder = router.spawn(transport, again("hangs")).named("late").start_deadline(after);
    let (worker, _) = builder.pipe(record).unwrap();
    assert_eq!(worker.name(), Some("late"));
    let shown = format!("{worker:?}");
    assert!(shown.contains("\"late\"") && shown.contains(&worker.process_id().to_string()));
    let end = end_of(&router, &worker);
    let text = "the worker did not open its link within 50ms and was killed (signal 9)";
    assert_eq!(end.to_string(), text);
    let End::Lost(lost) = end else { panic!("{end}") };
    assert_eq!((lost.exit, lost.opened), (Some(Exit::Signal(9)), false));
    assert_eq!(lost.start_deadline, Some(after));
}

fn has_last_words(transport: impl ProcessTransport) {
    let (router, _event_loop) = started();
    let builder = router.spawn(transport, again("is-killed")).capture_stderr(2);
    let (worker, _) = builder.start_deadline(HANG).own_process_group().pipe(record).unwrap();
    let end = end_of(&router, &worker);
    let End::Lost(lost) = end else { panic!("{end}") };
    assert_eq!((lost.exit, lost.stderr.as_str()), (Some(Exit::Signal(6)), "two\nthree"));
    assert_eq!((lost.opened, lost.start_deadline), (true, None));
}

/// In a process of its own, whose files may have 64 KiB: to exceed that would be SIGXFSZ.
#[cfg(target_os = "linux")]
fn limited() -> ExitCode {
    use std::error::Error as _;

    use rustix::process::{Resource, getrlimit, setrlimit};

    let (router, _event_loop) = started();
    let mut limit = getrlimit(Resource::Fsize);
    limit.current = Some(64 << 10);
    setrlimit(Resource::Fsize, limit).unwrap();
    let error = router.spawn(Shm::new(), again("hangs")).pipe(record).unwrap_err();
    let cause = error.source().unwrap().source().unwrap();
    assert!(cause.to_string().contains("RLIMIT_FSIZE"), "{cause}");
    assert_eq!(router.links(), 0);
    router.link(Shm::new()).map(drop).unwrap_err();
    ExitCode::SUCCESS
}
