//! How long a message takes to a foreground that sleeps.

use std::thread;
use std::time::Duration;

use homing::pipe::Pipe;
use homing::shm::Shm;
use homing::{Event, ProcessTransport};
use rustix::event::{EventfdFlags, eventfd};
use rustix::time::{ClockId, clock_gettime};

use crate::measure::{Sorted, side_by_side};
use crate::peer::{Bare, Homed};
use crate::place::Place;
use crate::role::Role;
use crate::row::{Figure, Goal, Row, Settings};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "wake-std",
        unit: "µs",
        goal: Goal::RatioAtMost(1.25),
        measure: |settings| pipe(settings, 0.5),
    },
    Row {
        name: "wake-std-p99",
        unit: "µs",
        goal: Goal::RatioAtMost(1.5),
        measure: |settings| pipe(settings, 0.99),
    },
    Row {
        name: "wake-std-shm",
        unit: "µs",
        goal: Goal::RatioAtMost(1.25),
        measure: |settings| shm(settings, 0.5),
    },
    Row {
        name: "wake-std-shm-p99",
        unit: "µs",
        goal: Goal::RatioAtMost(1.5),
        measure: |settings| shm(settings, 0.99),
    },
];

fn pipe(settings: &Settings, part: f64) -> anyhow::Result<Figure> {
    std_loop(settings, part, Pipe::new(), Bare::spawn(Role::BareStamp)?)
}

fn shm(settings: &Settings, part: f64) -> anyhow::Result<Figure> {
    let eventfd = eventfd(0, EventfdFlags::CLOEXEC)?;
    let other = eventfd.try_clone()?;
    let bare = Bare::spawn_on(eventfd.into(), other, Role::BareStamp)?;
    std_loop(settings, part, Shm::new(), bare)
}

/// Between two messages, so that the foreground is asleep when the second one is sent.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);

/// The time in nanoseconds, by a clock that all processes share.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Sends `count` messages with what time it is then.
pub(crate) fn stamp(
    count: u64,
    mut send: impl FnMut(u64) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for _ in 0..count {
        thread::sleep(PAUSE);
        send(now())?;
    }
    Ok(())
}

/// From a worker process to a handler on the std loop, beside a read that blocks.
///
/// To wake a thread on another processor takes several times as long as on the same one. So
/// both sides are told where to be. `part` is the quantile: 0.5 is the median.
fn std_loop(
    settings: &Settings,
    part: f64,
    transport: impl ProcessTransport,
    mut bare: Bare,
) -> anyhow::Result<Figure> {
    let count = settings.pick(100, 40);
    let mut homed = Homed::spawn(transport, Role::Stamp, Latencies::hear)?;
    // Not before: they would inherit it.
    let _pinned = Place::Apart.foreground();
    side_by_side(
        settings,
        || {
            let mut latencies = Latencies::default();
            homed.order(count)?;
            homed.run_until(&mut latencies, |latencies| latencies.count() >= count)?;
            Ok(latencies.quantile(part))
        },
        || {
            let mut latencies = Latencies::default();
            bare.order(count)?;
            while latencies.count() < count {
                let mut stamp = [0; 8];
                // So short a write is read as a whole.
                bare.read(&mut stamp)?;
                latencies.note_sum(u64::from_ne_bytes(stamp));
            }
            Ok(latencies.quantile(part))
        },
    )
}

/// In nanoseconds.
#[derive(Default)]
pub(crate) struct Latencies(Vec<u64>);

impl Latencies {
    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn note(&mut self, sent: u64) {
        self.0.push(now().saturating_sub(sent));
    }

    /// An eventfd adds up what is written to it before it is read.
    fn note_sum(&mut self, sum: u64) {
        let now = now();
        let count = ((sum + now / 2) / now).max(1);
        self.0.extend((0..count).map(|_| now.saturating_sub(sum / count)));
    }

    pub(crate) fn hear(&mut self, event: Event<u64>) {
        if let Event::Message(sent) = event {
            self.note(sent);
        }
    }

    /// In microseconds.
    pub(crate) fn p50(self) -> f64 {
        self.quantile(0.5)
    }

    /// In microseconds.
    pub(crate) fn quantile(self, part: f64) -> f64 {
        Sorted::new(self.0.into_iter().map(|nanos| nanos as f64 / 1e3).collect()).quantile(part)
    }
}
