//! How long a message of a worker thread takes to an event loop that sleeps, beside what the
//! loop itself has for it.

use std::thread;

use anyhow::{anyhow, ensure};
use homing::calloop::CalloopBinding;
use homing::channel::Channel;
use homing::task::TaskDriver;
use homing::{Router, Sender};

use crate::measure::side_by_side;
use crate::place::Place;
use crate::row::{Figure, Goal, Row, Settings};
use crate::wake::{Latencies, stamp};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "wake-calloop",
        unit: "µs",
        goal: Goal::RatioAtMost(1.15),
        measure: |settings| measure(settings, by_calloop, bare_calloop),
    },
    Row {
        name: "wake-tokio",
        unit: "µs",
        goal: Goal::RatioAtMost(1.15),
        measure: |settings| measure(settings, by_tokio, bare_tokio),
    },
    Row {
        name: "wake-smol",
        unit: "µs",
        goal: Goal::RatioAtMost(1.15),
        measure: |settings| measure(settings, by_smol, bare_smol),
    },
];

pub(crate) fn measure(
    settings: &Settings,
    ours: fn(u64) -> anyhow::Result<Latencies>,
    bare: fn(u64) -> anyhow::Result<Latencies>,
) -> anyhow::Result<Figure> {
    let count = settings.pick(100, 40);
    let p50 = |by: fn(u64) -> anyhow::Result<Latencies>| {
        let latencies = by(count)?;
        ensure!(latencies.count() == count, "{} of {count} messages came", latencies.count());
        Ok(latencies.p50())
    };
    side_by_side(settings, || p50(ours), || p50(bare))
}

/// Runs `hear` on this thread, and a worker on another that stamps `count` messages.
pub(crate) fn beside<T>(
    count: u64,
    send: impl FnMut(u64) -> anyhow::Result<()> + Send,
    hear: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let _pinned = Place::Apart.background();
            stamp(count, send)
        });
        let _pinned = Place::Apart.foreground();
        let heard = hear();
        worker.join().map_err(|_| anyhow!("the worker has panicked"))??;
        heard
    })
}

/// Starts the router, with one pipe that notes what it hears.
pub(crate) fn pipe(
    router: &Router<Latencies>,
) -> anyhow::Result<Sender<u64, impl homing::Outlet<u64> + Send + use<>>> {
    router.start()?;
    let (mut sender, _) = router.link(Channel::new())?.pipe(Latencies::hear)?;
    sender.start()?;
    Ok(sender)
}

fn by_calloop(count: u64) -> anyhow::Result<Latencies> {
    let mut event_loop = calloop::EventLoop::<Latencies>::try_new()?;
    let binding = CalloopBinding::new()?;
    let router = Router::new(&binding);
    event_loop
        .handle()
        .insert_source(binding.into_source(&router), |(), router, latencies| {
            router.dispatch(latencies)
        })
        .map_err(|error| error.error)?;
    let mut sender = pipe(&router)?;
    let send = move |stamp| Ok(sender.send(stamp)?);
    beside(count, send, || run_calloop(&mut event_loop, count))
}

fn bare_calloop(count: u64) -> anyhow::Result<Latencies> {
    let mut event_loop = calloop::EventLoop::<Latencies>::try_new()?;
    let (sender, channel) = calloop::channel::channel();
    event_loop
        .handle()
        .insert_source(channel, |event, (), latencies| {
            if let calloop::channel::Event::Msg(stamp) = event {
                latencies.note(stamp);
            }
        })
        .map_err(|error| error.error)?;
    let send = move |stamp| Ok(sender.send(stamp)?);
    beside(count, send, || run_calloop(&mut event_loop, count))
}

fn run_calloop(
    event_loop: &mut calloop::EventLoop<'_, Latencies>,
    count: u64,
) -> anyhow::Result<Latencies> {
    let mut latencies = Latencies::default();
    while latencies.count() < count {
        event_loop.dispatch(None, &mut latencies)?;
    }
    Ok(latencies)
}

fn by_tokio(count: u64) -> anyhow::Result<Latencies> {
    let runtime = tokio_runtime()?;
    by_task(count, |heard| runtime.block_on(heard))
}

fn bare_tokio(count: u64) -> anyhow::Result<Latencies> {
    let runtime = tokio_runtime()?;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1024);
    let send = move |stamp| Ok(sender.blocking_send(stamp)?);
    beside(count, send, || {
        let mut latencies = Latencies::default();
        runtime.block_on(async {
            while let Some(stamp) = receiver.recv().await {
                latencies.note(stamp);
            }
        });
        Ok(latencies)
    })
}

/// As most programs have it: its thread sleeps until a descriptor, or a time, or another
/// thread wakes it.
fn tokio_runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn by_smol(count: u64) -> anyhow::Result<Latencies> {
    by_task(count, |heard| smol::block_on(heard))
}

fn bare_smol(count: u64) -> anyhow::Result<Latencies> {
    let (sender, receiver) = smol::channel::bounded(1024);
    let send = move |stamp| Ok(sender.send_blocking(stamp)?);
    beside(count, send, || {
        let mut latencies = Latencies::default();
        smol::block_on(async {
            while let Ok(stamp) = receiver.recv().await {
                latencies.note(stamp);
            }
        });
        Ok(latencies)
    })
}

/// A task that drives the router until it has heard so many.
fn by_task(
    count: u64,
    block_on: impl FnOnce(std::pin::Pin<&mut dyn Future<Output = ()>>),
) -> anyhow::Result<Latencies> {
    let binding = TaskDriver::new();
    let router = Router::new(&binding);
    let mut sender = pipe(&router)?;
    let send = move |stamp| Ok(sender.send(stamp)?);
    beside(count, send, || {
        let mut latencies = Latencies::default();
        block_on(std::pin::pin!(async {
            while latencies.count() < count {
                binding.due(&router).await;
                // What it leaves is due in the next turn.
                let _ = router.dispatch(&mut latencies);
            }
        }));
        Ok(latencies)
    })
}
