//! How links say that they have something, and how the event loop hears of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_queue::SegQueue;
use homing_core::Pinger;
use homing_core::wake::WakeFlag;
use homing_process::LinkWaker;

/// Names a link among the wakers of one router. Never used again.
pub(crate) type Token = u64;

/// What a router is woken by, on any thread.
///
/// The protocol of [`homing_core::wake`] stands here twice: a link's flag says that its
/// token is in `ready` or the router's own list, the router's flag that the event loop has
/// been pinged. So a message on a busy link touches its own flag only.
pub(crate) struct Wake {
    ready: SegQueue<Token>,
    flag: WakeFlag,
    /// Makes the event loop come.
    pinger: Arc<dyn Pinger + Send + Sync>,
    /// Set while the event loop waits for the doorbells, on the foreground's thread.
    attended: Arc<AtomicBool>,
}

impl Wake {
    pub(crate) fn new(pinger: Arc<dyn Pinger + Send + Sync>, attended: Arc<AtomicBool>) -> Self {
        Self { ready: SegQueue::new(), flag: WakeFlag::new(), pinger, attended }
    }

    /// Makes the event loop come, unless it was told to already.
    pub(crate) fn raise(&self) {
        if self.flag.set() {
            self.ping();
        }
    }

    /// Makes the event loop come.
    #[cold]
    pub(crate) fn ping(&self) {
        self.pinger.ping();
    }

    /// As [`raise`](Wake::raise), on the foreground's thread, by its doorbells: an event loop
    /// that waits for them dispatches next, and is not woken to do it.
    #[cfg(unix)]
    fn raise_local(&self) {
        if self.flag.set() && !self.attended.load(Ordering::Relaxed) {
            self.ping();
        }
    }

    /// Puts a link into the run queue, and makes the event loop come.
    fn enqueue(&self, token: Token) {
        self.ready.push(token);
        self.raise();
    }

    /// The foreground has cleared the flag and found something all the same: it is awake.
    pub(crate) fn stay_awake(&self) {
        let _ = self.flag.set();
    }

    /// Whether the event loop is to come, and has not been here yet.
    pub(crate) fn is_raised(&self) -> bool {
        self.flag.is_set()
    }

    /// Makes the event loop come, whatever the flag said: a run of the router begins.
    pub(crate) fn restart(&self) {
        // The dispatch that follows clears it.
        let _ = self.flag.set();
        self.ping();
    }

    /// Takes the next link that rang.
    pub(crate) fn next(&self) -> Option<Token> {
        self.ready.pop()
    }

    /// Whether no link has rung.
    pub(crate) fn is_quiet(&self) -> bool {
        self.ready.is_empty()
    }

    /// Clears the flag, and looks once more.
    pub(crate) fn try_sleep(&self) -> Option<Token> {
        self.flag.clear();
        let found = self.ready.pop();
        if found.is_some() {
            // A ping that was sent in between was not needed.
            self.stay_awake();
        }
        found
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wake").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

/// What the router keeps to be woken for one link. Clones are of the same link.
#[derive(Clone, Debug)]
pub(crate) struct LinkSignal {
    waker: LinkWaker,
    token: Token,
    wake: Arc<Wake>,
}

impl LinkSignal {
    pub(crate) fn new(token: Token, wake: Arc<Wake>) -> Self {
        let waker = LinkWaker::new(Enqueue { token, wake: Arc::clone(&wake) });
        Self { waker, token, wake }
    }

    /// What the link's transport pings.
    pub(crate) fn waker(&self) -> &LinkWaker {
        &self.waker
    }

    /// The link's flag, which the router clears when it found the link empty.
    pub(crate) fn flag(&self) -> &WakeFlag {
        self.waker.flag()
    }

    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// Puts the link into the run queue although its flag is set: it had been parked.
    pub(crate) fn requeue(&self) {
        self.wake.enqueue(self.token);
    }
}

/// Puts a link into the run queue. Pinged when the link's flag was clear.
struct Enqueue {
    token: Token,
    wake: Arc<Wake>,
}

impl Pinger for Enqueue {
    fn ping(&self) {
        self.wake.enqueue(self.token);
    }
}

/// The waker of one link, as the foreground's own doorbells ping it: on its thread.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct LocalWaker(pub(crate) LinkSignal);

#[cfg(unix)]
impl Pinger for LocalWaker {
    fn ping(&self) {
        let Self(signal) = self;
        if signal.flag().set() {
            signal.wake.ready.push(signal.token);
            signal.wake.raise_local();
        }
    }
}
