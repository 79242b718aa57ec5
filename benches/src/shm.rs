//! Throughput over shared memory.

use std::hint::black_box;
use std::time::Instant;

use anyhow::ensure;
use homing::Event;
use homing::pipe::Pipe;
use homing::shm::{RawBytes, Shm};
use ipc_channel::router::RouterProxy;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

use crate::channel;
use crate::measure::{millions_a_second, side_by_side};
use crate::peer::{Homed, Ipc};
use crate::pipe::ours;
use crate::place::Place;
use crate::role::Role;
use crate::row::{Figure, Goal, Row, Settings};
use crate::tally::{Message, Tally};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "shm-16B",
        unit: "M/s",
        goal: Goal::RatioAtLeast(1.2),
        measure: |settings| beside_channel(settings, Role::Send),
    },
    Row {
        name: "shm-16B-batch",
        unit: "M/s",
        goal: Goal::RatioAtLeast(1.2),
        measure: |settings| beside_channel(settings, Role::SendAll),
    },
    Row { name: "shm-vs-pipe", unit: "M/s", goal: Goal::RatioAtLeast(15.0), measure: beside_pipe },
    Row {
        name: "shm-vs-ipc-channel",
        unit: "M/s",
        goal: Goal::RatioAtLeast(50.0),
        measure: beside_ipc,
    },
    Row {
        name: "shm-vs-ipc-router",
        unit: "M/s",
        goal: Goal::RatioAtLeast(120.0),
        measure: beside_ipc_router,
    },
    Row {
        name: "shm-1MiB",
        unit: "GB/s",
        goal: Goal::RatioAtLeast(0.4),
        measure: |settings| beside_memcpy(settings, Role::SendLarge),
    },
    Row {
        name: "shm-1MiB-in-place",
        unit: "GB/s",
        goal: Goal::RatioAtLeast(0.8),
        measure: |settings| beside_memcpy(settings, Role::WriteLarge),
    },
];

/// How many messages a round takes where one costs no system call.
fn many(settings: &Settings) -> u64 {
    settings.pick(1_000_000, 300_000)
}

/// One process to another, through the whole router, beside one thread to another through
/// bare crossbeam-channel.
fn beside_channel(settings: &Settings, role: Role) -> anyhow::Result<Figure> {
    let count = many(settings);
    let mut homed = Homed::spawn(Shm::new(), role, Tally::hear)?;
    // Not before: it would be inherited.
    let _pinned = Place::Apart.foreground();
    side_by_side(settings, || ours(&mut homed, count), || channel::bare(1, count, Place::Apart))
}

/// One message a `send` in both.
fn beside_pipe(settings: &Settings) -> anyhow::Result<Figure> {
    let mut shm = Homed::spawn(Shm::new(), Role::Send, Tally::hear)?;
    let mut pipe = Homed::spawn(Pipe::new(), Role::Send, Tally::hear)?;
    let _pinned = Place::Apart.foreground();
    let few = settings.pick(75_000, 25_000);
    side_by_side(settings, || ours(&mut shm, many(settings)), || ours(&mut pipe, few))
}

/// How many messages a round takes over ipc-channel.
fn few(settings: &Settings) -> u64 {
    settings.pick(20_000, 7_000)
}

/// Beside a foreground that waits for one receiver.
fn beside_ipc(settings: &Settings) -> anyhow::Result<Figure> {
    let mut shm = Homed::spawn(Shm::new(), Role::Send, Tally::hear)?;
    let (mut ipc, receiver) = Ipc::spawn::<Message>(Role::IpcSend)?;
    let _pinned = Place::Apart.foreground();
    let theirs = || received(&mut ipc, few(settings), || Ok(receiver.recv()?));
    side_by_side(settings, || ours(&mut shm, many(settings)), theirs)
}

/// Beside a foreground that, as ours, may have any number of them: a thread of ipc-channel
/// waits for all.
fn beside_ipc_router(settings: &Settings) -> anyhow::Result<Figure> {
    let mut shm = Homed::spawn(Shm::new(), Role::Send, Tally::hear)?;
    let (mut ipc, receiver) = Ipc::spawn::<Message>(Role::IpcSend)?;
    let router = RouterProxy::new();
    let receiver = router.route_ipc_receiver_to_new_crossbeam_receiver(receiver);
    let pinned = Place::Apart.foreground();
    let theirs = || received(&mut ipc, few(settings), || Ok(receiver.recv()?));
    let figure = side_by_side(settings, || ours(&mut shm, many(settings)), theirs);
    drop(pinned);
    router.shutdown();
    figure
}

fn received(
    ipc: &mut Ipc,
    count: u64,
    mut receive: impl FnMut() -> anyhow::Result<Message>,
) -> anyhow::Result<f64> {
    let mut tally = Tally::default();
    let begin = Instant::now();
    ipc.order(count)?;
    while tally.got < count {
        tally.count(receive()?);
    }
    let time = begin.elapsed();
    black_box(tally.sum);
    Ok(millions_a_second(count, time))
}

/// The length of a large message.
const LARGE: usize = 1024 * 1024;

/// What a large message says.
pub(crate) fn payload() -> &'static Bytes {
    let bytes: Vec<u8> = (0..LARGE).map(|at| at as u8).collect();
    Bytes::new(bytes.leak())
}

/// A large message as it arrives.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Large(ByteBuf);

/// That is how serde_bytes has postcard write it.
impl RawBytes for Large {}

/// Counts large messages.
#[derive(Default)]
struct Volume {
    got: u64,
    bytes: usize,
    sum: u64,
}

impl Volume {
    fn hear(&mut self, event: Event<Large>) {
        if let Event::Message(Large(message)) = event {
            self.got += 1;
            self.bytes += message.len();
            self.sum += message.iter().step_by(4096).map(|byte| u64::from(*byte)).sum::<u64>();
        }
    }
}

/// Beside one copy within one thread, always of the same memory to the same.
fn beside_memcpy(settings: &Settings, role: Role) -> anyhow::Result<Figure> {
    let count = settings.pick(400, 100);
    let mut homed = Homed::spawn(Shm::new(), role, Volume::hear)?;
    let _pinned = Place::Apart.foreground();
    let (from, mut to) = (payload(), vec![0; LARGE]);
    side_by_side(
        settings,
        || {
            let mut volume = Volume::default();
            let begin = Instant::now();
            homed.order(count)?;
            homed.run_until(&mut volume, |volume| volume.got >= count)?;
            let time = begin.elapsed();
            ensure!(volume.bytes == count as usize * LARGE, "{} bytes came", volume.bytes);
            black_box(volume.sum);
            Ok(gigabytes_a_second(count, time))
        },
        || {
            let begin = Instant::now();
            for _ in 0..count {
                to.copy_from_slice(black_box(from));
                black_box(&mut to);
            }
            Ok(gigabytes_a_second(count, begin.elapsed()))
        },
    )
}

/// Of large messages.
fn gigabytes_a_second(count: u64, time: std::time::Duration) -> f64 {
    (count as usize * LARGE) as f64 / time.as_secs_f64() / 1e9
}
