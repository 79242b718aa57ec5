//! What it costs to route one message, among so many open pipes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use homing::channel::{Channel, Sender};
use homing::std_loop::EventLoop;
use homing::{Budget, Dispatched, Event, Router};

use crate::measure::{nanos_each, side_by_side};
use crate::row::{Figure, Goal, Row, Settings};
use crate::tally::{Message, Tally, message};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "dispatch-1",
        unit: "ns",
        goal: Goal::AtMost(25.0),
        // A reference for information: that much is the queue's part.
        measure: |settings| {
            let (mut among, mut bare) = (Among::new(1)?, Bare::new());
            side_by_side(settings, || among.measure(settings), || bare.measure(settings))
        },
    },
    Row {
        name: "dispatch-1k",
        unit: "ns",
        goal: Goal::TimesAtMost(2.0),
        measure: |settings| beside_one(settings, 1_000),
    },
    Row {
        name: "dispatch-100k",
        unit: "ns",
        goal: Goal::TimesAtMost(4.0),
        measure: |settings| beside_one(settings, 100_000),
    },
];

/// How many messages wait when they are dispatched.
const BATCH: usize = 1024;

/// How many batches one round measures.
fn batches(settings: &Settings) -> usize {
    settings.pick(500, 200)
}

fn beside_one(settings: &Settings, pipes: usize) -> anyhow::Result<Figure> {
    let (mut many, mut one) = (Among::new(pipes)?, Among::new(1)?);
    side_by_side(settings, || many.measure(settings), || one.measure(settings))
}

/// A router with many open pipes on one link.
struct Among {
    router: Router<Tally>,
    /// In no order that has to do with where their receivers are.
    senders: Vec<Sender<Message>>,
    /// The sender whose turn is next.
    next: usize,
    _event_loop: EventLoop,
}

impl Among {
    fn new(pipes: usize) -> anyhow::Result<Self> {
        let event_loop = EventLoop::new()?;
        let router = Router::new(&event_loop);
        router.start()?;
        router.set_budget(Budget::UNLIMITED);
        let link = router.link(Channel::with_capacity(BATCH))?;
        let mut senders = Vec::new();
        for _ in 0..pipes {
            let (mut sender, _) = link.pipe(Tally::hear)?;
            sender.start()?;
            senders.push(sender);
        }
        shuffle(&mut senders);
        Ok(Self { router, senders, next: 0, _event_loop: event_loop })
    }

    /// Nanoseconds to route one message. It has been sent before, to a random pipe.
    fn measure(&mut self, settings: &Settings) -> anyhow::Result<f64> {
        let mut tally = Tally::default();
        let mut time = Duration::ZERO;
        let count = (batches(settings) * BATCH) as u64;
        for _ in 0..batches(settings) {
            for number in 0..BATCH {
                self.next = (self.next + 1) % self.senders.len();
                let sender = self.senders.get_mut(self.next).ok_or_else(|| anyhow!("no pipe"))?;
                sender.send(message(number as u64))?;
            }
            let begin = Instant::now();
            let dispatched = self.router.dispatch(&mut tally);
            time += begin.elapsed();
            ensure!(dispatched == Dispatched::Idle, "a dispatch left something");
        }
        tally.check(count)?;
        black_box(tally.sum);
        Ok(nanos_each(count, time))
    }
}

/// The queue alone, and a handler that is called through a pointer.
struct Bare {
    sender: crossbeam_channel::Sender<Message>,
    receiver: crossbeam_channel::Receiver<Message>,
    handler: Box<dyn FnMut(&mut Tally, Event<Message>)>,
}

impl Bare {
    fn new() -> Self {
        let (sender, receiver) = crossbeam_channel::bounded(BATCH);
        Self { sender, receiver, handler: black_box(Box::new(Tally::hear)) }
    }

    fn measure(&mut self, settings: &Settings) -> anyhow::Result<f64> {
        let mut tally = Tally::default();
        let mut time = Duration::ZERO;
        let count = (batches(settings) * BATCH) as u64;
        for _ in 0..batches(settings) {
            for number in 0..BATCH {
                self.sender.try_send(message(number as u64))?;
            }
            let begin = Instant::now();
            while let Ok(message) = self.receiver.try_recv() {
                (self.handler)(&mut tally, Event::Message(message));
            }
            time += begin.elapsed();
        }
        tally.check(count)?;
        black_box(tally.sum);
        Ok(nanos_each(count, time))
    }
}

/// Puts values in an order that is the same in every run.
fn shuffle<T>(values: &mut [T]) {
    // A generator of 64 bits by Marsaglia; any seed but 0 will do.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for end in (1..values.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        values.swap(end, (state % (end as u64 + 1)) as usize);
    }
}
