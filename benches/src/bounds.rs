//! What one worker may cost the foreground and the other workers.

use std::cell::RefCell;
use std::io::Write as _;
use std::marker::PhantomData;
use std::process::ChildStdin;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use homing::channel::Channel;
use homing::pipe::Pipe;
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::{Disconnected, Event, ProcessTransport, Router, Worker, worker};
use rustix::time::{ClockId, clock_gettime};

use crate::measure::{Sorted, alternate, nanos_each};
use crate::place::Place;
use crate::role::Role;
use crate::row::{Figure, Goal, Row, Settings};
use crate::tally::{Message, Tally, message};
use crate::wake::{Latencies, stamp};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "stop-100k-pipes", unit: "ns", goal: Goal::AtMost(1000.0), measure: stop },
    quiet("quiet-channel-p50", |settings| beside_flood::<Threads>(settings, 0.5)),
    quiet("quiet-channel-p99", |settings| beside_flood::<Threads>(settings, 0.99)),
    quiet("quiet-pipe-p50", |settings| beside_flood::<Processes<Pipe>>(settings, 0.5)),
    quiet("quiet-pipe-p99", |settings| beside_flood::<Processes<Pipe>>(settings, 0.99)),
    quiet("quiet-shm-p50", |settings| beside_flood::<Processes<Shm>>(settings, 0.5)),
    quiet("quiet-shm-p99", |settings| beside_flood::<Processes<Shm>>(settings, 0.99)),
    Row {
        name: "slow-writer-cpu",
        unit: "µs",
        goal: Goal::RatioAtMost(1.1),
        measure: slow_writers,
    },
];

const fn quiet(name: &'static str, measure: fn(&Settings) -> anyhow::Result<Figure>) -> Row {
    Row { name, unit: "µs", goal: Goal::RatioAtMost(3.0), measure }
}

const PIPES: u64 = 100_000;

/// How long `stop` takes for each of many pipes.
fn stop(settings: &Settings) -> anyhow::Result<Figure> {
    let mut times = Vec::new();
    for _ in 0..settings.pick(9, 5) {
        let event_loop = EventLoop::new()?;
        let router = Router::new(&event_loop);
        router.start()?;
        let link = router.link(Channel::new())?;
        let mut senders = Vec::new();
        for _ in 0..PIPES {
            let (mut sender, _) = link.pipe(Tally::hear)?;
            sender.start()?;
            senders.push(sender);
        }
        let mut tally = Tally::default();
        let began = Instant::now();
        router.stop(&mut tally)?;
        times.push(nanos_each(PIPES, began.elapsed()));
        ensure!(tally.ended == PIPES as usize, "{} of the pipes were told", tally.ended);
    }
    Ok(Figure::alone(Sorted::new(times).quantile(0.5)))
}

/// How many workers write a row a millisecond.
const WRITERS: usize = 16;

/// A row of an image, in bytes.
const ROW_LEN: usize = 2048;

/// The foreground's processor time for each row of slow writers, beside the same where links do
/// not wait on the processor for more.
fn slow_writers(settings: &Settings) -> anyhow::Result<Figure> {
    let mut with = SlowWriters::start(Shm::new())?;
    let mut without = SlowWriters::start(Shm::new().coalesce(false))?;
    let rows = settings.pick(500, 200);
    alternate(settings.pick(15, 7), || with.run(rows), || without.run(rows))
}

struct SlowWriters {
    event_loop: EventLoop,
    router: Router<Tally>,
    orders: Vec<ChildStdin>,
}

impl SlowWriters {
    fn start(transport: Shm) -> anyhow::Result<Self> {
        let event_loop = EventLoop::new()?;
        let router = Router::new(&event_loop);
        router.start()?;
        let mut orders = Vec::new();
        for _ in 0..WRITERS {
            let spawn = router.spawn(transport.clone(), Role::SendRows.command()?);
            let (worker, _) =
                spawn.pipe(|tally: &mut Tally, event: Event<Vec<u8>>| match event {
                    Event::Message(_) => tally.got += 1,
                    Event::Ended(_) => tally.ended += 1,
                })?;
            orders.push(worker.take_stdin().context("a standard input")?);
        }
        Ok(Self { event_loop, router, orders })
    }

    /// In microseconds for each row.
    fn run(&mut self, rows: u64) -> anyhow::Result<f64> {
        let mut tally = Tally::default();
        for orders in &mut self.orders {
            orders.write_all(format!("{rows}\n").as_bytes())?;
        }
        let all = rows * WRITERS as u64;
        let before = cpu_time();
        self.event_loop
            .run_until(&self.router, &mut tally, |tally| tally.got >= all || tally.ended > 0)?;
        let taken = cpu_time().saturating_sub(before);
        tally.check(all)?;
        Ok(nanos_each(all, taken) / 1e3)
    }
}

/// The processor time of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// The worker: so many rows, one a millisecond.
pub(crate) fn send_rows(sender: &mut worker::Sender<Vec<u8>>, count: u64) -> anyhow::Result<()> {
    for _ in 0..count {
        thread::sleep(Duration::from_millis(1));
        sender.send(vec![7; ROW_LEN]).map_err(|_| Disconnected)?;
    }
    Ok(())
}

const QUIET: usize = 63;

/// What the handlers work on.
#[derive(Default)]
pub(crate) struct App {
    latencies: Latencies,
    flood: u64,
    ended: usize,
}

impl App {
    fn hear_stamp(&mut self, event: Event<u64>) {
        match event {
            Event::Message(sent) => self.latencies.note(sent),
            Event::Ended(_) => self.ended += 1,
        }
    }

    fn hear_flood(&mut self, event: Event<Message>) {
        match event {
            Event::Message(_) => self.flood += 1,
            Event::Ended(_) => self.ended += 1,
        }
    }
}

/// Workers of one kind, which do what they are ordered.
trait Workers: Sized {
    /// How many messages last longer than the quiet workers take.
    const FLOOD: u64;

    fn start(router: &Router<App>) -> anyhow::Result<Self>;
    /// Has every quiet worker send so many messages.
    fn stamp(&mut self, count: u64) -> anyhow::Result<()>;
    fn flood(&mut self, count: u64) -> anyhow::Result<()>;
}

/// The latency of quiet pipes beside one that floods, against the same without the flood.
fn beside_flood<W: Workers>(settings: &Settings, part: f64) -> anyhow::Result<Figure> {
    let mut event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    router.start()?;
    let workers = W::start(&router)?;
    let _pinned = Place::Apart.foreground();
    let shared = RefCell::new((App::default(), workers));
    let count = settings.pick(20, 10);
    let event_loop = RefCell::new(&mut event_loop);
    let run = |flood: u64| -> anyhow::Result<f64> {
        let (app, workers) = &mut *shared.borrow_mut();
        *app = App::default();
        if flood > 0 {
            workers.flood(flood)?;
        }
        workers.stamp(count)?;
        let mut event_loop = event_loop.borrow_mut();
        event_loop.run_until(&router, app, |app| {
            app.latencies.count() >= count * QUIET as u64 || app.ended > 0
        })?;
        ensure!(app.ended == 0, "a worker has ended");
        ensure!(flood == 0 || app.flood < flood, "the flood was over before the quiet workers");
        event_loop.run_until(&router, app, |app| app.flood >= flood || app.ended > 0)?;
        Ok(std::mem::take(&mut app.latencies).quantile(part))
    };
    let figure = alternate(settings.pick(9, 5), || run(W::FLOOD), || run(0));
    let (mut app, workers) = shared.into_inner();
    router.stop(&mut app)?;
    drop(workers);
    figure
}

/// Threads of this process.
struct Threads {
    quiet: Vec<mpsc::Sender<u64>>,
    flood: mpsc::Sender<u64>,
}

impl Workers for Threads {
    const FLOOD: u64 = 8_000_000;

    fn start(router: &Router<App>) -> anyhow::Result<Self> {
        let quiet = (0..QUIET).map(|_| {
            let (mut sender, _) = router.link(Channel::new())?.pipe(App::hear_stamp)?;
            sender.start()?;
            let (orders, order) = mpsc::channel();
            thread::spawn(move || {
                let _pinned = Place::Apart.background();
                for count in order {
                    let send = |now| Ok(sender.send(now).map_err(|_| Disconnected)?);
                    if stamp(count, send).is_err() {
                        return;
                    }
                }
            });
            anyhow::Ok(orders)
        });
        let quiet = quiet.collect::<Result<_, _>>()?;
        let (mut sender, _) = router.link(Channel::new())?.pipe(App::hear_flood)?;
        sender.start()?;
        let (flood, order) = mpsc::channel::<u64>();
        thread::spawn(move || {
            let _pinned = Place::Apart.background();
            for count in order {
                for number in 0..count {
                    if sender.send(message(number)).is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Self { quiet, flood })
    }

    fn stamp(&mut self, count: u64) -> anyhow::Result<()> {
        for orders in &self.quiet {
            orders.send(count)?;
        }
        Ok(())
    }

    fn flood(&mut self, count: u64) -> anyhow::Result<()> {
        Ok(self.flood.send(count)?)
    }
}

/// Worker processes.
struct Processes<T> {
    quiet: Vec<ChildStdin>,
    flood: ChildStdin,
    _workers: Vec<Worker<App>>,
    _transport: PhantomData<T>,
}

impl<T: ProcessTransport + Default> Workers for Processes<T> {
    const FLOOD: u64 = 8_000_000;

    fn start(router: &Router<App>) -> anyhow::Result<Self> {
        let mut workers = Vec::new();
        let mut quiet = Vec::new();
        for _ in 0..QUIET {
            let spawn = router.spawn(T::default(), Role::Stamp.command()?);
            let (worker, _) = spawn.pipe(App::hear_stamp)?;
            quiet.push(worker.take_stdin().context("a standard input")?);
            workers.push(worker);
        }
        let spawn = router.spawn(T::default(), Role::Send.command()?);
        let (worker, _) = spawn.pipe(App::hear_flood)?;
        let flood = worker.take_stdin().context("a standard input")?;
        workers.push(worker);
        Ok(Self { quiet, flood, _workers: workers, _transport: PhantomData })
    }

    fn stamp(&mut self, count: u64) -> anyhow::Result<()> {
        for orders in &mut self.quiet {
            orders.write_all(format!("{count}\n").as_bytes())?;
        }
        Ok(())
    }

    fn flood(&mut self, count: u64) -> anyhow::Result<()> {
        Ok(self.flood.write_all(format!("{count}\n").as_bytes())?)
    }
}
