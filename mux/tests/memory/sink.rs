use std::sync::{Arc, Condvar, Mutex, PoisonError};

use homing_core::{Arrival, Disconnected, Inlet, LinkEnd, ProtocolError};
use homing_mux::frame::{self, MAX_FRAME, MAX_PREFIX};
use homing_mux::{FrameSink, Reassembler, Written};

/// A queue of bytes with a bound, as its two sides share it.
struct Queue {
    state: Mutex<State>,
    /// Notified when bytes were taken, or a side has gone.
    taken: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    writer_gone: bool,
    reader_gone: bool,
}

impl Queue {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The writing side.
pub struct MemorySink(Arc<Queue>);

/// The reading side.
pub struct MemoryInlet {
    queue: Arc<Queue>,
    /// What was taken from the queue, and how much of it was read.
    taken: Vec<u8>,
    at: usize,
    reassembler: Reassembler,
}

/// A link that holds at most `capacity` bytes, for messages of at most `limit`.
pub fn memory_link(capacity: usize, limit: usize) -> (MemorySink, MemoryInlet) {
    let (state, taken) = (Mutex::default(), Condvar::new());
    let queue = Arc::new(Queue { state, taken, capacity });
    let reassembler = Reassembler::new(limit);
    (MemorySink(Arc::clone(&queue)), MemoryInlet { queue, taken: Vec::new(), at: 0, reassembler })
}

impl FrameSink for MemorySink {
    /// A queue with space for that much takes it as a whole.
    fn max_atomic_body(&self) -> usize {
        4096
    }

    fn try_write(&self, first: &[u8], second: &[u8]) -> Result<Written, Disconnected> {
        let Queue { capacity, .. } = *self.0;
        self.0.with(|state| {
            if state.reader_gone {
                return Err(Disconnected);
            }
            let wanted = first.len() + second.len();
            let space = capacity - state.bytes.len();
            // Up to a length, all or nothing; longer ones in part.
            let len = if wanted <= 2 * 4096 && space < wanted { 0 } else { space.min(wanted) };
            let (first, second) = match first.get(..len) {
                Some(cut) => (cut, &[][..]),
                None => (first, second.get(..len - first.len()).unwrap_or(second)),
            };
            state.bytes.extend_from_slice(first);
            state.bytes.extend_from_slice(second);
            // A reader that sleeps would have to be notified. This one is polled.
            Ok(match len {
                0 => Written::WouldBlock,
                _ if len == wanted => Written::Complete { notify: false },
                _ => Written::Partial { len, notify: false },
            })
        })
    }

    fn wait_writable(
        &self,
        len: usize,
        keep_waiting: &dyn Fn() -> bool,
    ) -> Result<(), Disconnected> {
        let queue = &*self.0;
        let mut state = queue.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Space for a part of a long frame is enough, and for all of a short one.
        let wanted = len.min(2 * 4096);
        // `interrupt` cannot come between the question and the wait: it takes the same lock.
        while !state.reader_gone && queue.capacity - state.bytes.len() < wanted && keep_waiting() {
            state = queue.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.reader_gone { Err(Disconnected) } else { Ok(()) }
    }

    fn interrupt(&self) {
        self.0.with(|_| self.0.taken.notify_all());
    }
}

impl Drop for MemorySink {
    fn drop(&mut self) {
        self.0.with(|state| state.writer_gone = true);
    }
}

impl MemoryInlet {
    /// Takes what is in the queue, and says whether there was anything.
    fn refill(&mut self) -> Result<bool, LinkEnd> {
        // No more than is needed: what was taken makes space, and so must have a bound.
        if self.taken.len() - self.at >= MAX_PREFIX + MAX_FRAME {
            return Ok(false);
        }
        let (mut bytes, gone) =
            self.queue.with(|state| (std::mem::take(&mut state.bytes), state.writer_gone));
        self.queue.taken.notify_all();
        if bytes.is_empty() {
            // All that was written before the end was taken, as both are one state.
            // The reassembler knows whether the other side has ever opened the link.
            let end = || self.reassembler.link_end(LinkEnd::gone());
            return if gone { Err(end()) } else { Ok(false) };
        }
        self.taken.drain(..std::mem::take(&mut self.at));
        self.taken.append(&mut bytes);
        Ok(true)
    }
}

impl Inlet for MemoryInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        // The length of the next frame with its prefix, once all of it is here.
        let len = loop {
            let rest = self.taken.get(self.at..).unwrap_or(&[]);
            match frame::measure(rest)? {
                Some(len) if len <= rest.len() => break len,
                _ if self.refill()? => {}
                _ => return Ok(None),
            }
        };
        let prefixed = self.taken.get(self.at..self.at + len).unwrap_or(&[]);
        self.at += len;
        match frame::split(prefixed)? {
            Some((frame, _)) => Ok(Some(self.reassembler.push_frame(frame)?)),
            None => Err(ProtocolError::Malformed.into()),
        }
    }
}

impl Drop for MemoryInlet {
    fn drop(&mut self) {
        self.queue.with(|state| state.reader_gone = true);
        self.queue.taken.notify_all();
    }
}
