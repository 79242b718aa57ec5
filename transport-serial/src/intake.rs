//! Between whoever reads a line and its inlet.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use homing_core::{LinkEnd, ProtocolError};

/// Bytes that were read and not yet looked at.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Notified when there is room again, or nobody looks any more.
    changed: Condvar,
    /// So many bytes may wait. The last read may exceed it.
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    end: Option<LinkEnd>,
    /// The inlet is gone.
    gone: bool,
}

/// Makes both ends: at most about `most` bytes wait between them.
pub(crate) fn intake(most: usize) -> (Feed, Intake) {
    let shared =
        Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), most: most.max(1) });
    (Feed(Arc::clone(&shared)), Intake(shared))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether more may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Some,
    Full,
    /// Nobody looks any more.
    Gone,
}

/// Where the reader puts what it has read.
#[derive(Debug)]
pub(crate) struct Feed(Arc<Shared>);

impl Feed {
    /// Whether there is room.
    ///
    /// A pump that says `Full` is called once more after a fence of `Doorbells`, which pairs
    /// with the one in `Waker::notify_capacity`: so either that look sees the room that
    /// [`Intake::take`] has made, or the waker sees that this pump waits.
    #[cfg(unix)]
    pub(crate) fn room(&self) -> Room {
        self.room_in(&self.0.lock())
    }

    /// Waits for room, and returns false when nobody looks any more.
    pub(crate) fn wait_for_room(&self) -> bool {
        let mut state = self.0.lock();
        loop {
            match self.room_in(&state) {
                Room::Some => return true,
                Room::Gone => return false,
                Room::Full => {
                    state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn room_in(&self, state: &State) -> Room {
        match state {
            State { gone: true, .. } => Room::Gone,
            State { bytes, .. } if bytes.len() >= self.0.most => Room::Full,
            _ => Room::Some,
        }
    }

    pub(crate) fn put(&self, bytes: &[u8]) {
        self.0.lock().bytes.extend_from_slice(bytes);
    }

    /// Nothing will come any more. The first to say why is right.
    pub(crate) fn end(&self, end: LinkEnd) {
        self.0.lock().end.get_or_insert(end);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // Unless the end was seen, nobody reads any more what comes.
        self.end(LinkEnd::Refused(ProtocolError::Broken));
    }
}

/// Where the inlet finds it.
#[derive(Debug)]
pub(crate) struct Intake(Arc<Shared>);

impl Intake {
    /// The bytes that follow, in place of those in `buffer`; `false` when there are none now.
    pub(crate) fn take(&mut self, buffer: &mut Vec<u8>) -> Result<bool, LinkEnd> {
        buffer.clear();
        let mut state = self.0.lock();
        std::mem::swap(buffer, &mut state.bytes);
        match state.end {
            Some(end) if buffer.is_empty() => return Err(end),
            _ => {}
        }
        if buffer.is_empty() {
            // An idle line holds no memory.
            state.bytes = Vec::new();
            *buffer = Vec::new();
        }
        drop(state);
        self.0.changed.notify_one();
        Ok(!buffer.is_empty())
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.gone = true;
        state.bytes = Vec::new();
        drop(state);
        self.0.changed.notify_one();
    }
}
