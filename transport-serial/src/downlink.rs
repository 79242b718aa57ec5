//! The foreground's sending side of a serial line.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use homing_core::{
    ConnectionId, DecodeLimits, Downlink, EncodedRemote, Notifier, ProtocolError, SendErrorKind,
};

use crate::command_queue::{Chip, CommandQueue};
use crate::frame::told;

/// The way back of one line: what remotes put in, the inlet learns, and a thread writes.
#[derive(Clone)]
pub(crate) struct SerialDownlink(Arc<Shared>);

struct Shared {
    /// The number of this run of the foreground.
    run: u32,
    /// The most bytes of one command.
    limit: usize,
    state: Mutex<State>,
    /// Notified when there may be something to write.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By port. `None` for pipes without commands.
    queues: Vec<Option<CommandQueue>>,
    /// The port whose turn it is to write.
    turn: usize,
    /// Nothing is written any more: the link has ended, or the writer has failed.
    is_over: bool,
}

impl SerialDownlink {
    pub(crate) fn new(limit: usize) -> Self {
        // It only has to differ from those before.
        let run = RandomState::new().hash_one(Instant::now()) as u32;
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { run, limit, state, changed }))
    }

    /// The number of this run of the foreground.
    pub(crate) fn run(&self) -> u32 {
        self.0.run
    }

    /// Gives a port a queue of commands.
    pub(crate) fn add(&self, port: u32, capacity: usize) -> Arc<dyn EncodedRemote> {
        let mut state = self.lock();
        let index = port as usize;
        if state.queues.len() <= index {
            state.queues.resize_with(index + 1, || None);
        }
        if let Some(place) = state.queues.get_mut(index) {
            *place = Some(CommandQueue::new(port, self.0.run, capacity, Instant::now()));
        }
        self.0.changed.notify_one();
        Arc::new(SerialRemote { downlink: self.clone(), index })
    }

    /// A frame of a port has come, in this run of the chip.
    pub(crate) fn note_run(&self, port: u32, run: u32) {
        self.with(port as usize, |queue| queue.note_run(run, Instant::now()));
    }

    /// The chip has taken all commands of a port below `number`. Whether that can be so.
    pub(crate) fn note_taken(&self, port: u32, number: u64, chip: Chip) -> bool {
        let noted = self.with(port as usize, |queue| {
            let noted = queue.note_taken(number, chip, Instant::now());
            (noted, queue.take_wakers())
        });
        let (noted, wakers) = noted.unwrap_or_default();
        // Wakers are the application's: nothing is locked.
        wakers.into_iter().for_each(Waker::wake);
        noted
    }

    /// Nothing is written any more.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.is_over = true;
        let queues = state.queues.iter_mut().flatten();
        let wakers: Vec<_> = queues.flat_map(CommandQueue::take_wakers).collect();
        drop(state);
        self.0.changed.notify_one();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until there is a frame to write. `None` when there will be none.
    pub(crate) fn next_frame(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return None;
            }
            let now = Instant::now();
            if let Some(frame) = state.next_frame(now) {
                return Some(frame);
            }
            let changed = &self.0.changed;
            state = match state.deadline() {
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let timeout = time.saturating_duration_since(now);
                    let waited = changed.wait_timeout(state, timeout);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Uses the queue of a port, and wakes the thread that writes.
    fn with<T>(&self, index: usize, use_it: impl FnOnce(&mut CommandQueue) -> T) -> Option<T> {
        let result = use_it(self.lock().queues.get_mut(index)?.as_mut()?);
        self.0.changed.notify_one();
        Some(result)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next frame, of each port in its turn.
    fn next_frame(&mut self, now: Instant) -> Option<Vec<u8>> {
        for _ in 0..self.queues.len() {
            let index = self.turn;
            self.turn = if index + 1 < self.queues.len() { index + 1 } else { 0 };
            if let Some(Some(queue)) = self.queues.get_mut(index)
                && let Some(frame) = queue.next_frame(now)
            {
                return Some(frame);
            }
        }
        None
    }

    fn deadline(&self) -> Option<Instant> {
        self.queues.iter().flatten().filter_map(CommandQueue::deadline).min()
    }
}

impl Notifier for SerialDownlink {
    /// A chip is told of duplex pipes only: others have no inbox there.
    fn close(&self, _: ConnectionId) {}

    fn announce_stop(&self) {
        let now = Instant::now();
        for queue in self.lock().queues.iter_mut().flatten() {
            queue.tell(told::CANCELLED | told::STOPPING, now);
        }
        self.0.changed.notify_one();
    }

    /// The thread writes what there is.
    fn flush(&self) {}
}

impl SerialDownlink {
    /// The way back of one port, as the seam wants it.
    pub(crate) fn on_port(&self, port: u32) -> impl Downlink {
        PortDownlink { downlink: self.clone(), port }
    }
}

/// A downlink that knows by which port the chip names the pipe.
struct PortDownlink {
    downlink: SerialDownlink,
    port: u32,
}

impl Notifier for PortDownlink {
    fn close(&self, connection: ConnectionId) {
        self.downlink.close(connection);
    }

    fn announce_stop(&self) {
        self.downlink.announce_stop();
    }

    fn flush(&self) {}
}

impl Downlink for PortDownlink {
    fn remote(&self, _: ConnectionId, capacity: usize) -> Arc<dyn EncodedRemote> {
        self.downlink.add(self.port, capacity)
    }

    fn limit(&self) -> usize {
        self.downlink.0.limit
    }

    fn depth(&self) -> u32 {
        DecodeLimits::DEFAULT_DEPTH
    }
}

/// The foreground's sending end of one port.
struct SerialRemote {
    downlink: SerialDownlink,
    index: usize,
}

impl EncodedRemote for SerialRemote {
    /// The chip says by itself that it is there.
    fn note_started(&self) {}

    fn send(&self, command: &[u8]) -> Result<(), SendErrorKind> {
        let mut state = self.downlink.lock();
        let is_over = state.is_over;
        let queue = state.queues.get_mut(self.index).and_then(Option::as_mut);
        let queue = queue.ok_or(SendErrorKind::Disconnected)?;
        if is_over && !queue.has_ended() {
            return Err(SendErrorKind::Disconnected);
        }
        queue.send(command)?;
        drop(state);
        self.downlink.0.changed.notify_one();
        Ok(())
    }

    fn cancel(&self) {
        self.downlink.with(self.index, |queue| queue.tell(told::CANCELLED, Instant::now()));
    }

    fn close(&self) {
        let wakers = self.downlink.with(self.index, |queue| {
            queue.close(Instant::now());
            queue.take_wakers()
        });
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// The inlet learns what was taken, as numbers of commands, and passes it on itself.
    fn note_taken(&self, _: u64) -> Result<(), ProtocolError> {
        Err(ProtocolError::OutOfTurn)
    }

    fn untaken(&self) -> u64 {
        let mut state = self.downlink.lock();
        let queue = state.queues.get_mut(self.index).and_then(Option::as_mut);
        queue.map_or(0, |queue| queue.untaken())
    }

    fn has_room(&self) -> bool {
        let mut state = self.downlink.lock();
        let is_over = state.is_over;
        let queue = state.queues.get_mut(self.index).and_then(Option::as_mut);
        is_over || queue.is_none_or(|queue| queue.has_room())
    }

    fn wake_on_room(&self, waker: &Waker) {
        self.downlink.with(self.index, |queue| queue.wake_on_room(waker));
    }
}

impl fmt::Debug for SerialDownlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialDownlink").field("run", &self.0.run).finish_non_exhaustive()
    }
}
