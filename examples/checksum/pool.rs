//! The pool of workers, as the main thread sees it.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::process::{ChildStdin, Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use homing::channel::{Channel, ChannelFactory};
use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::{End, Event, Exit, Link, Lost, Overflow, Router, Worker};

use crate::args::{Args, Transport};
use crate::files::Files;
use crate::progress::Bars;
use crate::work::{self, Job, Outcome, Progress, Report};

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
    feed: Feed,
    /// The files that the worker has.
    has: Vec<usize>,
}

/// How a worker gets its jobs.
enum Feed {
    Process(Worker<App>, ChildStdin),
    Thread(mpsc::Sender<Job>),
    /// There is none.
    Closed,
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
        let feed = app.start(place)?;
        app.workers.push(Member { feed, has: Vec::new() });
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

    // Workers end when there are no more jobs; `stop` kills those that do not.
    app.workers.iter_mut().for_each(|member| member.feed = Feed::Closed);
    let all_ended = |app: &mut App| app.router.open_pipes() == 0;
    if router.route_until(&mut app, all_ended, Some(GRACE)).is_err() {
        app.bars.say("checksum: some workers do not end and are killed");
    }
    router.stop(&mut app)?;
    app.bars.clear();
    match app.failure {
        Some(failure) => Err(failure),
        None => app.outcomes.into_iter().collect::<Option<_>>().context("a file was forgotten"),
    }
}

impl App {
    fn start(&self, place: usize) -> anyhow::Result<Feed> {
        match &self.threads {
            Some(link) => self.start_thread(place, link),
            None => self.start_process(place),
        }
    }

    /// Starts a worker process. Its first pipe brings reports; the ticket of its second one,
    /// for progress, is the first line of its standard input.
    fn start_process(&self, place: usize) -> anyhow::Result<Feed> {
        let mut command = Command::new(std::env::current_exe()?);
        command.stdin(Stdio::piped());
        let hear = move |app: &mut App, event: Event<Report>| app.hear(place, event);
        let (worker, _) = match self.transport {
            #[cfg(target_os = "linux")]
            Transport::Shm => self.router.spawn(Shm::new(), command).pipe(hear)?,
            _ => self.router.spawn(Pipe::new(), command).pipe(hear)?,
        };
        let (ticket, _) = worker.pipe_with(Overflow::LatestWins, move |app: &mut App, event| {
            app.hear_progress(place, event);
        })?;
        let mut input = worker.take_stdin().context("the worker has no standard input")?;
        // A worker that is dead already is reported by its pipe.
        let _ = writeln!(input, "{ticket}");
        Ok(Feed::Process(worker, input))
    }

    fn start_thread(&self, place: usize, link: &Link<App, ChannelFactory>) -> anyhow::Result<Feed> {
        let (reports, _) = link.pipe(move |app: &mut App, event| app.hear(place, event))?;
        let (progress, _) = link.pipe_with(Overflow::LatestWins, move |app: &mut App, event| {
            app.hear_progress(place, event);
        })?;
        let (feed, jobs) = mpsc::channel();
        thread::Builder::new().spawn(move || {
            let result = work::work(jobs.into_iter().map(Ok), reports, progress);
            // It fails only when the main thread is gone.
            debug_assert!(result.is_ok(), "{result:?}");
        })?;
        Ok(Feed::Thread(feed))
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
            Event::Ended(End::Finished | End::Closed) => {}
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
        let member = &mut self.workers[place];
        member.feed = Feed::Closed;
        for index in std::mem::take(&mut member.has) {
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
            Ok(feed) => {
                self.workers[place].feed = feed;
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
            member.feed.give(Job { index, path: self.files.get(index).to_owned() });
        }
    }

    /// Kills a worker process, whichever it hits.
    fn kill_somebody(&self) -> anyhow::Result<()> {
        let random = RandomState::new().hash_one(()) as usize;
        if let Some(Member { feed: Feed::Process(worker, _), .. }) =
            self.workers.get(random % self.workers.len().max(1))
        {
            worker.kill()?;
        }
        Ok(())
    }
}

impl Feed {
    /// Hands a job over. If the worker is dead, its pipe tells, and the job is given to
    /// another.
    fn give(&mut self, job: Job) {
        match self {
            Feed::Process(_, input) => {
                let _ = job.write(input);
            }
            Feed::Thread(jobs) => {
                let _ = jobs.send(job);
            }
            Feed::Closed => {}
        }
    }
}
