//! The pool of workers, as the main thread sees it.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::process::Command;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use homing::channel::{Channel, ChannelFactory};
use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::{End, Event, Exit, Link, Lost, Overflow, RemoteHandle, Router, Worker};

use crate::args::{Args, Transport};
use crate::files::Files;
use crate::progress::Bars;
use crate::work::{self, Job, Order, Outcome, Progress, Report};

/// How many files a worker has at once, so that it never waits for the next.
const AT_ONCE: usize = 2;

/// How many workers may die with the same file.
const MOST_DEATHS: u32 = 20;

/// How long workers may take to end when there is nothing left to do.
const GRACE: Duration = Duration::from_secs(10);

/// The application. All of it is the main thread's.
struct App {
    router: Router<App>,
    files: Rc<Files>,
    outcomes: Vec<Option<Outcome>>,
    /// How many workers have died with each file.
    deaths: Vec<u32>,
    left: usize,
    queue: VecDeque<usize>,
    workers: Vec<Member>,
    bars: Bars,
    transport: Transport,
    /// The link of worker threads, unless the workers are processes.
    threads: Option<Link<App, ChannelFactory>>,
    failure: Option<anyhow::Error>,
}

/// A place in the pool, and the worker that has it now.
struct Member {
    /// `None` for a thread.
    process: Option<Worker<App>>,
    orders: RemoteHandle<Order>,
    /// The files that the worker has.
    has: Vec<usize>,
}

/// Digests all files, and says what became of each.
pub fn run(args: &Args, files: Rc<Files>) -> anyhow::Result<Vec<Outcome>> {
    let chaos = args.chaos()?;
    let mut event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    router.start()?;

    let count = files.len();
    let workers = args.workers().min(count);
    let mut app = App {
        router: router.clone(),
        outcomes: vec![None; count],
        deaths: vec![0; count],
        left: count,
        queue: (0..count).collect(),
        workers: Vec::new(),
        bars: Bars::new(workers, count),
        threads: match args.transport {
            Transport::Channel => Some(router.link(Channel::new())?),
            _ => None,
        },
        transport: args.transport,
        failure: None,
        files,
    };
    for place in 0..workers {
        let member = app.start(place)?;
        app.workers.push(member);
        app.assign(place);
    }

    let mut next_kill = chaos.map(|every| Instant::now() + every);
    while app.left > 0 && app.failure.is_none() {
        let wait = next_kill.map(|at| at.saturating_duration_since(Instant::now()));
        event_loop.turn(&router, &mut app, wait)?;
        if let (Some(at), Some(every)) = (next_kill, chaos)
            && at <= Instant::now()
        {
            app.kill_somebody()?;
            next_kill = Some(Instant::now() + every);
        }
    }

    router.shutdown(&mut app, GRACE)?;
    app.bars.clear();
    match app.failure {
        Some(failure) => Err(failure),
        None => app.outcomes.into_iter().collect::<Option<_>>().context("a file was forgotten"),
    }
}

impl App {
    fn start(&self, place: usize) -> anyhow::Result<Member> {
        match &self.threads {
            Some(link) => Self::start_thread(place, link),
            None => self.start_process(place),
        }
    }

    /// Starts a worker process. Its first pipe takes orders and brings reports; the first order
    /// is the ticket of its second one, for progress.
    fn start_process(&self, place: usize) -> anyhow::Result<Member> {
        let command = Command::new(std::env::current_exe()?);
        let hear = move |app: &mut App, event| app.hear(place, event);
        let (worker, remote, _) = match self.transport {
            #[cfg(target_os = "linux")]
            Transport::Shm => self.router.spawn(Shm::new(), command).duplex(hear)?,
            _ => self.router.spawn(Pipe::new(), command).duplex(hear)?,
        };
        let hear = move |app: &mut App, event| app.hear_progress(place, event);
        let (ticket, _) = worker.pipe_with(Overflow::LatestWins, hear)?;
        remote.send(Order::Progress(ticket))?;
        Ok(Member { process: Some(worker), orders: remote.handle(), has: Vec::new() })
    }

    fn start_thread(place: usize, link: &Link<App, ChannelFactory>) -> anyhow::Result<Member> {
        let hear = move |app: &mut App, event| app.hear(place, event);
        let ((mut orders, mut reports), remote, _) = link.duplex(hear)?;
        let hear = move |app: &mut App, event| app.hear_progress(place, event);
        let (mut progress, _) = link.pipe_with(Overflow::LatestWins, hear)?;
        thread::Builder::new().spawn(move || {
            reports.scope(|reports| work::work(&mut orders, reports, &mut progress))
        })?;
        Ok(Member { process: None, orders: remote.handle(), has: Vec::new() })
    }

    /// A worker has something to say.
    fn hear(&mut self, place: usize, event: Event<Report>) {
        match event {
            Event::Message(Report { index, outcome }) => {
                self.workers[place].has.retain(|has| *has != index);
                self.finish(index, outcome);
                self.assign(place);
            }
            // There was nothing left to do.
            Event::Ended(End::Finished) => {}
            Event::Ended(End::Closed) => {
                self.bars.say(&format!("checksum: worker {place} does not end and is killed"));
            }
            Event::Ended(end) => self.replace(place, end),
        }
    }

    fn hear_progress(&mut self, place: usize, event: Event<Progress>) {
        // How the worker ended is told by its other pipe.
        if let Event::Message(Progress { index, bytes }) = event {
            self.bars.read(place, self.files.get(index), bytes);
        }
    }

    /// A worker has died: its files go to others, its place to a new one.
    fn replace(&mut self, place: usize, end: End) {
        self.bars.say(&format!("checksum: worker {place}: {end}"));
        for index in std::mem::take(&mut self.workers[place].has) {
            self.deaths[index] += 1;
            if self.deaths[index] < MOST_DEATHS {
                self.queue.push_front(index);
            } else {
                self.finish(index, Err(format!("{MOST_DEATHS} workers died with it")));
            }
        }
        if self.left == 0 {
            return;
        }
        // A worker that fails, or ends with an exit code of its own, will do so again.
        let started = match end {
            End::Failed { .. } | End::Lost(Lost { exit: Some(Exit::Code(_)), .. }) => {
                Err(anyhow::anyhow!("{end}"))
            }
            _ => self.start(place),
        };
        match started {
            Ok(member) => {
                self.workers[place] = member;
                self.assign(place);
            }
            Err(error) => self.failure = Some(error),
        }
    }

    fn finish(&mut self, index: usize, outcome: Outcome) {
        if self.outcomes[index].replace(outcome).is_none() {
            self.left -= 1;
            self.bars.done();
        }
    }

    /// Gives a worker as many files as it is to have.
    fn assign(&mut self, place: usize) {
        let member = &mut self.workers[place];
        while member.has.len() < AT_ONCE
            && let Some(index) = self.queue.pop_front()
        {
            member.has.push(index);
            let path = self.files.get(index).as_os_str().to_owned();
            // The pipe of a worker that has died tells, and the file is given to another.
            let _ = member.orders.send(Order::Digest(Job { index, path }));
        }
    }

    /// Kills a worker process, whichever it hits.
    fn kill_somebody(&self) -> anyhow::Result<()> {
        let random = RandomState::new().hash_one(()) as usize;
        let member = self.workers.get(random % self.workers.len().max(1));
        if let Some(Member { process: Some(worker), .. }) = member {
            worker.kill()?;
        }
        Ok(())
    }
}
