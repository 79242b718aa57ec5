//! The thread that watches doorbells for an event loop that cannot.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use homing_core::Pinger;
use homing_process::{Doorbell, Doorbells, Waker, WatchKey, Worker};

/// The monitor: sleeps until a doorbell rings, moves what has come, and pings the
/// link's waker, which pings the event loop. It never looks on an interval, and stops at once.
#[derive(Debug)]
pub(crate) struct Monitor {
    orders: Sender<Order>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Add {
        doorbell: Doorbell,
        worker: Option<Worker>,
        pinger: Arc<dyn Pinger + Send + Sync>,
        added: Sender<io::Result<WatchKey>>,
    },
    Unwatch(WatchKey),
    DrainNow(Sender<()>),
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
        pinger: Arc<dyn Pinger + Send + Sync>,
    ) -> io::Result<WatchKey> {
        let (added, answer) = bounded(1);
        self.order(Order::Add { doorbell, worker, pinger, added });
        answer.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
    }

    pub(crate) fn unwatch(&self, key: WatchKey) {
        self.order(Order::Unwatch(key));
    }

    /// Has all moved that waits at the doorbells now, and returns when that is done.
    pub(crate) fn drain_now(&self) {
        let (done, is_done) = bounded(1);
        self.order(Order::DrainNow(done));
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
    let mut drains: Vec<Sender<()>> = Vec::new();
    loop {
        for order in orders.try_iter() {
            match order {
                Order::DrainNow(done) => drains.push(done),
                Order::Add { doorbell, worker, pinger, added } => {
                    // Whoever asked waits for the answer.
                    let _ = added.send(doorbells.add(doorbell, worker, pinger));
                }
                Order::Unwatch(key) => doorbells.unwatch(key),
                Order::Stop => return,
            }
        }
        let timeout = if drains.is_empty() { None } else { Some(Duration::ZERO) };
        if let Err(error) = doorbells.wait(timeout) {
            // Dropping the set pings every link, and each link finds itself broken.
            log::error!("the monitor cannot wait: {error}");
            return;
        }
        // Whoever waits for it is told by the drop.
        drains.clear();
    }
}
