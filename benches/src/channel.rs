//! Throughput between threads, beside bare crossbeam-channel.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use homing::channel::Channel;
use homing::std_loop::EventLoop;
use homing::{Disconnected, Router};

use crate::measure::{millions_a_second, side_by_side};
use crate::place::Place;
use crate::row::{Figure, Goal, Row, Settings};
use crate::tally::{Tally, message};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "channel-16B",
        unit: "M/s",
        goal: Goal::RatioAtLeast(0.6),
        measure: |settings| throughput(settings, 1, Place::Apart),
    },
    // Where a thread that is woken too often, or leaves too late, costs most.
    #[cfg(target_os = "linux")]
    Row {
        name: "channel-16B-one-cpu",
        unit: "M/s",
        goal: Goal::RatioAtLeast(0.6),
        measure: |settings| throughput(settings, 1, Place::Together),
    },
    Row {
        name: "channel-16B-4-senders",
        unit: "M/s",
        goal: Goal::RatioAtLeast(0.6),
        measure: |settings| throughput(settings, 4, Place::Anywhere),
    },
];

/// How many messages may wait, in either.
const CAPACITY: usize = 1024;

fn throughput(settings: &Settings, senders: u64, place: Place) -> anyhow::Result<Figure> {
    let each = settings.pick(1_000_000, 300_000) / senders;
    side_by_side(settings, || ours(senders, each, place), || bare(senders, each, place))
}

/// Each sender on a thread of its own, with a pipe of its own, all on one link.
fn ours(senders: u64, each: u64, place: Place) -> anyhow::Result<f64> {
    let mut event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    router.start()?;
    let link = router.link(Channel::with_capacity(CAPACITY))?;
    let pipes = (0..senders).map(|_| link.pipe(Tally::hear)).collect::<Result<Vec<_>, _>>()?;

    let total = senders * each;
    let ready = Barrier::new(pipes.len() + 1);
    let mut tally = Tally::default();
    let time = thread::scope(|scope| {
        for (mut sender, _) in pipes {
            let ready = &ready;
            scope.spawn(move || {
                let _pinned = place.background();
                ready.wait();
                sender.scope(|sender| {
                    for number in 0..each {
                        sender.send(message(number)).map_err(|_| Disconnected)?;
                    }
                    Ok::<_, homing::SenderError>(())
                })
            });
        }
        let _pinned = place.foreground();
        ready.wait();
        let begin = Instant::now();
        let run = event_loop.run_until(&router, &mut tally, |tally| tally.got == total);
        let time = begin.elapsed();
        // Senders that still send are told that the receiver is gone.
        router.stop(&mut tally)?;
        run?;
        anyhow::Ok(time)
    })?;
    tally.check(total)?;
    black_box(tally.sum);
    Ok(millions_a_second(total, time))
}

pub(crate) fn bare(senders: u64, each: u64, place: Place) -> anyhow::Result<f64> {
    let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
    let total = senders * each;
    let ready = Barrier::new(senders as usize + 1);
    let mut tally = Tally::default();
    let time = thread::scope(|scope| {
        for _ in 0..senders {
            let (ready, sender) = (&ready, sender.clone());
            scope.spawn(move || {
                let _pinned = place.background();
                ready.wait();
                (0..each).try_for_each(|number| sender.send(message(number)))
            });
        }
        // The loop ends with the last sender, or the last message.
        drop(sender);
        let _pinned = place.foreground();
        ready.wait();
        let begin = Instant::now();
        while tally.got < total
            && let Ok(message) = receiver.recv()
        {
            tally.count(message);
        }
        begin.elapsed()
    });
    tally.check(total)?;
    black_box(tally.sum);
    Ok(millions_a_second(total, time))
}
