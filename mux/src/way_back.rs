//! The reading end of a link's way back: one inlet, whose commands go to the pipes that they are
//! for.

mod tasks;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use homing_core::{
    Arrival, ConnectionId, DecodeLimits, Inlet, Payload, RecvError, Told, ToldCell, Wait,
};

/// How the side that reads a way back learns that something has come.
pub trait WayBackSource: Send + Sync + 'static {
    /// Whether something may have come since [`WayBack::drain`] last found nothing more: an atomic
    /// load, which any thread may do at any time. `false` where a thread of the transport drains, and
    /// in a forked copy of the process.
    fn has_news(&self) -> bool;

    /// Waits until something may have come, or the peer is gone, at most so long. One thread at a
    /// time calls it, after a [`drain`](WayBack::drain) that has found nothing more. Returning
    /// early is allowed.
    ///
    /// `None`: there is nothing to wait for, as a thread of the transport drains.
    fn wait(&self, timeout: Option<Duration>) -> Option<()>;

    /// Makes the current or the next [`wait`](WayBackSource::wait) return: another thread has read
    /// what that one waits for. For sources where that ends no wait by itself, as when it was the
    /// bytes themselves that made a descriptor readable.
    fn interrupt(&self) {}
}

/// The reading end of a link's way back. Clones are handles of the same one.
#[derive(Clone)]
pub struct WayBack(Arc<Shared>);

struct Shared {
    source: Box<dyn WayBackSource>,
    state: Mutex<State>,
    /// Notified when something has come, or no thread waits at the source any more.
    changed: Condvar,
    /// What has senders look that wait for space.
    interrupt: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

struct State {
    inlet: Box<dyn Inlet + Send>,
    inboxes: HashMap<ConnectionId, Inbox>,
    /// What all pipes were told.
    told: Told,
    /// The peer is gone, or has sent what no peer sends.
    is_over: bool,
    /// Whether a thread waits at the source.
    is_watched: bool,
    /// Counts the drains that have found something.
    drains: u64,
    /// How many threads wait for `changed`: to notify none costs a system call as well.
    waiting: usize,
    /// Whether a thread waits for tasks, until the link is dropped.
    has_watcher: bool,
    is_dropped: bool,
    /// What is to be made known once the lock is released.
    news: News,
}

/// What drains have found that others are to learn. They are code of an executor, and take other
/// locks: this one is released first.
#[derive(Default)]
struct News {
    /// A pipe was told something, or the peer is gone: senders that wait are to look.
    is_notice: bool,
    /// Tasks that are to be woken.
    woken: Vec<Waker>,
}

/// What has come for one pipe.
struct Inbox {
    pipe: Arc<PipeEnd>,
    commands: VecDeque<(Vec<u8>, DecodeLimits)>,
    /// The task that waits for more.
    task: Option<Waker>,
}

/// A pipe's end on this side, as its sender and its receiver share it.
#[derive(Debug, Default)]
pub(crate) struct PipeEnd {
    told: ToldCell,
    /// Which of the two have come. The first one claims the pipe.
    claimed: AtomicU8,
    /// Commands that were taken of which the peer was not told. It publishes nothing: Relaxed will
    /// do.
    owed: AtomicU64,
}

/// What one command counts of its pipe's window beside its bytes.
pub(crate) const OVERHEAD: usize = 16;

/// How many bytes of one pipe's commands may be on their way and not taken. A longer command goes
/// alone.
pub(crate) const WINDOW: u64 = 32 * 1024;

/// What a command counts of it.
pub(crate) fn cost(command: &[u8]) -> u64 {
    (command.len() + OVERHEAD) as u64
}

const SENDER: u8 = 1;
const RECEIVER: u8 = 2;

impl PipeEnd {
    /// Whether the pipe is to be claimed by its sender. A second sender of the same ticket claims
    /// it again: the peer is to find that.
    pub(crate) fn claim_for_sender(&self) -> bool {
        self.claimed.fetch_or(SENDER, Ordering::Relaxed) != RECEIVER
    }

    /// Whether the pipe is to be claimed by its receiver.
    pub(crate) fn claim_for_receiver(&self) -> bool {
        self.claimed.fetch_or(RECEIVER, Ordering::Relaxed) == 0
    }

    /// What the pipe was told, as far as that was drained.
    pub(crate) fn told(&self) -> Told {
        self.told.get()
    }

    #[inline]
    pub(crate) fn owes(&self) -> bool {
        self.owed.load(Ordering::Relaxed) > 0
    }

    /// What the peer is to be told now: how many commands were taken.
    pub(crate) fn settle(&self) -> u64 {
        self.owed.swap(0, Ordering::Relaxed)
    }
}

/// What [`WayBack::recv`] came to.
pub(crate) enum Received {
    Command(Vec<u8>, DecodeLimits),
    /// Before the caller waits, the peer is to be told what was taken.
    Settle,
}

impl WayBack {
    /// Reads from `inlet`, which is woken as `source` says.
    pub fn new(inlet: impl Inlet + Send + 'static, source: impl WayBackSource) -> Self {
        let state = State {
            inlet: Box::new(inlet),
            inboxes: HashMap::new(),
            told: Told::NOTHING,
            is_over: false,
            is_watched: false,
            drains: 0,
            waiting: 0,
            has_watcher: false,
            is_dropped: false,
            news: News::default(),
        };
        Self(Arc::new(Shared {
            source: Box::new(source),
            state: Mutex::new(state),
            changed: Condvar::new(),
            interrupt: OnceLock::new(),
        }))
    }

    /// Takes all that has come, and wakes the threads that it concerns. Any thread may call it.
    pub fn drain(&self) {
        let mut state = self.lock();
        self.drain_locked(&mut state);
        self.unlock(state);
    }

    /// Sets what has senders look that wait for space.
    pub(crate) fn on_interrupt(&self, interrupt: impl Fn() + Send + Sync + 'static) {
        // There is one mux to a way back.
        let _ = self.0.interrupt.set(Box::new(interrupt));
    }

    /// This side's end of a pipe, for its sender and its receiver.
    pub(crate) fn pipe_end(&self, connection: ConnectionId) -> Arc<PipeEnd> {
        let mut state = self.lock();
        let told = state.told;
        let inbox = state.inboxes.entry(connection).or_insert_with(|| {
            let pipe = Arc::new(PipeEnd::default());
            pipe.told.add(told);
            Inbox { pipe, commands: VecDeque::new(), task: None }
        });
        Arc::clone(&inbox.pipe)
    }

    /// One of a pipe's ends is dropped. After the last, what comes for the pipe is dropped.
    pub(crate) fn release(&self, connection: ConnectionId, pipe: &Arc<PipeEnd>) {
        let mut state = self.lock();
        // The inbox's and the caller's own.
        let released = match Arc::strong_count(pipe) <= 2 {
            true => state.inboxes.remove(&connection),
            false => None,
        };
        drop(state);
        // A task may be dropped with its waker: no lock is held.
        drop(released);
    }

    /// What a pipe was told.
    #[inline]
    pub(crate) fn told(&self, pipe: &PipeEnd) -> Told {
        if self.0.source.has_news() {
            self.drain_news();
        }
        pipe.told.get()
    }

    #[cold]
    fn drain_news(&self) {
        // A thread that holds the lock drains.
        if let Ok(mut state) = self.0.state.try_lock() {
            self.drain_locked(&mut state);
            self.unlock(state);
        }
    }

    /// Takes the next command of a pipe, or waits for it.
    pub(crate) fn recv(
        &self,
        connection: ConnectionId,
        pipe: &PipeEnd,
        wait: Wait,
    ) -> Result<Received, RecvError> {
        let deadline = match wait {
            Wait::AtMost(time) => Instant::now().checked_add(time),
            Wait::Never | Wait::Forever => None,
        };
        let mut state = self.lock();
        self.drain_locked(&mut state);
        loop {
            if let Some(next) = state.next(connection, pipe) {
                self.unlock(state);
                return next;
            }
            if state.has_news() {
                self.unlock(state);
                state = self.lock();
                continue;
            }
            let timeout = match (wait, deadline) {
                (Wait::Never, _) => return Err(RecvError::Empty),
                (_, None) => None,
                (_, Some(deadline)) => match deadline.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => Some(left),
                    _ => return Err(RecvError::Empty),
                },
            };
            state = self.wait(state, timeout);
        }
    }

    /// Waits for a change: at the source, unless another thread does. What has come by then is
    /// drained.
    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        if !state.is_watched {
            state.is_watched = true;
            let drains = state.drains;
            drop(state);
            let waited = self.0.source.wait(timeout);
            state = self.lock();
            state.is_watched = false;
            let has_missed = state.drains != drains;
            if waited.is_some() || has_missed {
                self.drain_locked(&mut state);
            }
            if waited.is_some() {
                // Another thread that waits may have to take over.
                self.notify(&state);
                return state;
            }
            if has_missed {
                // Something has come before this thread could be notified.
                return state;
            }
        }
        let changed = &self.0.changed;
        state.waiting += 1;
        let mut state = match timeout {
            None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(time) => {
                changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.waiting -= 1;
        self.drain_locked(&mut state);
        state
    }

    /// Wakes the threads that wait for `changed`.
    fn notify(&self, state: &State) {
        if state.waiting > 0 {
            self.0.changed.notify_all();
        }
    }

    fn drain_locked(&self, state: &mut State) {
        let mut seen = Seen::default();
        while !state.is_over && state.take_next(&mut seen) {}
        if seen.something {
            state.drains += 1;
            self.notify(state);
            if state.is_watched {
                self.0.source.interrupt();
            }
        }
        state.news.is_notice |= seen.notice;
    }

    /// Releases the lock, and makes known what drains have found.
    fn unlock(&self, mut state: MutexGuard<'_, State>) {
        let News { is_notice, woken } = std::mem::take(&mut state.news);
        drop(state);
        if is_notice && let Some(interrupt) = self.0.interrupt.get() {
            interrupt();
        }
        woken.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a drain has found.
#[derive(Default)]
struct Seen {
    something: bool,
    /// A pipe was told something, or the peer is gone: senders that wait are to look.
    notice: bool,
}

impl State {
    /// What a receiver is to return now. `None` while it has to wait.
    fn next(
        &mut self,
        connection: ConnectionId,
        pipe: &PipeEnd,
    ) -> Option<Result<Received, RecvError>> {
        let told = pipe.told.get();
        if told.is_closed() {
            return Some(Err(RecvError::Closed));
        }
        let inbox = self.inboxes.get_mut(&connection);
        if let Some((command, limits)) = inbox.and_then(|inbox| inbox.commands.pop_front()) {
            pipe.owed.fetch_add(1, Ordering::Relaxed);
            return Some(Ok(Received::Command(command, limits)));
        }
        if self.is_over {
            return Some(Err(RecvError::Disconnected));
        }
        if pipe.owes() {
            return Some(Ok(Received::Settle));
        }
        told.is_cancelled().then_some(Err(RecvError::Cancelled))
    }

    /// Whether a drain has found what is not made known yet.
    fn has_news(&self) -> bool {
        self.news.is_notice || !self.news.woken.is_empty()
    }

    /// Takes one arrival off the inlet. Whether there may be more.
    fn take_next(&mut self, seen: &mut Seen) -> bool {
        match self.inlet.poll() {
            Ok(None) => return false,
            Ok(Some(Arrival::Message {
                connection,
                payload: Payload::Bytes { bytes, limits },
            })) => {
                seen.something = true;
                // Otherwise both ends of the pipe are gone.
                if let Some(inbox) = self.inboxes.get_mut(&connection)
                    && !inbox.pipe.told.get().is_closed()
                {
                    inbox.commands.push_back((bytes.to_vec(), *limits));
                    self.news.woken.extend(inbox.task.take());
                }
            }
            Ok(Some(Arrival::Told { connection, told })) => {
                (seen.something, seen.notice) = (true, true);
                self.tell(connection, told);
            }
            // Nothing else is of concern here.
            Ok(Some(_)) => {}
            Err(_) => {
                (seen.something, seen.notice) = (true, true);
                self.is_over = true;
                self.news.woken.extend(self.inboxes.values_mut().filter_map(|it| it.task.take()));
            }
        }
        true
    }

    fn tell(&mut self, connection: Option<ConnectionId>, told: Told) {
        let Some(connection) = connection else {
            self.told = self.told.and(told);
            for inbox in self.inboxes.values_mut() {
                inbox.pipe.told.add(told);
                self.news.woken.extend(inbox.task.take());
            }
            return;
        };
        if let Some(inbox) = self.inboxes.get_mut(&connection) {
            inbox.pipe.told.add(told);
            self.news.woken.extend(inbox.task.take());
            if told.is_closed() {
                inbox.commands.clear();
            }
        }
    }
}

impl fmt::Debug for WayBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WayBack").finish_non_exhaustive()
    }
}
