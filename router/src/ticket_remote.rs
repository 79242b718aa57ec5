//! The foreground's end of the way back of a pipe that is made before it is known which worker
//! takes it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use homing_core::{
    ConnectionId, Downlink, EncodedRemote, ProtocolError, RemoteEnd, SendError, SendErrorKind,
    codec,
};
use serde::Serialize;

/// What a command counts beside its length, as on links of bytes.
const OVERHEAD: usize = 16;

/// Keeps the commands of a pipe until a worker claims it, and then sends them over that worker's
/// link.
pub(crate) struct TicketRemote {
    connection: ConnectionId,
    capacity: usize,
    state: Mutex<State>,
}

/// The most bytes of one command, and how many levels deep it may nest.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) limit: usize,
    pub(crate) depth: u32,
}

impl Bounds {
    pub(crate) fn of(downlink: &dyn Downlink) -> Self {
        Self { limit: downlink.limit(), depth: downlink.depth() }
    }
}

struct State {
    bounds: Bounds,
    phase: Phase,
    /// Commands that were accepted, and that no worker can take any more.
    lost: u64,
}

enum Phase {
    /// No worker has claimed the pipe.
    Waiting(Waiting),
    /// A worker has.
    Claimed(Arc<dyn EncodedRemote>),
    /// The pipe has ended before.
    Closed,
}

/// What waits for a worker.
#[derive(Default)]
struct Waiting {
    commands: VecDeque<Vec<u8>>,
    bytes: usize,
    is_cancelled: bool,
    /// The foreground's tasks that wait for room.
    wakers: Vec<Waker>,
}

impl Waiting {
    /// Whether a command of so many bytes is within the capacity.
    fn has_room(&self, len: usize, capacity: usize) -> bool {
        self.commands.is_empty() || self.bytes + len + OVERHEAD <= capacity
    }
}

impl TicketRemote {
    /// Keeps at most `capacity` bytes of commands, each within the bounds.
    pub(crate) fn new(connection: ConnectionId, capacity: usize, bounds: Bounds) -> Self {
        let phase = Phase::Waiting(Waiting::default());
        Self { connection, capacity, state: Mutex::new(State { bounds, phase, lost: 0 }) }
    }

    fn accept(&self, command: Vec<u8>) -> Result<(), SendErrorKind> {
        let mut state = self.lock();
        let max = state.bounds.limit;
        if command.len() > max {
            // The worker that has claimed the pipe meanwhile has a lower limit.
            return Err(SendErrorKind::TooLarge { len: command.len(), max });
        }
        match &mut state.phase {
            Phase::Waiting(waiting) => {
                if !waiting.has_room(command.len(), self.capacity) {
                    return Err(SendErrorKind::Full);
                }
                waiting.bytes += command.len() + OVERHEAD;
                waiting.commands.push_back(command);
                Ok(())
            }
            Phase::Claimed(remote) => remote.send(&command),
            Phase::Closed => Err(SendErrorKind::Closed),
        }
    }

    /// The worker's end of the way back, once there is one.
    fn claimed(&self) -> Option<Arc<dyn EncodedRemote>> {
        match &self.lock().phase {
            Phase::Claimed(remote) => Some(Arc::clone(remote)),
            Phase::Waiting(_) | Phase::Closed => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Sends over `remote` what waits, and counts what its link cannot carry.
    fn claim(&mut self, remote: Arc<dyn EncodedRemote>, bounds: Bounds) {
        self.bounds = bounds;
        remote.note_started();
        let phase = std::mem::replace(&mut self.phase, Phase::Claimed(Arc::clone(&remote)));
        let Phase::Waiting(waiting) = phase else { return };
        for command in waiting.commands {
            let fits = command.len() <= bounds.limit;
            if !fits {
                log::warn!(
                    target: "homing::pipe",
                    "a command of {} bytes is lost: the link of the worker that has claimed its \
                     pipe allows {}",
                    command.len(),
                    bounds.limit
                );
            }
            // A worker that is gone again is found by its inlet.
            if !fits || remote.send(&command).is_err() {
                self.lost += 1;
            }
        }
        if waiting.is_cancelled {
            remote.cancel();
        }
        waiting.wakers.iter().for_each(|waker| remote.wake_on_room(waker));
    }
}

impl<D: Serialize> RemoteEnd<D> for TicketRemote {
    fn bind(&self, downlink: Option<&dyn Downlink>) -> Result<(), ProtocolError> {
        let downlink = downlink.ok_or(ProtocolError::NoWayBack)?;
        let mut state = self.lock();
        if let Phase::Waiting(_) = state.phase {
            let remote = downlink.remote(self.connection, self.capacity);
            state.claim(remote, Bounds::of(downlink));
        }
        Ok(())
    }

    fn send(&self, command: D) -> Result<(), SendError<D>> {
        let Bounds { limit, depth } = self.lock().bounds;
        let mut encoded = Vec::new();
        // Nothing is locked: code of the application's runs.
        codec::append(&command, limit, depth, &mut encoded)
            .map_err(SendErrorKind::from)
            .and_then(|_| self.accept(encoded))
            .map_err(|kind| SendError::new(command, kind))
    }

    fn cancel(&self) {
        match &mut self.lock().phase {
            Phase::Waiting(waiting) => waiting.is_cancelled = true,
            Phase::Claimed(remote) => remote.cancel(),
            Phase::Closed => {}
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        match &mut state.phase {
            Phase::Waiting(waiting) => {
                let waiting = std::mem::take(waiting);
                state.lost += waiting.commands.len() as u64;
                state.phase = Phase::Closed;
                drop(state);
                // A waker is code of an executor: nothing is locked.
                waiting.wakers.into_iter().for_each(Waker::wake);
            }
            Phase::Claimed(remote) => remote.close(),
            Phase::Closed => {}
        }
    }

    fn note_taken(&self, commands: u64) -> Result<(), ProtocolError> {
        self.claimed().ok_or(ProtocolError::OutOfTurn)?.note_taken(commands)
    }

    fn untaken(&self) -> u64 {
        let state = self.lock();
        let untaken = match &state.phase {
            Phase::Waiting(waiting) => waiting.commands.len() as u64,
            Phase::Claimed(remote) => remote.untaken(),
            Phase::Closed => 0,
        };
        state.lost + untaken
    }

    fn has_room(&self) -> bool {
        match &self.lock().phase {
            Phase::Waiting(waiting) => waiting.has_room(0, self.capacity),
            Phase::Claimed(remote) => remote.has_room(),
            Phase::Closed => true,
        }
    }

    fn wake_on_room(&self, waker: &Waker) {
        match &mut self.lock().phase {
            Phase::Waiting(waiting) => {
                if !waiting.wakers.iter().any(|other| other.will_wake(waker)) {
                    waiting.wakers.push(waker.clone());
                }
            }
            Phase::Claimed(remote) => remote.wake_on_room(waker),
            // It has room, as a command comes back at once.
            Phase::Closed => {}
        }
    }
}

impl fmt::Debug for TicketRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketRemote").field("connection", &self.connection).finish_non_exhaustive()
    }
}
