//! What an idle router does: nothing.

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use homing::pipe::Pipe;
use homing::std_loop::EventLoop;
use homing::{Dispatched, Router, Worker, from_fn};

use crate::role::Role;
use crate::row::{Figure, Goal, Row, Settings};
use crate::tally::Tally;

pub(crate) const ROWS: &[Row] = &[
    Row { name: "idle-wakeups", unit: "", goal: Goal::AtMost(0.0), measure: std_loop },
    Row { name: "idle-wakeups-monitor", unit: "", goal: Goal::AtMost(0.0), measure: monitor },
];

/// How many worker processes have nothing to say.
const WORKERS: u64 = 100;

/// How long whatever the beginning has stirred up may go on.
const SETTLE: Duration = Duration::from_millis(500);

/// While the std loop waits for the doorbells itself.
fn std_loop(settings: &Settings) -> anyhow::Result<Figure> {
    let mut event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    router.start()?;
    let _workers = spawn(&router)?;
    let mut tally = Tally::default();
    event_loop.run_until(&router, &mut tally, |tally| {
        tally.got == WORKERS || router.open_pipes() < WORKERS as usize
    })?;
    tally.check(WORKERS)?;

    let handle = event_loop.handle();
    let sampler = Sampler::start(settings, move || handle.stop());
    event_loop.run(&router, &mut tally)?;
    ensure!(tally.ended == 0, "a worker has ended");
    sampler.finish()
}

/// While a monitor thread waits for the doorbells, for a loop that is pinged.
fn monitor(settings: &Settings) -> anyhow::Result<Figure> {
    let (post, events) = mpsc::channel();
    let pinger = post.clone();
    // A loop that is gone needs no ping.
    let router = Router::new(from_fn(move || drop(pinger.send(Happening::Ping))));
    router.start()?;
    let _workers = spawn(&router)?;
    let mut tally = Tally::default();
    let again = post.clone();
    let turn = |tally: &mut Tally| {
        let happening = events.recv()?;
        if let Happening::Ping = happening
            && router.dispatch(tally) == Dispatched::Again
        {
            again.send(Happening::Ping)?;
        }
        anyhow::Ok(happening)
    };
    while tally.got < WORKERS && tally.ended == 0 {
        turn(&mut tally)?;
    }
    tally.check(WORKERS)?;

    let sampler = Sampler::start(settings, move || drop(post.send(Happening::Stop)));
    while let Happening::Ping = turn(&mut tally)? {}
    ensure!(tally.ended == 0, "a worker has ended");
    sampler.finish()
}

enum Happening {
    Ping,
    Stop,
}

/// Starts all workers. Each says once that it is there.
fn spawn(router: &Router<Tally>) -> anyhow::Result<Vec<Worker<Tally>>> {
    let spawn = |_| {
        let (worker, _) = router.spawn(Pipe::new(), Role::Idle.command()?).pipe(Tally::hear)?;
        Ok(worker)
    };
    (0..WORKERS).map(spawn).collect()
}

/// A thread that looks twice at how often the others were switched away from, and sleeps in
/// between.
struct Sampler(thread::JoinHandle<anyhow::Result<u64>>);

impl Sampler {
    /// `done` is called when it has seen enough.
    fn start(settings: &Settings, done: impl FnOnce() + Send + 'static) -> Self {
        let time = settings.pick(Duration::from_secs(10), Duration::from_secs(3));
        Self(thread::spawn(move || {
            thread::sleep(SETTLE);
            let before = switches();
            thread::sleep(time);
            let after = switches();
            done();
            Ok(after?.saturating_sub(before?))
        }))
    }

    /// How often threads have woken.
    fn finish(self) -> anyhow::Result<Figure> {
        let count = self.0.join().map_err(|_| anyhow!("the sampling thread has panicked"))??;
        Ok(Figure::alone(count as f64))
    }
}

/// How often the threads of this process, but for the one that asks, were switched away from:
/// once each time that they went back to sleep.
fn switches() -> anyhow::Result<u64> {
    let own = rustix::thread::gettid().as_raw_nonzero().to_string();
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?;
        if task.file_name() == own.as_str() {
            continue;
        }
        let status = fs::read_to_string(task.path().join("status"))?;
        for line in status.lines() {
            if let Some((name, count)) = line.split_once(':')
                && name.ends_with("voluntary_ctxt_switches")
            {
                sum += count.trim().parse::<u64>().context("a count of switches")?;
            }
        }
    }
    Ok(sum)
}
