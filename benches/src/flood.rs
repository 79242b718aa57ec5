//! How long an event loop's other work waits while workers send as fast as they can.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use calloop::timer::{TimeoutAction, Timer};
use homing::calloop::CalloopBinding;
use homing::channel::Channel;
use homing::std_loop::EventLoop;
use homing::task::TaskDriver;
use homing::{Event, Router};

use crate::measure::Sorted;
use crate::memory::Counting;
use crate::row::{Figure, Goal, Row, Settings};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "flood-gap-std",
        unit: "ms",
        goal: Goal::AtMost(50.0),
        measure: |settings| worst_gap(settings, std_loop),
    },
    Row {
        name: "flood-gap-calloop",
        unit: "ms",
        goal: Goal::AtMost(50.0),
        measure: |settings| worst_gap(settings, calloop),
    },
    Row {
        name: "flood-gap-tokio",
        unit: "ms",
        goal: Goal::AtMost(50.0),
        measure: |settings| worst_gap(settings, tokio),
    },
    Row {
        name: "flood-gap-smol",
        unit: "ms",
        goal: Goal::AtMost(50.0),
        measure: |settings| worst_gap(settings, smol),
    },
];

/// How many threads send.
const WORKERS: usize = 4;

/// What the foreground does for each message.
const WORK: Duration = Duration::from_micros(10);

/// How much memory a flood may take that goes on, in bytes: its links are bounded.
const MOST_MEMORY: isize = 1 << 20;

/// How often the loop is to tick, as a window redraws.
const TICK: Duration = Duration::from_millis(16);

/// The median of three runs of the longest time between two ticks.
pub(crate) fn worst_gap(
    settings: &Settings,
    run: fn(Duration) -> anyhow::Result<App>,
) -> anyhow::Result<Figure> {
    let time = settings.pick(Duration::from_secs(2), Duration::from_millis(500));
    let mut gaps = Vec::new();
    for _ in 0..3 {
        let app = run(time)?;
        ensure!(app.got > 0, "no message came");
        gaps.push(app.worst_gap.as_secs_f64() * 1e3);
    }
    Ok(Figure::alone(Sorted::new(gaps).quantile(0.5)))
}

/// What the loop works on.
pub(crate) struct App {
    got: u64,
    last_tick: Instant,
    worst_gap: Duration,
    end: Instant,
    memory: isize,
}

impl App {
    pub(crate) fn new(time: Duration) -> Self {
        let now = Instant::now();
        let memory = Counting::begin();
        Self { got: 0, last_tick: now, worst_gap: Duration::ZERO, end: now + time, memory }
    }

    fn hear(&mut self, event: Event<u64>) {
        if let Event::Message(_) = event {
            self.got += 1;
            let begin = Instant::now();
            while begin.elapsed() < WORK {
                std::hint::spin_loop();
            }
        }
    }

    /// The loop's other work.
    pub(crate) fn tick(&mut self) {
        let now = Instant::now();
        self.worst_gap = self.worst_gap.max(now - self.last_tick);
        self.last_tick = now;
    }

    pub(crate) fn next_tick(&self) -> Instant {
        self.last_tick + TICK
    }

    /// The one who looks must have been let in for that.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }
}

/// Starts the router, and workers that send until it has stopped.
pub(crate) fn flood(router: &Router<App>) -> anyhow::Result<Vec<thread::JoinHandle<()>>> {
    router.start()?;
    let link = || router.link(Channel::new());
    let start = |_| {
        let (mut sender, _) = link()?.pipe(App::hear)?;
        sender.start()?;
        Ok(thread::spawn(move || while sender.send(0).is_ok() {}))
    };
    (0..WORKERS).map(start).collect()
}

/// Stops the router; then all workers end.
pub(crate) fn end(
    router: &Router<App>,
    mut app: App,
    workers: Vec<thread::JoinHandle<()>>,
) -> anyhow::Result<App> {
    app.tick();
    let taken = Counting::end() - app.memory;
    ensure!(taken < MOST_MEMORY, "the flood has taken {taken} bytes");
    router.stop(&mut app)?;
    for worker in workers {
        ensure!(worker.join().is_ok(), "a worker has panicked");
    }
    Ok(app)
}

fn std_loop(time: Duration) -> anyhow::Result<App> {
    let mut event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    let workers = flood(&router)?;
    let mut app = App::new(time);
    while !app.is_over() {
        let left = app.next_tick().saturating_duration_since(Instant::now());
        event_loop.turn(&router, &mut app, Some(left))?;
        if app.next_tick() <= Instant::now() {
            app.tick();
        }
    }
    end(&router, app, workers)
}

fn calloop(time: Duration) -> anyhow::Result<App> {
    let mut event_loop = calloop::EventLoop::<App>::try_new()?;
    let binding = CalloopBinding::new()?;
    let router = Router::new(&binding);
    let handle = event_loop.handle();
    handle
        .insert_source(binding.into_source(&router), |(), router, app| router.dispatch(app))
        .map_err(|error| error.error)?;
    handle
        .insert_source(Timer::from_duration(TICK), |_, (), app| {
            app.tick();
            TimeoutAction::ToDuration(TICK)
        })
        .map_err(|error| error.error)?;
    let workers = flood(&router)?;
    let mut app = App::new(time);
    while !app.is_over() {
        event_loop.dispatch(None, &mut app)?;
    }
    end(&router, app, workers)
}

/// The ticks are a task, and another one drives the router.
fn tokio(time: Duration) -> anyhow::Result<App> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let tasks = tokio::task::LocalSet::new();
    by_tasks(time, |shared, routing| {
        tasks.spawn_local(routing);
        tasks.block_on(&runtime, async {
            while !shared.app.borrow().is_over() {
                tokio::time::sleep(TICK).await;
                shared.app.borrow_mut().tick();
            }
        });
    })
}

fn smol(time: Duration) -> anyhow::Result<App> {
    let tasks = smol::LocalExecutor::new();
    by_tasks(time, |shared, routing| {
        tasks.spawn(routing).detach();
        smol::block_on(tasks.run(async {
            while !shared.app.borrow().is_over() {
                smol::Timer::after(TICK).await;
                shared.app.borrow_mut().tick();
            }
        }));
    })
}

/// What the tasks of one thread share.
struct Shared {
    binding: TaskDriver,
    router: Router<App>,
    app: RefCell<App>,
}

fn by_tasks(
    time: Duration,
    run: impl FnOnce(&Shared, Pin<Box<dyn Future<Output = ()>>>),
) -> anyhow::Result<App> {
    let binding = TaskDriver::new();
    let router = Router::new(&binding);
    let workers = flood(&router)?;
    let shared =
        Rc::new(Shared { binding, router: router.clone(), app: RefCell::new(App::new(time)) });
    let routing = {
        let shared = Rc::clone(&shared);
        async move {
            loop {
                shared.binding.due(&shared.router).await;
                // What it leaves is due in the next turn.
                let _ = shared.router.dispatch(&mut shared.app.borrow_mut());
            }
        }
    };
    run(&shared, Box::pin(routing));
    end(&router, shared.app.replace(App::new(Duration::ZERO)), workers)
}
