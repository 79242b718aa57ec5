//! The way from the foreground to a worker: commands, questions, cancellation.

use std::cell::RefCell;
use std::thread;
use std::time::Instant;

use homing::ProcessTransport;
use homing::pipe::Pipe;
use homing::shm::Shm;

use crate::command::{BarePair, Command, Commanded};
use crate::measure::{Sorted, side_by_side};
use crate::place::Place;
use crate::role::Role;
use crate::row::{Figure, Goal, Row, Settings};
use crate::wake::{PAUSE, now};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "command-wake-pipe",
        unit: "µs",
        goal: Goal::RatioAtMost(1.25),
        measure: |settings| command_wake(settings, Pipe::new(), BarePair::pipes(Role::BareTell)?),
    },
    Row {
        name: "command-wake-shm",
        unit: "µs",
        goal: Goal::RatioAtMost(1.25),
        measure: |settings| {
            command_wake(settings, Shm::new(), BarePair::sockets(Role::BarePollTell)?)
        },
    },
    Row {
        name: "ask-pipe",
        unit: "µs",
        goal: Goal::RatioAtMost(1.3),
        measure: |settings| ask(settings, Pipe::new(), BarePair::pipes(Role::BareEcho)?),
    },
    Row {
        name: "ask-shm",
        unit: "µs",
        goal: Goal::RatioAtMost(1.3),
        measure: |settings| ask(settings, Shm::new(), BarePair::eventfds(Role::BareEcho)?),
    },
    Row {
        name: "cancel-look-pipe",
        unit: "ns",
        goal: Goal::AtMost(2.0),
        measure: |settings| cancel_look(settings, Pipe::new()),
    },
    Row {
        name: "cancel-look-shm",
        unit: "ns",
        goal: Goal::AtMost(2.0),
        measure: |settings| cancel_look(settings, Shm::new()),
    },
    Row {
        name: "cancel-seen-pipe",
        unit: "µs",
        goal: Goal::RatioAtMost(2.0),
        measure: |settings| cancel_seen(settings, Pipe::new()),
    },
    Row {
        name: "cancel-seen-shm",
        unit: "µs",
        goal: Goal::RatioAtMost(2.0),
        measure: |settings| cancel_seen(settings, Shm::new()),
    },
];

/// The median of so many times in nanoseconds, in microseconds.
fn p50(count: u64, mut time: impl FnMut() -> anyhow::Result<u64>) -> anyhow::Result<f64> {
    let times = (0..count).map(|_| Ok(time()? as f64 / 1e3)).collect::<anyhow::Result<_>>()?;
    Ok(Sorted::new(times).quantile(0.5))
}

/// From the foreground to a worker that sleeps in `recv`, beside a read that blocks, or what wakes
/// a worker on shared memory: a byte on a socket that is polled.
fn command_wake(
    settings: &Settings,
    transport: impl ProcessTransport,
    bare: BarePair,
) -> anyhow::Result<Figure> {
    let count = settings.pick(100, 40);
    let mut commanded = Commanded::spawn(transport, Role::Obey)?;
    // Not before: they would inherit it.
    let _pinned = Place::Apart.foreground();
    let ours = || {
        thread::sleep(PAUSE);
        commanded.send(Command::Stamp(now()))?;
        commanded.next()
    };
    side_by_side(settings, median_of(count, ours), median_of(count, || bare_wake(&bare)))
}

/// As [`p50`], later.
fn median_of(
    count: u64,
    mut time: impl FnMut() -> anyhow::Result<u64>,
) -> impl FnMut() -> anyhow::Result<f64> {
    move || p50(count, &mut time)
}

fn bare_wake(bare: &BarePair) -> anyhow::Result<u64> {
    thread::sleep(PAUSE);
    bare.write(now())?;
    bare.read()
}

/// A question and its answer, beside a number that is written back.
fn ask(
    settings: &Settings,
    transport: impl ProcessTransport,
    bare: BarePair,
) -> anyhow::Result<Figure> {
    let count = settings.pick(2_000, 500);
    let mut commanded = Commanded::spawn(transport, Role::Obey)?;
    let _pinned = Place::Apart.foreground();
    let elapsed = |begin: Instant| begin.elapsed().as_nanos() as u64;
    let ours = || {
        let begin = Instant::now();
        commanded.ask(|reply| Command::Echo(1, reply))?;
        Ok(elapsed(begin))
    };
    let theirs = || {
        let begin = Instant::now();
        bare.write(1)?;
        bare.read()?;
        Ok(elapsed(begin))
    };
    side_by_side(settings, median_of(count, ours), median_of(count, theirs))
}

/// One look of a worker, beside an atomic load.
fn cancel_look(settings: &Settings, transport: impl ProcessTransport) -> anyhow::Result<Figure> {
    let count = settings.pick(5_000_000, 1_000_000);
    let commanded = RefCell::new(Commanded::spawn(transport, Role::Obey)?);
    let nanos = |make: fn(u64, homing::Reply<u64>) -> Command| {
        Ok(commanded.borrow_mut().ask(|reply| make(count, reply))? as f64 / 1e3)
    };
    side_by_side(settings, || nanos(Command::Look), || nanos(Command::Load))
}

/// From a call of `cancel` to a worker that computes and looks, beside the wake of a process that
/// blocks in a read.
fn cancel_seen(settings: &Settings, transport: impl ProcessTransport) -> anyhow::Result<Figure> {
    let count = settings.pick(100, 40);
    let mut commanded = Commanded::spawn(transport, Role::Obey)?;
    let bare = BarePair::pipes(Role::BareTell)?;
    let _pinned = Place::Apart.foreground();
    let ours = || {
        let remote = commanded.polled()?;
        thread::sleep(PAUSE);
        let begin = now();
        remote.cancel();
        Ok(commanded.next()?.saturating_sub(begin))
    };
    side_by_side(settings, median_of(count, ours), median_of(count, || bare_wake(&bare)))
}
