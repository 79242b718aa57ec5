//! The thread that wakes the event loop when the time of an alarm has come.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::activity::Activity;
use crate::wake::Wake;

/// Sleeps until the earliest time, then wakes the router's event loop. While there is no time, or
/// the foreground has not looked since it was woken, it sleeps without end.
#[derive(Debug)]
pub(crate) struct AlarmThread {
    shared: Arc<Shared>,
    activity: Arc<Activity>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and the foreground share.
#[derive(Debug)]
struct Shared {
    times: Mutex<Times>,
    changed: Condvar,
    /// The time has come, and the foreground has set no other since. Written with `times` locked.
    is_due: AtomicBool,
}

#[derive(Debug, Default)]
struct Times {
    /// When the event loop is to be woken.
    at: Option<Instant>,
    /// Until when the thread sleeps. `None` while it does without end.
    sleeps_until: Option<Instant>,
    is_stopped: bool,
}

impl AlarmThread {
    pub(crate) fn start(wake: Arc<Wake>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            times: Mutex::default(),
            changed: Condvar::new(),
            is_due: AtomicBool::new(false),
        });
        let activity = Arc::new(Activity::default());
        let (own_shared, own_activity) = (Arc::clone(&shared), Arc::clone(&activity));
        let thread = thread::Builder::new().name("homing-alarm".into()).spawn(move || {
            let _end = own_activity.enter();
            own_shared.run(&wake);
        })?;
        Ok(Self { shared, activity, thread: Some(thread) })
    }

    /// Sets when the event loop is to be woken. The thread is woken only for a time that is earlier
    /// than the one until which it sleeps.
    pub(crate) fn set(&self, at: Option<Instant>) {
        let mut times = self.shared.lock();
        times.at = at;
        self.shared.is_due.store(false, Ordering::Relaxed);
        let is_earlier = at.is_some_and(|at| times.sleeps_until.is_none_or(|until| at < until));
        drop(times);
        if is_earlier {
            self.shared.changed.notify_one();
        }
    }

    /// Whether the time that was [set](AlarmThread::set) has come.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        // Relaxed: the flag of the router's `Wake`, which is set after it and cleared before it is
        // read, orders the two.
        self.shared.is_due.load(Ordering::Relaxed)
    }
}

impl Drop for AlarmThread {
    fn drop(&mut self) {
        self.shared.lock().is_stopped = true;
        self.shared.changed.notify_one();
        let Some(thread) = self.thread.take() else { return };
        // A pinger that the thread calls may wait for a lock that this thread holds.
        if self.activity.wait(|state| state.ended) {
            // It returns nothing; a panic of it was printed.
            let _ = thread.join();
        } else {
            log::warn!(
                "the thread of alarms is in a ping that does not return; it ends when that has \
                 returned"
            );
        }
    }
}

impl Shared {
    fn run(&self, wake: &Wake) {
        let mut times = self.lock();
        while !times.is_stopped {
            times.sleeps_until = times.at;
            let Some(at) = times.at else {
                times = self.changed.wait(times).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = at.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                let waited = self.changed.wait_timeout(times, left);
                (times, _) = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            times.at = None;
            self.is_due.store(true, Ordering::Relaxed);
            drop(times);
            // Nothing is locked: a pinger may take long.
            wake.raise();
            times = self.lock();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        // Nothing in here panics half-way through a change.
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
