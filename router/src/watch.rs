//! Who watches the doorbells: the event loop or the monitor.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_utils::sync::Parker;
use homing_process::{Doorbell, WatchKey, Worker};

use crate::loop_binding::{DoorbellSet, Kind, LoopBinding};
use crate::monitor::Monitor;
#[cfg(unix)]
use crate::wake::LocalWaker;
use crate::wake::{LinkSignal, Wake};

/// The foreground's way to the doorbells.
pub(crate) enum Watch {
    Loop(DoorbellSet),
    /// The monitor is started with the first doorbell.
    Monitor {
        monitor: Option<Monitor>,
        parker: Parker,
    },
}

impl Watch {
    pub(crate) fn new(binding: LoopBinding) -> (Self, Arc<Wake>) {
        match binding.kind {
            Kind::Watched(set) => {
                let wake = Wake::watched(set.waker(), Arc::clone(&set.attended));
                (Self::Loop(set), Arc::new(wake))
            }
            Kind::Pinged(pinger) => {
                let parker = Parker::new();
                let wake = Wake::pinged(pinger, &parker);
                (Self::Monitor { monitor: None, parker }, Arc::new(wake))
            }
        }
    }

    /// Watches a link. `None` when there is nothing to watch.
    pub(crate) fn add(
        &mut self,
        doorbell: Doorbell,
        worker: Option<Worker>,
        signal: &LinkSignal,
    ) -> io::Result<Option<WatchKey>> {
        if doorbell.is_none() && worker.is_none() {
            return Ok(None);
        }
        match self {
            Self::Loop(set) => set.with(|doorbells| {
                #[cfg(unix)]
                if !doorbell.is_blocking() {
                    return doorbells.add(doorbell, worker, LocalWaker(signal.clone()));
                }
                // Its own thread pings it.
                doorbells.add(doorbell, worker, signal.waker().clone())
            }),
            Self::Monitor { monitor, .. } => {
                let monitor = match monitor {
                    Some(monitor) => monitor,
                    None => monitor.insert(Monitor::start()?),
                };
                monitor.add(doorbell, worker, Arc::new(signal.waker().clone()))
            }
        }
        .map(Some)
    }

    pub(crate) fn unwatch(&mut self, key: WatchKey) {
        match self {
            Self::Loop(set) => set.with(|doorbells| doorbells.unwatch(key)),
            Self::Monitor { monitor: Some(monitor), .. } => monitor.unwatch(key),
            Self::Monitor { monitor: None, .. } => {}
        }
    }

    /// Tells the thread that pumps that the foreground has taken something.
    pub(crate) fn notify_capacity(&self) {
        match self {
            Self::Loop(set) => set.waker().notify_capacity(),
            Self::Monitor { monitor: Some(monitor), .. } => monitor.waker().notify_capacity(),
            Self::Monitor { monitor: None, .. } => {}
        }
    }

    /// Takes the monitor out, to be stopped.
    pub(crate) fn take_monitor(&mut self) -> Option<Monitor> {
        match self {
            Self::Loop(_) => None,
            Self::Monitor { monitor, .. } => monitor.take(),
        }
    }

    /// Has all moved that waits at the doorbells now.
    pub(crate) fn drain_now(&self) -> io::Result<()> {
        match self {
            Self::Loop(set) => set.wait_aside(Some(Duration::ZERO)),
            Self::Monitor { monitor: Some(monitor), .. } => {
                monitor.drain_now();
                Ok(())
            }
            Self::Monitor { monitor: None, .. } => Ok(()),
        }
    }

    /// Waits on the foreground's thread, for a router that is driven by hand.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Loop(set) => set.wait_aside(timeout),
            Self::Monitor { parker, .. } => {
                match timeout {
                    Some(timeout) => parker.park_timeout(timeout),
                    None => parker.park(),
                }
                Ok(())
            }
        }
    }
}
