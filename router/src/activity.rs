//! What a thread that pings is doing, for the foreground to wait for it.

use std::cell::RefCell;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the foreground waits for a thread that is calling a pinger, which usually
/// returns at once. One that does not most likely waits for a lock that the foreground holds.
const PING_GRACE: Duration = Duration::from_millis(20);

thread_local! {
    /// The activity of this thread, where it is one of a router.
    static OWN: RefCell<Option<Arc<Activity>>> = const { RefCell::new(None) };
}

/// What one thread of a router, its monitor or that of its alarms, is doing.
///
/// The foreground never waits for long while the thread is calling the application's
/// pinger: that may need a lock which the foreground holds.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pinging: bool,
    pub(crate) ended: bool,
    /// How many requests to drain the doorbells have been served.
    pub(crate) drained: u64,
}

impl Activity {
    /// Makes this thread the one that this tells of, until what is returned is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> impl Drop + use<> {
        OWN.set(Some(Arc::clone(self)));
        NoteEnd(Arc::clone(self))
    }

    /// Runs `ping`. While it runs on a thread of a router, the foreground does not wait for that one.
    pub(crate) fn note_ping(ping: impl FnOnce()) {
        let own = OWN.with_borrow(Clone::clone);
        let _pinging = own.map(|own| {
            own.change(|state| state.pinging = true);
            Pinging(own)
        });
        ping();
    }

    /// Changes what is known of the thread.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until `holds`, and returns true; or false when the thread does not return from
    /// a ping.
    pub(crate) fn wait(&self, holds: impl Fn(&State) -> bool) -> bool {
        let mut state = self.lock();
        let mut give_up: Option<Instant> = None;
        while !holds(&state) {
            if !state.pinging {
                give_up = None;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let now = Instant::now();
            let end = *give_up.get_or_insert(now + PING_GRACE);
            if now >= end {
                return false;
            }
            let waited = self.changed.wait_timeout(state, end - now);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says by its drop that the thread pings no more, also when the pinger panics.
struct Pinging(Arc<Activity>);

impl Drop for Pinging {
    fn drop(&mut self) {
        self.0.change(|state| state.pinging = false);
    }
}

/// Says by its drop that the thread has ended, also by a panic.
struct NoteEnd(Arc<Activity>);

impl Drop for NoteEnd {
    fn drop(&mut self) {
        self.0.change(|state| state.ended = true);
    }
}
