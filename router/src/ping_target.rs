//! The pinger of an event loop, as the router calls it.

use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_utils::sync::Unparker;
use homing_core::Pinger;

use crate::activity::Activity;

/// Pings the event loop, while the router is linked to it, and wakes the foreground where it
/// waits by hand.
pub(crate) struct PingTarget {
    pinger: Box<dyn Pinger + Send + Sync>,
    linked: AtomicBool,
    unparker: Unparker,
}

impl PingTarget {
    pub(crate) fn new(pinger: Box<dyn Pinger + Send + Sync>, unparker: Unparker) -> Self {
        Self { pinger, linked: AtomicBool::new(true), unparker }
    }

    pub(crate) fn set_linked(&self, linked: bool) {
        self.linked.store(linked, Ordering::Relaxed);
    }
}

impl Pinger for PingTarget {
    fn ping(&self) {
        // The flag spares a loop that does not listen any more the ping, and publishes nothing.
        if self.linked.load(Ordering::Relaxed) {
            Activity::note_ping(|| self.pinger.ping());
        }
        self.unparker.unpark();
    }
}
