//! B16: no wake-up is lost.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use homing_core::wake::WakeFlag;
use homing_core::{Pingee, Pinger};

use super::{PingeeRig, until};
use crate::background::background;

/// A queue and a flag, as links have them.
struct Queue<M> {
    messages: Mutex<VecDeque<M>>,
    flag: WakeFlag,
}

impl<M> Default for Queue<M> {
    fn default() -> Self {
        Self { messages: Mutex::default(), flag: WakeFlag::new() }
    }
}

impl<M> Queue<M> {
    fn push(&self, message: M, pinger: &impl Pinger) {
        self.messages.lock().unwrap().push_back(message);
        if self.flag.set() {
            pinger.ping();
        }
    }

    /// The next message. When there is none, the next push pings.
    fn take(&self) -> Option<M> {
        let pop = || self.messages.lock().unwrap().pop_front();
        pop().or_else(|| {
            self.flag.clear();
            let found = pop();
            // A thread that raised it in between has pinged for nothing.
            let _ = found.is_some() && self.flag.set();
            found
        })
    }
}

/// B16: a queue, a flag and a pinger, as transports use them: a consumer that sleeps between
/// any two messages is woken for each. Half of the messages come in pairs, the second when
/// the consumer is about to fall asleep.
pub fn b16_no_ping_is_lost<P: PingeeRig>() {
    const ROUNDS: usize = 2000;
    let mut rig = P::new();
    let queue: Arc<Queue<usize>> = Arc::default();
    let got = Rc::new(Cell::new(0));
    let pingee = rig.pingee({
        let (queue, got) = (Arc::clone(&queue), Rc::clone(&got));
        move || {
            while let Some(message) = queue.take() {
                assert_eq!(message, got.get());
                got.set(got.get() + 1);
            }
        }
    });
    let (go, may_go) = std::sync::mpsc::channel();
    let pinger = pingee.pinger();
    let worker = background(move || {
        while let Ok(message) = may_go.recv() {
            queue.push(message, &pinger);
        }
    });
    let mut sent = 0;
    for round in 0..ROUNDS {
        for _ in 0..=round % 2 {
            go.send(sent).unwrap();
            sent += 1;
        }
        until(&mut rig, "a message", || got.get() == sent);
    }
    drop(go);
    worker.join();
}

/// B16: many threads push and ping as fast as they can. The callback takes a few messages a
/// call, and pings for the rest itself, as a loop does that has other work too: none is
/// forgotten, and the order of each thread is kept.
pub fn b16_no_ping_is_lost_under_load<P: PingeeRig>() {
    const THREADS: usize = 4;
    const MESSAGES: usize = 5000;
    const BUDGET: usize = 8;
    let mut rig = P::new();
    let queue: Arc<Queue<(usize, usize)>> = Arc::default();
    let got = Rc::new(Cell::new([0; THREADS]));
    let own: Rc<RefCell<Option<<P::Pingee as Pingee>::Pinger>>> = Rc::default();
    let pingee = rig.pingee({
        let (queue, got, own) = (Arc::clone(&queue), Rc::clone(&got), Rc::clone(&own));
        move || {
            for _ in 0..BUDGET {
                let Some((thread, number)) = queue.take() else { return };
                let mut counts = got.get();
                assert_eq!(number, counts[thread]);
                counts[thread] += 1;
                got.set(counts);
            }
            // The flag is still raised, so no other thread pings.
            if let Some(pinger) = &*own.borrow() {
                pinger.ping();
            }
        }
    });
    *own.borrow_mut() = Some(pingee.pinger());
    let workers: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (queue, pinger) = (Arc::clone(&queue), pingee.pinger());
            background(move || {
                for number in 0..MESSAGES {
                    queue.push((thread, number), &pinger);
                }
            })
        })
        .collect();
    until(&mut rig, "all messages", || got.get() == [MESSAGES; THREADS]);
    for worker in workers {
        worker.join();
    }
}
