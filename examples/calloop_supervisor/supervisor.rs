//! The daemon: its state, and what it does when something happens.

use std::process::Command;
use std::time::{Duration, Instant};

use calloop::signals::{Signal, Signals};
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, InsertError, LoopHandle};
use homing::calloop::CalloopBinding;
use homing::pipe::Pipe;
use homing::shm::Shm;
use homing::{End, Event, Router};

use crate::args::{Args, Transport};
use crate::work::{Beat, Order};

/// How long a worker that has died must wait, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A worker that has run for so long starts at once the next time that it dies.
const STEADY: Duration = Duration::from_secs(10);

/// Between two reports of the daemon.
const REPORT: Duration = Duration::from_secs(1);

/// How long workers may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// All that the daemon knows. It is the loop's data, so every source gets it.
struct Supervisor {
    router: Router<Supervisor>,
    handle: LoopHandle<'static, Supervisor>,
    transport: Transport,
    crash: Option<Duration>,
    workers: Vec<Place>,
    ending: bool,
    /// How many workers had not ended when the grace was over.
    killed: usize,
}

/// A worker's place, which successive worker processes take.
struct Place {
    started: Instant,
    pause: Duration,
    /// Of the worker that has it now, or had it last.
    beats: u64,
    deaths: u64,
}

/// Runs until it is told to end. Whether all workers ended as they were told.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let mut event_loop: EventLoop<Supervisor> = EventLoop::try_new()?;
    let handle = event_loop.handle();
    // Before anything that starts threads: it blocks these signals in this one.
    insert(&handle, Signals::new(&[Signal::SIGTERM, Signal::SIGINT])?, |event, (), daemon| {
        daemon.end(&format!("{:?}", event.signal()));
    })?;
    if let Some(time) = args.time {
        insert(&handle, Timer::from_duration(time), |_, (), daemon| {
            daemon.end("the time is over");
            TimeoutAction::Drop
        })?;
    }
    insert(&handle, Timer::from_duration(REPORT), |_, (), daemon| {
        daemon.report();
        TimeoutAction::ToDuration(REPORT)
    })?;

    let binding = CalloopBinding::new()?;
    let router = Router::new(&binding);
    router.start()?;
    insert(&handle, binding.into_source(&router), |(), router, daemon| router.dispatch(daemon))?;

    let place = || Place { started: Instant::now(), pause: FIRST_PAUSE, beats: 0, deaths: 0 };
    let mut daemon = Supervisor {
        router: router.clone(),
        handle,
        transport: args.transport,
        crash: args.crash,
        workers: (0..args.workers.get()).map(|_| place()).collect(),
        ending: false,
        killed: 0,
    };
    for number in 0..daemon.workers.len() {
        daemon.start(number);
    }
    while !daemon.ending {
        event_loop.dispatch(None, &mut daemon)?;
    }

    router.shutdown(&mut daemon, GRACE)?;
    daemon.report();
    let all = daemon.killed == 0;
    println!("{}", if all { "all workers have ended" } else { "some were killed" });
    Ok(all)
}

/// As the loop does, but an error can leave this thread.
fn insert<S, F>(
    handle: &LoopHandle<'static, Supervisor>,
    source: S,
    callback: F,
) -> anyhow::Result<()>
where
    S: calloop::EventSource + 'static,
    F: FnMut(S::Event, &mut S::Metadata, &mut Supervisor) -> S::Ret + 'static,
{
    handle.insert_source(source, callback).map_err(|InsertError { error, .. }| error)?;
    Ok(())
}

impl Supervisor {
    /// Starts the worker of a place, or says why not and tries again later.
    fn start(&mut self, number: usize) {
        match self.spawn(number) {
            Ok(process) => {
                println!("worker {number}: started as process {process}");
                if let Some(place) = self.workers.get_mut(number) {
                    place.started = Instant::now();
                }
            }
            Err(error) => self.start_later(number, &format!("{error:#}")),
        }
    }

    fn spawn(&self, number: usize) -> anyhow::Result<u32> {
        let command = Command::new(std::env::current_exe()?);
        let hear = move |daemon: &mut Supervisor, event| daemon.hear(number, event);
        // In a group of its own, a worker does not get the terminal's SIGINT.
        let (worker, remote, _) = match self.transport {
            Transport::Pipe => {
                self.router.spawn(Pipe::new(), command).own_process_group().duplex(hear)?
            }
            Transport::Shm => {
                self.router.spawn(Shm::new(), command).own_process_group().duplex(hear)?
            }
        };
        if let Some(after) = self.crash {
            remote.send(Order::Crash(after))?;
        }
        Ok(worker.process_id())
    }

    /// A worker has something to say, or has ended.
    fn hear(&mut self, number: usize, event: Event<Beat>) {
        match event {
            Event::Message(Beat { count }) => {
                if let Some(place) = self.workers.get_mut(number) {
                    place.beats = count;
                }
            }
            Event::Ended(End::Finished) if self.ending => {}
            // The grace is over.
            Event::Ended(End::Closed) => self.killed += 1,
            Event::Ended(end) => {
                if let Some(place) = self.workers.get_mut(number) {
                    place.deaths += 1;
                    if place.started.elapsed() >= STEADY {
                        place.pause = FIRST_PAUSE;
                    }
                }
                self.start_later(number, &end.to_string());
            }
        }
    }

    /// Starts the worker of a place again after its pause, which is longer the next time.
    fn start_later(&mut self, number: usize, why: &str) {
        if self.ending {
            println!("worker {number}: {why}");
            return;
        }
        let Some(place) = self.workers.get_mut(number) else { return };
        let pause = place.pause;
        place.pause = (pause * 2).min(LONGEST_PAUSE);
        println!("worker {number}: {why}; again in {} ms", pause.as_millis());
        let timer = insert(&self.handle, Timer::from_duration(pause), move |_, (), daemon| {
            daemon.start(number);
            TimeoutAction::Drop
        });
        if let Err(error) = timer {
            println!("worker {number}: cannot be started again: {error:#}");
        }
    }

    fn report(&self) {
        for (number, Place { beats, deaths, .. }) in self.workers.iter().enumerate() {
            println!("worker {number}: {beats} beats, has died {deaths} times");
        }
    }

    fn end(&mut self, why: &str) {
        println!("{why}: ending");
        self.ending = true;
    }
}
