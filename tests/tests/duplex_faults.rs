//! Duplex pipes where something goes wrong, or is done at an awkward time: this program is the
//! foreground and the worker.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::error::Error;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::{
    AskError, End, Event, Exit, PipeId, PipeOptions, ProcessTransport, RecvError, Remote, Reply,
    Router, SendErrorKind, Ticket, Worker, worker,
};
use libtest_mimic::{Arguments, Failed, Trial};
use serde::{Deserialize, Serialize};

/// Ends a test that hangs. Nothing is measured with it.
const HANG: Duration = Duration::from_secs(120);

#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// To be sent back.
    Echo(u64),
    /// The length is to be sent back.
    Bytes(Vec<u8>),
    /// The number is the answer.
    Ask(u64, Reply<u64>),
    /// To start another thread, which looks whether this pipe is cancelled and then says so.
    Look(Ticket<u64, Order>),
    /// To do the following, and then go on.
    DropReceiver,
    CloseWayBack,
    Scribble,
    Fork,
    /// To send numbers without end, many at once.
    SendAll,
    /// To send back all of these at once, and hang.
    SendAllOf(Vec<u64>),
    Finish,
}

// ---------------------------------------------------------------- in the worker

/// Says that what was ordered is done.
const DONE: u64 = 1 << 40;
/// Says that a cancel was seen.
const SEEN: u64 = 1 << 41;
/// The exit code of a worker whose `send` was refused as the pipe was closed.
const CLOSED: i32 = 21;

fn obey() -> Result<(), Box<dyn Error>> {
    let (mut orders, mut sender) = worker::duplex::<Order, u64>()?;
    sender.start()?;
    loop {
        match orders.recv() {
            Ok(Order::Echo(number)) => sender.send(number)?,
            Ok(Order::Bytes(bytes)) => sender.send(bytes.len() as u64)?,
            Ok(Order::Ask(number, reply)) => sender.answer(reply, number)?,
            Ok(Order::Look(ticket)) => look_on_a_thread(ticket)?,
            Ok(Order::DropReceiver) => {
                drop(orders);
                sender.send(DONE)?;
                while !sender.is_cancelled() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                sender.send(SEEN)?;
                return Ok(sender.stop()?);
            }
            Ok(Order::CloseWayBack) => {
                close_way_back();
                sender.send(DONE)?;
                std::thread::sleep(HANG);
            }
            #[cfg(target_os = "linux")]
            Ok(Order::Scribble) => {
                sender.send(DONE)?;
                scribble();
            }
            Ok(Order::Fork) => {
                let refused = in_a_copy(|| {
                    matches!(orders.recv(), Err(RecvError::Forked))
                        && matches!(orders.try_recv(), Err(RecvError::Forked))
                        && !orders.is_cancelled()
                        && sender.send(9).is_err()
                });
                sender.send(if refused { DONE } else { 0 })?;
            }
            Ok(Order::SendAll) => {
                let error = sender.send_all(0..).unwrap_err();
                match error.kind() {
                    SendErrorKind::Cancelled => sender.send(SEEN)?,
                    SendErrorKind::Closed => std::process::exit(CLOSED),
                    _ => return Ok(()),
                }
            }
            Ok(Order::SendAllOf(numbers)) => {
                sender.send_all(numbers)?;
                std::thread::sleep(HANG);
            }
            Ok(Order::Finish) => return Ok(sender.stop()?),
            #[cfg(not(target_os = "linux"))]
            Ok(Order::Scribble) => {}
            Err(RecvError::Cancelled) => {
                sender.send(SEEN)?;
                return Ok(sender.stop()?);
            }
            // What the foreground does to the pipe is its business.
            Err(_) => return Ok(()),
        }
    }
}

fn look_on_a_thread(ticket: Ticket<u64, Order>) -> Result<(), Box<dyn Error>> {
    let (_, mut sender) = worker::link()?.duplex(ticket)?;
    std::thread::spawn(move || {
        sender.start().unwrap();
        sender.send(DONE).unwrap();
        while !sender.is_cancelled() {
            std::hint::spin_loop();
        }
        sender.send(SEEN).unwrap();
        sender.stop().unwrap();
    });
    Ok(())
}

/// Closes the descriptors that the way back is read from.
fn close_way_back() {
    let mut sockets = 0;
    for fd in 3..64 {
        // SAFETY: no preconditions.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
        // SAFETY: the structure is all numbers.
        let mut stat: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: it is written to a structure of its type.
        if flags < 0 || unsafe { libc::fstat(fd, &raw mut stat) } < 0 {
            continue;
        }
        let kind = stat.st_mode & libc::S_IFMT;
        sockets += u32::from(kind == libc::S_IFSOCK);
        // On shared memory the first socket is of the way there.
        if kind == libc::S_IFIFO && flags & libc::O_ACCMODE == libc::O_RDONLY
            || kind == libc::S_IFSOCK && sockets == 2
        {
            // SAFETY: this is what is tested.
            unsafe { libc::close(fd) };
        }
    }
}

/// Writes over everything that is shared with the foreground, again and again.
#[cfg(target_os = "linux")]
fn scribble() -> ! {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let range = |line: &str| {
        let (begin, end) = line.split(' ').next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        line.contains("memfd:").then_some((number(begin)?, number(end)?))
    };
    // The one that was mapped last, which is of the way back. On the way there it would end the link.
    let (begin, end) = maps.lines().find_map(range).unwrap();
    let mut number = 1_u64;
    loop {
        for at in (begin..end).step_by(8) {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // SAFETY: mapped and writable; torn or wild values are what is tested.
            unsafe { std::ptr::write_volatile(at as *mut u64, number) };
        }
    }
}

/// Runs `work` in a copy of this process, and says whether it returned true.
fn in_a_copy(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the copy uses the allocator, which the C library makes ready for that.
    let copy = unsafe { libc::fork() };
    assert!(copy >= 0);
    if copy == 0 {
        // SAFETY: no preconditions.
        unsafe { libc::alarm(HANG.as_secs() as u32) };
        let fine = work();
        // SAFETY: no preconditions.
        unsafe { libc::_exit(i32::from(!fine)) };
    }
    let mut status = 0;
    // SAFETY: the status is written to a variable of its type.
    assert_eq!(unsafe { libc::waitpid(copy, &raw mut status, 0) }, copy);
    status == 0
}

// ---------------------------------------------------------------- in the foreground

#[derive(Default)]
struct App {
    heard: Vec<(usize, u64)>,
    ends: Vec<(usize, End)>,
    answers: Vec<Result<u64, AskError>>,
    posted: u64,
    /// For handlers that use them.
    router: Option<Router<App>>,
    remote: Option<Remote<App, Order>>,
}

impl App {
    fn count(&self, pipe: usize) -> usize {
        self.heard.iter().filter(|(of, _)| *of == pipe).count()
    }

    fn has_heard(&self, pipe: usize, number: u64) -> bool {
        self.heard.contains(&(pipe, number))
    }

    fn has_ended(&self, pipe: usize) -> bool {
        self.ends.iter().any(|(of, _)| *of == pipe)
    }
}

fn hear(pipe: usize) -> impl FnMut(&mut App, Event<u64>) {
    move |app, event| match event {
        Event::Message(number) => app.heard.push((pipe, number)),
        Event::Ended(end) => app.ends.push((pipe, end)),
    }
}

struct Foreground {
    event_loop: EventLoop,
    router: Router<App>,
    app: App,
}

type Started = (Worker<App>, Remote<App, Order>, PipeId);

impl Foreground {
    fn new() -> Self {
        let event_loop = EventLoop::new().unwrap();
        let router = Router::new(&event_loop);
        router.start().unwrap();
        Self { event_loop, router, app: App::default() }
    }

    fn start(&self, transport: impl ProcessTransport, pipe: usize, capacity: usize) -> Started {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.stdin(Stdio::null());
        let options = PipeOptions::new().command_capacity(capacity);
        self.router.spawn(transport, command).duplex_with(options, hear(pipe)).unwrap()
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&App) -> bool) {
        let begin = Instant::now();
        while !done(&self.app) {
            self.event_loop.turn(&self.router, &mut self.app, Some(HANG / 100)).unwrap();
            assert!(begin.elapsed() < HANG, "no {what}");
        }
    }

    fn stop(mut self) {
        self.router.stop(&mut self.app).unwrap();
    }
}

const PLENTY: usize = 16 << 20;

/// A worker that does not run costs its queue. When it runs again, it gets all, and others are not
/// kept from anything meanwhile.
fn stopped_worker<T: ProcessTransport>(transport: fn() -> T) {
    let mut foreground = Foreground::new();
    let (worker, remote, _) = foreground.start(transport(), 0, PLENTY);
    let (_other, other, _) = foreground.start(transport(), 1, PLENTY);
    remote.send(Order::Echo(7)).unwrap();
    foreground.until("echo", |app| app.has_heard(0, 7));
    signal(&worker, libc::SIGSTOP);
    for _ in 0..1024 {
        remote.send(Order::Bytes(vec![1; 1024])).unwrap();
    }
    for number in 0..1000 {
        other.send(Order::Echo(number)).unwrap();
    }
    foreground.until("echoes of the other worker", |app| app.count(1) == 1000);
    assert_eq!((foreground.app.count(0), remote.untaken()), (1, 1024));
    signal(&worker, libc::SIGCONT);
    foreground.until("echoes", |app| app.count(0) == 1025);
    remote.cancel();
    foreground.until("the end", |app| app.has_ended(0));
    assert_eq!(remote.untaken(), 0);
    foreground.stop();
}

fn signal(worker: &Worker<App>, signal: i32) {
    // SAFETY: no preconditions; the worker was not reaped.
    assert_eq!(unsafe { libc::kill(worker.process_id() as i32, signal) }, 0);
}

/// A worker that closes its end of the way back gets no more commands. The foreground goes on.
fn closed_way_back<T: ProcessTransport>(transport: fn() -> T) {
    let mut foreground = Foreground::new();
    let (worker, remote, _) = foreground.start(transport(), 0, 1 << 20);
    remote.send(Order::CloseWayBack).unwrap();
    foreground.until("message", |app| app.has_heard(0, DONE));
    let refused = (0..2048).find_map(|_| remote.send(Order::Bytes(vec![1; 1024])).err());
    let refused = refused.unwrap().kind();
    let expected = [SendErrorKind::Full, SendErrorKind::Disconnected, SendErrorKind::Closed];
    assert!(expected.contains(&refused), "{refused:?}");
    remote.cancel();
    is_quiet(&mut foreground);
    worker.kill().unwrap();
    foreground.until("the end", |app| app.has_ended(0));
    foreground.stop();
}

/// The foreground sleeps: what is broken is not looked at again and again.
fn is_quiet(foreground: &mut Foreground) {
    let Foreground { event_loop, router, app } = foreground;
    let mut turns = 0;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(200) {
        event_loop.turn(router, app, Some(Duration::from_millis(200))).unwrap();
        turns += 1;
    }
    assert!(turns < 2000, "{turns} turns in 200 ms");
}

/// A worker that writes over the memory of the way back harms no other worker, and can be killed.
fn scribbled_way_back<T: ProcessTransport>(transport: fn() -> T) {
    let mut foreground = Foreground::new();
    let (worker, remote, _) = foreground.start(transport(), 0, 1 << 20);
    let (_other, other, _) = foreground.start(transport(), 1, PLENTY);
    remote.send(Order::Scribble).unwrap();
    foreground.until("message", |app| app.has_heard(0, DONE));
    for round in 0..200 {
        for _ in 0..16 {
            // It is bounded, or refused.
            let _ = remote.send(Order::Bytes(vec![1; 1024]));
        }
        other.send(Order::Echo(round)).unwrap();
        foreground.until("echo", |app| app.has_heard(1, round));
    }
    is_quiet(&mut foreground);
    worker.kill().unwrap();
    foreground.until("the end", |app| app.has_ended(0));
    foreground.stop();
}

/// One thread of a worker receives and sends back, others look. Each is told what is for its pipe.
fn threads_of_a_worker<T: ProcessTransport>(transport: fn() -> T) {
    let mut foreground = Foreground::new();
    let (worker, remote, _) = foreground.start(transport(), 0, PLENTY);
    let mut looking = Vec::new();
    for pipe in 1..=3 {
        let (ticket, looked, _) = worker.duplex::<Order, u64>(hear(pipe)).unwrap();
        remote.send(Order::Look(ticket)).unwrap();
        looking.push(looked);
    }
    foreground.until("looks", |app| (1..=3).all(|pipe| app.has_heard(pipe, DONE)));
    for round in 0..200 {
        remote.send(Order::Echo(round)).unwrap();
        foreground.until("echo", |app| app.has_heard(0, round));
        if round % 50 == 49 {
            match looking.pop() {
                Some(looked) => looked.cancel(),
                None => remote.cancel(),
            }
            let pipe = looking.len() + 1;
            if round < 150 {
                foreground.until("end", |app| app.has_ended(pipe));
                assert!(foreground.app.has_heard(pipe, SEEN));
            }
        }
    }
    foreground.until("ends", |app| app.ends.len() == 4);
    assert!(foreground.app.ends.iter().all(|(_, end)| *end == End::Finished));
    foreground.stop();
}

/// A worker that drops its receiver is still told what concerns its sender, and its commands wait
/// within their bound.
fn dropped_receiver<T: ProcessTransport>(transport: fn() -> T) {
    let mut foreground = Foreground::new();
    let (_worker, remote, _) = foreground.start(transport(), 0, 1 << 20);
    remote.send(Order::DropReceiver).unwrap();
    foreground.until("message", |app| app.has_heard(0, DONE));
    let mut accepted = 0;
    while remote.send(Order::Bytes(vec![1; 1024])).is_ok() {
        accepted += 1;
        assert!(accepted < 2048, "there is no bound");
    }
    remote.cancel();
    foreground.until("the end", |app| app.has_ended(0));
    assert!(foreground.app.has_heard(0, SEEN));
    assert_eq!(foreground.app.ends, [(0, End::Finished)]);
    assert!(remote.untaken() >= accepted, "{} of {accepted}", remote.untaken());
    foreground.stop();
}

/// The copy of a worker receives nothing, and takes nothing from the original.
fn forks<T: ProcessTransport>(transport: fn() -> T) {
    let mut foreground = Foreground::new();
    let (_worker, remote, _) = foreground.start(transport(), 0, PLENTY);
    for round in 0..20 {
        remote.send(Order::Fork).unwrap();
        // Some of these are there when it forks.
        (0..100).for_each(|number| remote.send(Order::Echo(1000 * round + number)).unwrap());
    }
    remote.send(Order::Finish).unwrap();
    foreground.until("the end", |app| app.has_ended(0));
    assert_eq!(foreground.app.ends, [(0, End::Finished)]);
    assert_eq!(foreground.app.heard.iter().filter(|(_, number)| *number == DONE).count(), 20);
    assert_eq!(foreground.app.count(0), 20 * 101);
    assert_eq!(remote.untaken(), 0);
    foreground.stop();
}

/// A worker that sends many messages at once learns that its pipe was cancelled, once, and that it
/// was closed. What it has taken is told before its messages.
fn send_all<T: ProcessTransport>(transport: fn() -> T) {
    let mut foreground = Foreground::new();
    let (worker, remote, pipe) = foreground.start(transport(), 0, PLENTY);
    remote.send(Order::SendAllOf(vec![3, 4])).unwrap();
    foreground.until("messages", |app| app.count(0) == 2);
    assert_eq!(remote.untaken(), 0);
    worker.kill().unwrap();
    foreground.until("the end", |app| app.has_ended(0));
    assert!(foreground.router.close_pipe(&mut foreground.app, pipe).is_err());

    let (_worker, remote, _) = foreground.start(transport(), 1, PLENTY);
    remote.send(Order::SendAll).unwrap();
    foreground.until("messages", |app| app.count(1) > 0);
    remote.cancel();
    foreground.until("the end", |app| app.has_ended(1));
    // By `send_all`, and by the `recv` after it.
    let seen = foreground.app.heard.iter().filter(|heard| **heard == (1, SEEN)).count();
    assert_eq!((seen, foreground.app.ends.last()), (2, Some(&(1, End::Finished))));

    let (worker, remote, pipe) = foreground.start(transport(), 2, PLENTY);
    remote.send(Order::SendAll).unwrap();
    foreground.until("messages", |app| app.count(2) > 0);
    foreground.router.close_pipe(&mut foreground.app, pipe).unwrap();
    foreground.until("the exit", |_| worker.exit().is_some());
    assert_eq!(worker.exit(), Some(Exit::Code(CLOSED)));
    foreground.stop();
}

/// A remote that outlives its router, and handles on threads that use it while it stops.
fn use_after_stop<T: ProcessTransport>(transport: fn() -> T) {
    for _ in 0..10 {
        let mut foreground = Foreground::new();
        let (_worker, remote, _) = foreground.start(transport(), 0, 1 << 20);
        let (handle, poster) = (remote.handle(), foreground.router.handle());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (handle, poster) = (handle.clone(), poster.clone());
                std::thread::spawn(move || {
                    loop {
                        match handle.send(Order::Echo(1)) {
                            Ok(()) => {}
                            Err(error) if error.is_full() => std::thread::yield_now(),
                            Err(error) => return error.kind(),
                        }
                        handle.cancel();
                        let _ = poster.post(|app| app.posted += 1);
                    }
                })
            })
            .collect();
        foreground.until("message", |app| app.count(0) > 0);
        foreground.router.stop(&mut foreground.app).unwrap();
        for thread in threads {
            let kind = thread.join().unwrap();
            assert!(
                matches!(kind, SendErrorKind::Closed | SendErrorKind::Disconnected),
                "{kind:?}"
            );
        }
        assert!(remote.send(Order::Finish).is_err());
        assert!(remote.ask(|reply| Order::Ask(1, reply), |_, _: Result<u64, _>| ()).is_err());
        remote.cancel();
        assert!(poster.post(|_| ()).is_err());
        let Foreground { event_loop, router, app } = foreground;
        drop((event_loop, router, app));
        assert!(remote.send(Order::Finish).is_err());
        let _ = remote.untaken();
        remote.cancel();
    }
}

/// Calls from many threads are made once each, between the messages of a worker.
fn storm_of_posts<T: ProcessTransport>(transport: fn() -> T) {
    let mut foreground = Foreground::new();
    let (_worker, remote, _) = foreground.start(transport(), 0, PLENTY);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let poster = foreground.router.handle();
            std::thread::spawn(move || {
                (0..10_000).for_each(|_| poster.post(|app| app.posted += 1).unwrap());
            })
        })
        .collect();
    (0..1000).for_each(|number| remote.send(Order::Echo(number)).unwrap());
    foreground.until("calls", |app| app.posted == 80_000 && app.count(0) == 1000);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    foreground.stop();
}

/// Asks the next question when one is answered.
fn ask_again(app: &mut App, left: u64) {
    let remote = app.remote.clone().unwrap();
    let handler = move |app: &mut App, answer: Result<u64, AskError>| {
        app.answers.push(answer);
        if left > 0 {
            ask_again(app, left - 1);
        }
    };
    remote.ask(|reply| Order::Ask(left, reply), handler).unwrap();
}

/// What handlers of answers may do: ask, dispatch, and close their own pipe.
fn busy_handlers<T: ProcessTransport>(transport: fn() -> T) {
    let mut foreground = Foreground::new();
    let (_worker, remote, pipe) = foreground.start(transport(), 0, PLENTY);
    foreground.app.router = Some(foreground.router.clone());
    foreground.app.remote = Some(remote.clone());
    ask_again(&mut foreground.app, 1000);
    foreground.until("answers", |app| app.answers.len() == 1001);
    assert!(
        foreground.app.answers.iter().rev().map(|answer| *answer.as_ref().unwrap()).eq(0..=1000)
    );
    // Nested: the answers behind it come within the handler, or after it.
    foreground.app.answers.clear();
    for number in 0..100 {
        let handler = |app: &mut App, answer: Result<u64, AskError>| {
            app.answers.push(answer);
            let router = app.router.clone().unwrap();
            let _ = router.dispatch(app);
        };
        remote.ask(|reply| Order::Ask(number, reply), handler).unwrap();
        remote.send(Order::Echo(number)).unwrap();
    }
    foreground.until("all", |app| app.answers.len() == 100 && app.count(0) == 100);
    assert!(foreground.app.heard.iter().map(|(_, number)| *number).eq(0..100));
    // The second handler is told the end.
    foreground.app.answers.clear();
    let close = move |app: &mut App, answer: Result<u64, AskError>| {
        app.answers.push(answer);
        let router = app.router.clone().unwrap();
        router.close_pipe(app, pipe).unwrap();
    };
    remote.ask(|reply| Order::Ask(5, reply), close).unwrap();
    let second = |app: &mut App, answer| app.answers.push(answer);
    remote.ask(|reply| Order::Ask(6, reply), second).unwrap();
    foreground.until("the end", |app| app.has_ended(0));
    assert_eq!(foreground.app.answers, [Ok(5), Err(AskError::Ended(End::Closed))]);
    assert_eq!(foreground.app.ends, [(0, End::Closed)]);
    foreground.app.router = None;
    foreground.app.remote = None;
    foreground.stop();
}

fn main() -> ExitCode {
    if worker::link().is_ok() {
        return match obey() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let mut trials = trials("pipe", Pipe::new);
    #[cfg(target_os = "linux")]
    {
        trials.extend(self::trials("shm", Shm::new));
        trials.push(trial("shm::scribbled_way_back", || scribbled_way_back(Shm::new)));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trials<T: ProcessTransport + 'static>(transport: &str, make: fn() -> T) -> Vec<Trial> {
    let cases: [(&str, fn(fn() -> T)); 9] = [
        ("stopped_worker", stopped_worker),
        ("closed_way_back", closed_way_back),
        ("threads_of_a_worker", threads_of_a_worker),
        ("dropped_receiver", dropped_receiver),
        ("forks", forks),
        ("send_all", send_all),
        ("use_after_stop", use_after_stop),
        ("storm_of_posts", storm_of_posts),
        ("busy_handlers", busy_handlers),
    ];
    let cases = cases.into_iter();
    cases.map(|(name, case)| trial(&format!("{transport}::{name}"), move || case(make))).collect()
}

fn trial(name: &str, case: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        case();
        Ok::<(), Failed>(())
    })
}
