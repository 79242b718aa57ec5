//! Calling something on the foreground's thread after a time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use homing_core::{RouterState, WrongState};

use crate::alarm_thread::AlarmThread;
use crate::router::Router;
use crate::wake::Wake;

/// The longest delay: more overflows the clock of some systems, and no process sees it pass.
const MAX_DELAY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A call that a router makes once its time has come. See [`Router::after`].
///
/// Dropping it cancels the call. It belongs to the foreground's thread.
#[must_use = "dropping an alarm cancels its call; `detach` lets it go on"]
pub struct Alarm {
    key: Key,
    /// `None` once the alarm was detached.
    pending: Option<Weak<dyn Cancel>>,
}

impl Alarm {
    /// Lets the call be made without this handle: nothing but the router's stop cancels it then.
    pub fn detach(mut self) {
        self.pending = None;
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take().and_then(|pending| pending.upgrade()) {
            pending.cancel(self.key);
        }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").field("at", &self.key.0).finish_non_exhaustive()
    }
}

/// When a call is due; the number tells calls of the same time apart, and keeps their order.
type Key = (Instant, u64);

type Call<C> = Box<dyn FnOnce(&mut C)>;

/// Calls that an alarm can cancel, whatever the router's context is.
trait Cancel {
    fn cancel(&self, key: Key);
}

/// The calls of one router that wait for their time. They stay on the foreground's thread; a
/// thread of its own, which is started with the first alarm, knows the earliest time only.
pub(crate) struct Alarms<C> {
    pending: RefCell<BTreeMap<Key, Call<C>>>,
    next: Cell<u64>,
    thread: RefCell<Option<AlarmThread>>,
    /// The system gave no thread for the calls that wait.
    is_unwatched: Cell<bool>,
    wake: Arc<Wake>,
}

impl<C: 'static> Alarms<C> {
    pub(crate) fn new(wake: Arc<Wake>) -> Self {
        Self {
            pending: RefCell::default(),
            next: Cell::new(0),
            thread: RefCell::default(),
            is_unwatched: Cell::new(false),
            wake,
        }
    }

    /// Has `call` made after `delay`.
    pub(crate) fn add(self: &Rc<Self>, delay: Duration, call: Call<C>) -> Alarm {
        let now = Instant::now();
        let at = now.checked_add(delay.min(MAX_DELAY)).unwrap_or(now);
        let key = (at, self.next.get());
        self.next.set(key.1 + 1);
        self.pending.borrow_mut().insert(key, call);
        self.update_thread();
        let pending = Rc::downgrade(self) as Weak<dyn Cancel>;
        Alarm { key, pending: Some(pending) }
    }

    /// Whether no call waits for its time.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.borrow().is_empty()
    }

    /// Whether the time of a call has come. After the flag of the router's [`Wake`] was cleared, a
    /// time that came before the flag was set is seen.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.thread.borrow().as_ref().is_some_and(AlarmThread::is_due)
    }

    /// Tries again to have the calls watched that wait, where the system gave no thread before.
    #[inline]
    pub(crate) fn retry(&self) {
        if self.is_unwatched.get() {
            self.set_thread();
        }
    }

    /// Takes the earliest call whose time has come.
    #[inline]
    pub(crate) fn take(&self) -> Option<Call<C>> {
        if self.is_due() { self.take_due() } else { None }
    }

    #[cold]
    fn take_due(&self) -> Option<Call<C>> {
        let mut pending = self.pending.borrow_mut();
        let first = pending.first_entry();
        let call = first.filter(|first| first.key().0 <= Instant::now()).map(OccupiedEntry::remove);
        drop(pending);
        if call.is_none() {
            self.set_thread();
        }
        call
    }

    /// Drops all calls, and ends the thread. `is_forked_copy` says that the thread is that of
    /// another process.
    pub(crate) fn stop(&self, is_forked_copy: bool) {
        self.is_unwatched.set(false);
        let thread = self.thread.take();
        if is_forked_copy {
            // There is no thread here to be stopped and joined.
            std::mem::forget(thread);
        } else {
            drop(thread);
        }
        let pending = self.pending.take();
        // They may own anything of the application's: nothing is borrowed.
        drop(pending);
    }

    /// Tells the thread the earliest time, which may have changed. When a time has come, the next
    /// dispatch looks at all and does that.
    fn update_thread(&self) {
        if !self.is_due() {
            self.set_thread();
        }
    }

    /// Tells the thread the earliest time, if any.
    fn set_thread(&self) {
        let earliest = self.pending.borrow().first_key_value().map(|(key, _)| key.0);
        let mut thread = self.thread.borrow_mut();
        if thread.is_none() && earliest.is_some() {
            match AlarmThread::start(Arc::clone(&self.wake)) {
                Ok(started) => *thread = Some(started),
                Err(error) => {
                    log::error!("alarms are late, as the system gives no thread: {error}");
                }
            }
        }
        self.is_unwatched.set(thread.is_none() && earliest.is_some());
        if let Some(thread) = &*thread {
            thread.set(earliest);
        }
    }
}

impl<C: 'static> Cancel for Alarms<C> {
    fn cancel(&self, key: Key) {
        let mut pending = self.pending.borrow_mut();
        let was_first = pending.first_key_value().is_some_and(|(first, _)| *first == key);
        let call = pending.remove(&key);
        drop(pending);
        if was_first {
            self.update_thread();
        }
        // It may own anything of the application's: nothing is borrowed.
        drop(call);
    }
}

impl<C: 'static> Router<C> {
    /// Has `call` called once, on the foreground's thread, when it dispatches after `delay` has
    /// passed; the event loop is woken for that. Calls are made in the order of their times,
    /// within the [budget](Router::budget) of a dispatch. [`route_until`](Router::route_until)
    /// makes them, too.
    ///
    /// Dropping the [`Alarm`] cancels the call, and [`Alarm::detach`] leaves it to the router. When
    /// the router stops, calls that wait are dropped.
    ///
    /// The first alarm starts a thread (`homing-alarm`), which sleeps until the earliest time. It
    /// ends when the router stops. Should the system give no thread, that is logged, calls are late
    /// rather than lost, and each dispatch tries again.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use homing_router::{DoorbellSet, LoopBinding, Router};
    /// # let doorbells = DoorbellSet::new()?;
    /// # let router: Router<u32> = Router::new(LoopBinding::readiness(&doorbells));
    /// # router.start()?;
    /// let alarm = router.after(Duration::from_millis(1), |ticks: &mut u32| *ticks += 1)?;
    /// router.after(Duration::from_millis(2), |ticks: &mut u32| *ticks += 10)?.detach();
    /// drop(alarm);
    ///
    /// let mut ticks = 0;
    /// router.route_until(&mut ticks, |ticks| *ticks > 0, None)?;
    /// assert_eq!(ticks, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the router does not run. The call is dropped.
    pub fn after(
        &self,
        delay: Duration,
        call: impl FnOnce(&mut C) + 'static,
    ) -> Result<Alarm, WrongState<RouterState>> {
        let state = self.state();
        if !state.is_running() {
            return Err(WrongState { state });
        }
        Ok(self.inner.alarms.add(delay, Box::new(call)))
    }
}
