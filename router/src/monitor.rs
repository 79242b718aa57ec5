//! The thread that watches doorbells for an event loop that cannot.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use homing_process::{Bell, Doorbell, Doorbells, Key, Waker, Worker};

/// The monitor: sleeps until a doorbell rings, moves what has come, and rings the link's
/// bell, which pings the event loop. It never looks on an interval, and stops at once.
#[derive(Debug)]
pub(crate) struct Monitor {
    orders: Sender<Order>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Add { doorbell: Doorbell, worker: Option<Worker>, bell: Bell, added: Sender<io::Result<Key>> },
    Cut(Key),
    Sweep(Sender<()>),
    Stop,
}

impl Monitor {
    pub(crate) fn start() -> io::Result<Self> {
        let doorbells = Doorbells::new()?;
        let waker = doorbells.waker();
        let (orders, taken) = unbounded();
        let thread = thread::Builder::new()
            .name("homing-monitor".into())
            .spawn(move || watch(doorbells, &taken))?;
        Ok(Self { orders, waker, thread: Some(thread) })
    }

    pub(crate) fn add(
        &self,
        doorbell: Doorbell,
        worker: Option<Worker>,
        bell: Bell,
    ) -> io::Result<Key> {
        let (added, answer) = bounded(1);
        self.order(Order::Add { doorbell, worker, bell, added });
        answer.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
    }

    pub(crate) fn cut(&self, key: Key) {
        self.order(Order::Cut(key));
    }

    /// Has all moved that waits at the doorbells now, and returns when that is done.
    pub(crate) fn sweep(&self) {
        let (done, is_done) = bounded(1);
        self.order(Order::Sweep(done));
        // The monitor lets go of its end when it has.
        let _ = is_done.recv();
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    fn order(&self, order: Order) {
        // A monitor that is gone has let go of all that it watched.
        let _ = self.orders.send(order);
        self.waker.wake();
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say; a panic of it was printed.
            let _ = thread.join();
        }
    }
}

fn watch(mut doorbells: Doorbells, orders: &Receiver<Order>) {
    let mut sweeps: Vec<Sender<()>> = Vec::new();
    loop {
        for order in orders.try_iter() {
            match order {
                Order::Sweep(done) => sweeps.push(done),
                Order::Add { doorbell, worker, bell, added } => {
                    // Whoever asked waits for the answer.
                    let _ = added.send(doorbells.add(doorbell, worker, bell));
                }
                Order::Cut(key) => doorbells.cut(key),
                Order::Stop => return,
            }
        }
        let timeout = if sweeps.is_empty() { None } else { Some(Duration::ZERO) };
        if let Err(error) = doorbells.wait(timeout) {
            // Dropping the set rings every bell, and each link finds itself broken.
            log::error!("the monitor cannot wait: {error}");
            return;
        }
        // Whoever waits for it is told by the drop.
        sweeps.clear();
    }
}
