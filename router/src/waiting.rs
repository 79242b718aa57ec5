//! How the foreground waits for its links, and what it does about their doorbells.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crossbeam_utils::sync::Parker;
use homing_core::Pinger;
use homing_process::{ChildProcess, Doorbell, WatchKey};

use crate::loop_binding::DoorbellSet;
use crate::monitor::Monitor;
use crate::ping_target::PingTarget;
use crate::wake::LinkSignal;
#[cfg(unix)]
use crate::wake::LocalWaker;

/// How the foreground waits. The two cases differ in nothing else.
pub(crate) enum Waiting {
    /// The event loop waits for the doorbells itself.
    Readiness(DoorbellSet),
    /// The event loop is pinged.
    Pinger(Pinged),
}

/// The foreground's part of a binding to an event loop that is pinged.
pub(crate) struct Pinged {
    target: Arc<PingTarget>,
    /// What the foreground waits with when it drives the router by hand.
    parker: Parker,
    /// Watches the doorbells; it is started with the first.
    monitor: Option<Monitor>,
}

/// Names a link that is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Watched {
    Readiness(WatchKey),
    Monitor(u64),
}

impl Waiting {
    pub(crate) fn pinger(pinger: Box<dyn Pinger + Send + Sync>) -> Self {
        let parker = Parker::new();
        let target = Arc::new(PingTarget::new(pinger, parker.unparker().clone()));
        Self::Pinger(Pinged { target, parker, monitor: None })
    }

    /// What makes the event loop dispatch, from any thread, and ends a wait by hand.
    pub(crate) fn waker(&self) -> Arc<dyn Pinger + Send + Sync> {
        match self {
            Self::Readiness(set) => Arc::new(set.waker()),
            Self::Pinger(pinged) => Arc::clone(&pinged.target) as Arc<dyn Pinger + Send + Sync>,
        }
    }

    /// Set while the event loop waits for the doorbells, on the foreground's thread.
    pub(crate) fn attended(&self) -> Arc<AtomicBool> {
        match self {
            Self::Readiness(set) => Arc::clone(&set.attended),
            Self::Pinger(_) => Arc::default(),
        }
    }

    /// Whether the event loop is woken at all: not while the router is driven by hand.
    pub(crate) fn set_linked(&self, linked: bool) {
        match self {
            // The waits by hand need the same waker.
            Self::Readiness(_) => {}
            Self::Pinger(pinged) => pinged.target.set_linked(linked),
        }
    }

    /// Watches a link. `None` when there is nothing to watch.
    pub(crate) fn add(
        &mut self,
        doorbell: Doorbell,
        worker: Option<ChildProcess>,
        signal: &LinkSignal,
    ) -> io::Result<Option<Watched>> {
        if doorbell.is_none() && worker.is_none() {
            return Ok(None);
        }
        let watched = match self {
            Self::Readiness(set) => Watched::Readiness(set.with(|doorbells| {
                #[cfg(unix)]
                if !doorbell.is_blocking() {
                    return doorbells.add(doorbell, worker, LocalWaker(signal.clone()));
                }
                // Its own thread pings it.
                doorbells.add(doorbell, worker, signal.waker().clone())
            })?),
            Self::Pinger(Pinged { monitor, .. }) => {
                let monitor = match monitor {
                    Some(monitor) => monitor,
                    None => monitor.insert(Monitor::start()?),
                };
                Watched::Monitor(monitor.add(doorbell, worker, signal.waker().clone()))
            }
        };
        Ok(Some(watched))
    }

    pub(crate) fn unwatch(&mut self, watched: Watched) {
        match (self, watched) {
            (Self::Readiness(set), Watched::Readiness(key)) => {
                set.with(|doorbells| doorbells.unwatch(key));
            }
            (Self::Pinger(Pinged { monitor: Some(monitor), .. }), Watched::Monitor(link)) => {
                monitor.unwatch(link);
            }
            _ => {}
        }
    }

    /// The foreground has taken something: inlets have room again.
    pub(crate) fn notify_capacity(&self) {
        match self {
            Self::Readiness(set) => set.waker().notify_capacity(),
            Self::Pinger(Pinged { monitor: Some(monitor), .. }) => {
                monitor.waker().notify_capacity();
            }
            Self::Pinger(Pinged { monitor: None, .. }) => {}
        }
    }

    /// Takes the monitor out, to be stopped.
    pub(crate) fn take_monitor(&mut self) -> Option<Monitor> {
        match self {
            Self::Readiness(_) => None,
            Self::Pinger(pinged) => pinged.monitor.take(),
        }
    }

    /// Has everything moved to the inlets that waits at the doorbells now.
    pub(crate) fn drain_now(&self) -> io::Result<()> {
        match self {
            Self::Readiness(set) => set.wait_aside(Some(Duration::ZERO)),
            Self::Pinger(Pinged { monitor: Some(monitor), .. }) => {
                monitor.drain_now();
                Ok(())
            }
            Self::Pinger(Pinged { monitor: None, .. }) => Ok(()),
        }
    }

    /// Looks at the doorbells within a dispatch, where no other thread does.
    pub(crate) fn look(&self) {
        if let Self::Readiness(set) = self {
            // What is wrong with the set, the event loop's own wait reports.
            let _ = set.wait_aside(Some(Duration::ZERO));
        }
    }

    /// Waits on the foreground's thread, for a router that is driven by hand.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Readiness(set) => set.wait_aside(timeout),
            Self::Pinger(Pinged { parker, .. }) => {
                match timeout {
                    Some(timeout) => parker.park_timeout(timeout),
                    None => parker.park(),
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Readiness(_) => "Readiness",
            Self::Pinger(_) => "Pinger",
        })
    }
}
