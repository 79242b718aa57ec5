//! How long a worker may take to open its link.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a worker writes to its end of the lifeline when it opens its link. It is never read:
/// the foreground only looks whether it is there.
#[cfg(unix)]
pub(crate) const OPENED: &[u8] = &[1];

/// A worker's deadline, shared with the thread that watches it.
#[derive(Debug)]
pub(crate) struct StartDeadline {
    pub(crate) after: Duration,
    missed: AtomicBool,
}

impl StartDeadline {
    pub(crate) fn new(after: Duration) -> Self {
        Self { after, missed: AtomicBool::new(false) }
    }

    /// The worker is killed for it next.
    #[cfg(unix)]
    pub(crate) fn set_missed(&self) {
        // Release pairs with the Acquire below. The reader has learnt of the process's end, which
        // comes after this.
        self.missed.store(true, Ordering::Release);
    }

    /// The time that the worker had, if it was killed for not having opened its link by then.
    pub(crate) fn missed(&self) -> Option<Duration> {
        self.missed.load(Ordering::Acquire).then_some(self.after)
    }
}

/// Whether the worker has opened its link, by the foreground's end of the lifeline.
#[cfg(unix)]
pub(crate) fn has_opened(lifeline: impl std::os::fd::AsFd) -> bool {
    use rustix::net::{RecvFlags, recv};
    // Peeked at, not taken: to take it would be an event at the worker's end, on which the
    // kernel may kill the worker.
    let looked = recv(lifeline, &mut [0u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    matches!(looked, Ok((_, 1..)))
}
