//! A worker process's life: how long it takes to start one, to end many, and to hear of a death.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use homing::pipe::Pipe;
use homing::std_loop::EventLoop;
use homing::{Event, Router, Worker};
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::measure::{Sorted, alternate};
use crate::role::Role;
use crate::row::{Figure, Goal, Row, Settings};
use crate::tally::{Message, Tally};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "spawn-3GiB", unit: "ms", goal: Goal::RatioAtMost(2.0), measure: spawn },
    Row { name: "stop-20-workers", unit: "ms", goal: Goal::RatioAtMost(1.3), measure: stop },
    Row { name: "death-to-lost", unit: "µs", goal: Goal::RatioAtMost(1.25), measure: death },
];

/// What the foreground of `spawn-3GiB` holds, in bytes.
const RESIDENT: usize = 3 << 30;

/// What each worker of `stop-20-workers` holds, in bytes.
const WORKER_RESIDENT: usize = 100 << 20;
const WORKERS: u64 = 20;

const PAGE: usize = 4096;

/// Memory of which every page is resident.
pub(crate) fn resident(bytes: usize) -> Vec<u8> {
    let mut memory = vec![0; bytes];
    for page in memory.chunks_mut(PAGE) {
        page.fill(1);
    }
    memory
}

/// What a process of `stop-20-workers` holds while it lives.
pub(crate) fn worker_resident() -> Vec<u8> {
    resident(WORKER_RESIDENT)
}

/// How long `spawn` takes a large foreground, beside `Command::spawn` of the same program.
fn spawn(settings: &Settings) -> anyhow::Result<Figure> {
    let mut event_loop = EventLoop::new()?;
    let router = Router::<Tally>::new(&event_loop);
    router.start()?;
    let mut tally = Tally::default();
    let memory = resident(RESIDENT);
    let figure = alternate(
        settings.rounds(),
        || {
            let command = Role::Idle.command()?;
            let began = Instant::now();
            let (worker, _) = router.spawn(Pipe::new(), command).pipe(Tally::hear)?;
            let took = millis(began.elapsed());
            worker.kill()?;
            // As below: its death is not to disturb what is measured next.
            event_loop.run_until(&router, &mut tally, |_| router.open_pipes() == 0)?;
            Ok(took)
        },
        || {
            let mut command = Role::BareIdle.command()?;
            command.stdout(Stdio::null());
            let began = Instant::now();
            let mut child = command.spawn()?;
            let took = millis(began.elapsed());
            end(&mut child)?;
            Ok(took)
        },
    );
    ensure!(memory.iter().step_by(PAGE).all(|byte| *byte == 1), "the memory was resident");
    router.stop(&mut tally)?;
    figure
}

/// How long `stop` takes with many large workers, beside killing all and then waiting for all.
fn stop(settings: &Settings) -> anyhow::Result<Figure> {
    alternate(
        settings.pick(9, 5),
        || {
            let mut event_loop = EventLoop::new()?;
            let router = Router::new(&event_loop);
            router.start()?;
            let start = |_| {
                let command = Role::Resident.command()?;
                let (worker, _) = router.spawn(Pipe::new(), command).pipe(Tally::hear)?;
                anyhow::Ok(worker)
            };
            let workers: Vec<Worker<Tally>> = (0..WORKERS).map(start).collect::<Result<_, _>>()?;
            let mut tally = Tally::default();
            event_loop.run_until(&router, &mut tally, |tally| {
                tally.got == WORKERS || router.open_pipes() < WORKERS as usize
            })?;
            tally.check(WORKERS)?;
            let began = Instant::now();
            router.stop(&mut tally)?;
            let took = millis(began.elapsed());
            drop(workers);
            Ok(took)
        },
        || {
            let start = |_| {
                let mut child = Role::BareResident.command()?.stdout(Stdio::piped()).spawn()?;
                let out = child.stdout.take().context("the process has a standard output")?;
                anyhow::Ok((child, out))
            };
            let mut children: Vec<(Child, ChildStdout)> =
                (0..WORKERS).map(start).collect::<Result<_, _>>()?;
            for (_, out) in &mut children {
                out.read_exact(&mut [0])?;
            }
            let began = Instant::now();
            for (child, _) in &mut children {
                child.kill()?;
            }
            for (child, _) in &mut children {
                child.wait()?;
            }
            Ok(millis(began.elapsed()))
        },
    )
}

/// How long the handler waits for a worker's end after its SIGKILL, p99, beside a bare pidfd of
/// such a worker: the kernel takes as long to end it in both.
fn death(settings: &Settings) -> anyhow::Result<Figure> {
    let deaths = settings.pick(100, 20);
    alternate(
        settings.pick(9, 5),
        || Deaths::measure(deaths, lost),
        || Deaths::measure(deaths, readable),
    )
}

/// When a worker was heard of last.
#[derive(Default)]
struct Heard {
    alive: bool,
    ended: Option<Instant>,
}

/// A foreground whose workers die.
struct Deaths {
    event_loop: EventLoop,
    router: Router<Heard>,
    heard: Heard,
}

impl Deaths {
    /// The p99 of so many deaths, in microseconds.
    fn measure(
        deaths: usize,
        mut die: impl FnMut(&mut Self, &Worker<Heard>) -> anyhow::Result<Duration>,
    ) -> anyhow::Result<f64> {
        let event_loop = EventLoop::new()?;
        let router = Router::new(&event_loop);
        router.start()?;
        let mut this = Self { event_loop, router, heard: Heard::default() };
        let mut times = Vec::new();
        for _ in 0..deaths {
            let worker = this.start()?;
            times.push(micros(die(&mut this, &worker)?));
        }
        this.router.stop(&mut this.heard)?;
        Ok(Sorted::new(times).quantile(0.99))
    }

    /// Starts a worker, and waits until it is heard of.
    fn start(&mut self) -> anyhow::Result<Worker<Heard>> {
        self.heard = Heard::default();
        let spawned = self.router.spawn(Pipe::new(), Role::Idle.command()?).pipe(
            |heard: &mut Heard, event: Event<Message>| match event {
                Event::Message(_) => heard.alive = true,
                Event::Ended(_) => heard.ended = Some(Instant::now()),
            },
        );
        let (worker, _) = spawned?;
        self.turn_until(|heard| heard.alive || heard.ended.is_some())?;
        Ok(worker)
    }

    /// Waits until the worker has ended, and says when the handler was told.
    fn ended(&mut self) -> anyhow::Result<Instant> {
        self.turn_until(|heard| heard.ended.is_some())?;
        self.heard.ended.context("the worker has ended")
    }

    fn turn_until(&mut self, mut condition: impl FnMut(&Heard) -> bool) -> anyhow::Result<()> {
        let Self { event_loop, router, heard } = self;
        Ok(event_loop.run_until(router, heard, |heard| condition(heard))?)
    }
}

/// From SIGKILL to the handler.
fn lost(deaths: &mut Deaths, worker: &Worker<Heard>) -> anyhow::Result<Duration> {
    let killed = Instant::now();
    worker.kill()?;
    Ok(deaths.ended()?.duration_since(killed))
}

/// From SIGKILL to a pidfd that is readable, in epoll. The router hears of the end later.
fn readable(deaths: &mut Deaths, worker: &Worker<Heard>) -> anyhow::Result<Duration> {
    let pid = i32::try_from(worker.process_id()).ok().and_then(Pid::from_raw);
    let pidfd = pidfd_open(pid.context("a process id")?, PidfdFlags::empty())?;
    let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&set, &pidfd, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
    let mut events = Vec::with_capacity(1);
    let killed = Instant::now();
    pidfd_send_signal(&pidfd, Signal::KILL)?;
    epoll::wait(&set, spare_capacity(&mut events), None)?;
    let took = killed.elapsed();
    deaths.ended()?;
    Ok(took)
}

/// Says on standard output that this process is there.
pub(crate) fn say_ready() -> anyhow::Result<()> {
    let mut out = os_pipe::dup_stdout()?;
    Ok(out.write_all(&[1])?)
}

fn end(child: &mut Child) -> anyhow::Result<()> {
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
