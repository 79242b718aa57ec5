//! Throughput between processes, beside one bare `write` a message.

use std::hint::black_box;
use std::time::Instant;

use homing::pipe::Pipe;

use crate::measure::{millions_a_second, side_by_side};
use crate::peer::{Bare, Homed};
use crate::place::Place;
use crate::role::Role;
use crate::row::{Figure, Goal, Row, Settings};
use crate::tally::{Message, Tally};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "pipe-16B",
        unit: "M/s",
        goal: Goal::RatioAtLeast(0.9),
        measure: |settings| throughput(settings, Role::Send, 1),
    },
    Row {
        name: "pipe-16B-batch",
        unit: "M/s",
        goal: Goal::RatioAtLeast(5.0),
        measure: |settings| throughput(settings, Role::SendAll, 8),
    },
];

/// How much the bare reader reads at once.
const READ: usize = 64 * 1024;

/// `faster` keeps the two sides' rounds about equally long.
fn throughput(settings: &Settings, role: Role, faster: u64) -> anyhow::Result<Figure> {
    let count = settings.pick(150_000, 50_000);
    let mut homed = Homed::spawn(Pipe::new(), role, Tally::hear)?;
    let mut bare = Bare::spawn(Role::BareWrite)?;
    // Not before: they would inherit it.
    let _pinned = Place::Apart.foreground();
    side_by_side(settings, || ours(&mut homed, count * faster), || written(&mut bare, count))
}

pub(crate) fn ours(homed: &mut Homed<Tally>, count: u64) -> anyhow::Result<f64> {
    let mut tally = Tally::default();
    let begin = Instant::now();
    homed.order(count)?;
    homed.run_until(&mut tally, |tally| tally.got >= count)?;
    let time = begin.elapsed();
    tally.check(count)?;
    black_box(tally.sum);
    Ok(millions_a_second(count, time))
}

fn written(bare: &mut Bare, count: u64) -> anyhow::Result<f64> {
    let mut buffer = vec![0; READ];
    let mut left = count as usize * size_of::<Message>();
    let begin = Instant::now();
    bare.order(count)?;
    while left > 0 {
        left = left.saturating_sub(bare.read(&mut buffer)?);
        black_box(&mut buffer);
    }
    Ok(millions_a_second(count, begin.elapsed()))
}
