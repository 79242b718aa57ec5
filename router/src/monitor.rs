//! The thread that watches doorbells for an event loop that cannot.

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use homing_core::Pinger as _;
use homing_process::{ChildProcess, Doorbell, Doorbells, LinkWaker, Waker, WatchKey};

use crate::activity::Activity;

/// The monitor: sleeps until a doorbell rings, moves what has come, and pings the link's
/// waker, which pings the event loop. It never looks on an interval, and stops at once.
///
/// The foreground does not wait for it while it pings: nothing here has an answer but
/// [`drain_now`](Monitor::drain_now), and that can be done without.
#[derive(Debug)]
pub(crate) struct Monitor {
    commands: Sender<Command>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
    activity: Arc<Activity>,
    /// How many links were added, and how often it was asked to drain the doorbells.
    links: u64,
    drains: Cell<u64>,
}

enum Command {
    Add { link: u64, doorbell: Doorbell, worker: Option<ChildProcess>, waker: LinkWaker },
    Unwatch(u64),
    DrainNow(u64),
    Stop,
}

impl Monitor {
    pub(crate) fn start() -> io::Result<Self> {
        let doorbells = Doorbells::new()?;
        let waker = doorbells.waker();
        let (commands, received) = unbounded();
        let activity = Arc::new(Activity::default());
        let watch = Watch { doorbells, watched: HashMap::new(), activity: Arc::clone(&activity) };
        let thread = thread::Builder::new()
            .name("homing-monitor".into())
            .spawn(move || watch.run(&received))?;
        let thread = Some(thread);
        Ok(Self { commands, waker, thread, activity, links: 0, drains: Cell::new(0) })
    }

    /// Watches a link. Should the system refuse it, the link ends as one that cannot be read.
    pub(crate) fn add(
        &mut self,
        doorbell: Doorbell,
        worker: Option<ChildProcess>,
        waker: LinkWaker,
    ) -> u64 {
        let link = self.links;
        self.links += 1;
        self.command(Command::Add { link, doorbell, worker, waker });
        link
    }

    pub(crate) fn unwatch(&self, link: u64) {
        self.command(Command::Unwatch(link));
    }

    /// Has everything moved that waits at the doorbells now, and returns when that is done,
    /// or when the monitor does not return from a ping.
    pub(crate) fn drain_now(&self) {
        let request = self.drains.get() + 1;
        self.drains.set(request);
        self.command(Command::DrainNow(request));
        if !self.activity.wait(|state| state.ended || state.drained >= request) {
            log::debug!("the monitor is in a ping, and has not looked at the doorbells");
        }
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    fn command(&self, command: Command) {
        // A monitor that is gone has dropped all that it watched.
        let _ = self.commands.send(command);
        self.waker.wake();
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.command(Command::Stop);
        let Some(thread) = self.thread.take() else { return };
        if self.activity.wait(|state| state.ended) {
            // It returns nothing; a panic of it was printed.
            let _ = thread.join();
        } else {
            log::warn!(
                "the monitor is in a ping that does not return; it ends when that has returned"
            );
        }
    }
}

/// What the monitor thread owns.
struct Watch {
    doorbells: Doorbells,
    watched: HashMap<u64, WatchKey>,
    activity: Arc<Activity>,
}

impl Watch {
    fn run(mut self, commands: &Receiver<Command>) {
        let end = self.activity.enter();
        let mut drain = None;
        loop {
            for command in commands.try_iter() {
                match command {
                    Command::DrainNow(request) => drain = Some(request),
                    Command::Add { link, doorbell, worker, waker } => {
                        self.add(link, doorbell, worker, waker);
                    }
                    Command::Unwatch(link) => {
                        if let Some(key) = self.watched.remove(&link) {
                            self.doorbells.unwatch(key);
                        }
                    }
                    Command::Stop => {
                        // What it watches is dropped before the foreground goes on.
                        drop(self);
                        drop(end);
                        return;
                    }
                }
            }
            if let Err(error) = self.doorbells.wait(drain.map(|_| Duration::ZERO)) {
                // Dropping the set pings every link, and each link finds itself broken.
                log::error!("the monitor cannot wait: {error}");
                return;
            }
            if let Some(request) = drain.take() {
                self.activity.change(|state| state.drained = request);
            }
        }
    }

    fn add(
        &mut self,
        link: u64,
        doorbell: Doorbell,
        worker: Option<ChildProcess>,
        waker: LinkWaker,
    ) {
        match self.doorbells.add(doorbell, worker.clone(), waker.clone()) {
            Ok(key) => {
                self.watched.insert(link, key);
            }
            Err(error) => {
                log::error!("a link cannot be watched, and ends: {error}");
                if let Some(worker) = worker {
                    worker.end();
                }
                waker.ping();
            }
        }
    }
}
