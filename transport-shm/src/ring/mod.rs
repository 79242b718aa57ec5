//! The ring of bytes, seen from either side. It knows no system: the memory behind it is a
//! region of shared memory, or a model.
//!
//! A link has two rings, one in each direction. This module speaks of the one that the worker
//! writes and the foreground reads; on the way back the two have exchanged their roles. Either of
//! them may be the foreground, so each checks what it reads of the other's.
//!
//! Frames are put as a whole or not at all. Each begins at a multiple of [`ALIGN`].

pub(crate) mod control;
mod look;
#[cfg(all(test, loom))]
mod models;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use homing_core::ProtocolError;

use control::{ALIGN, ControlWords, NOTIFIED, NOTIFYING, Snapshot};
pub(crate) use look::Drained;

/// The memory of a ring.
pub(crate) trait Memory: ControlWords {
    /// The length of the ring in bytes, a power of two.
    fn len(&self) -> usize;
    /// Writes bytes from `index` on, a multiple of [`ALIGN`], and zeroes up to the next one.
    fn write(&self, index: u64, bytes: &[u8]);
    /// Reads bytes from `index` on, a multiple of [`ALIGN`].
    fn read(&self, index: u64, into: &mut [u8]);
}

/// The room that so many bytes take.
#[inline]
pub(crate) const fn padded(len: usize) -> usize {
    len.next_multiple_of(ALIGN)
}

/// The worker's side. One for each ring.
///
/// Its methods are for one thread at a time: see [`FrameSink`](homing_mux::FrameSink). That is what
/// orders the accesses to its figures, which are atomic only for being shared.
pub(crate) struct Producer {
    tail: AtomicU64,
    /// The foreground's index as it was last seen. Seeing it costs a cache miss, so it is
    /// looked at again only when there seems to be no room.
    head: AtomicU64,
}

impl Producer {
    pub(crate) const fn new() -> Self {
        Self { tail: AtomicU64::new(0), head: AtomicU64::new(0) }
    }

    #[inline]
    fn tail(&self) -> u64 {
        self.tail.load(Relaxed)
    }

    /// How many bytes there is room for now.
    #[inline]
    fn space(&self, len: usize) -> usize {
        len.saturating_sub(self.tail().wrapping_sub(self.head.load(Relaxed)) as usize)
    }

    /// Whether there is room for `wanted` bytes, a multiple of [`ALIGN`].
    #[inline]
    pub(crate) fn has_space<M: Memory>(&self, memory: &M, wanted: usize) -> bool {
        self.space(memory.len()) >= wanted || self.refresh_head(memory) >= wanted
    }

    #[cold]
    fn refresh_head<M: Memory>(&self, memory: &M) -> usize {
        self.accept_head(memory.load_head(), memory.len())
    }

    /// Announces that the writer waits for room, and looks once more how much there is. The
    /// reader rings when it has made more.
    #[cold]
    pub(crate) fn announce_wait<M: Memory>(&self, memory: &M) -> usize {
        self.accept_head(memory.announce_wait(), memory.len())
    }

    /// The reader's index as it was last seen.
    pub(crate) fn head(&self) -> u64 {
        self.head.load(Relaxed)
    }

    /// Takes the reader's index, if it can be, and says how much room there is.
    ///
    /// On the way back a hostile worker writes it. One that goes back, or past what was put, is
    /// ignored rather than trusted; one that is only wrong has the worker's own bytes overwritten,
    /// or makes the ring seem full.
    fn accept_head(&self, seen: Snapshot, len: usize) -> usize {
        let before = self.head();
        if seen.index().wrapping_sub(before) <= self.tail().wrapping_sub(before) {
            self.head.store(seen.index(), Relaxed);
        }
        self.space(len)
    }

    /// Puts a frame, in two pieces, and publishes it. Says what the other side had said, or
    /// `None` when there is no room.
    #[inline]
    pub(crate) fn put<M: Memory>(
        &self,
        memory: &M,
        first: &[u8],
        second: &[u8],
    ) -> Option<Snapshot> {
        let len = padded(first.len() + second.len());
        if !self.has_space(memory, len) {
            return None;
        }
        let tail = self.tail();
        if second.is_empty() {
            memory.write(tail, first);
        } else {
            write_both(memory, tail, first, second);
        }
        self.tail.store(tail.wrapping_add(len as u64), Relaxed);
        Some(memory.publish(len as u64))
    }
}

/// Writes two pieces of which the first is short.
fn write_both<M: Memory>(memory: &M, index: u64, first: &[u8], second: &[u8]) {
    let mut joint = [0; 64];
    let into_joint = (padded(first.len()) - first.len()).min(second.len());
    let len = first.len() + into_joint;
    let (begin, rest) = second.split_at_checked(into_joint).unwrap_or((second, &[]));
    match joint.get_mut(..len) {
        Some(joint) => {
            for (to, from) in joint.iter_mut().zip(first.iter().chain(begin)) {
                *to = *from;
            }
            memory.write(index, joint);
        }
        // No header is that long.
        None => memory.write(index, &[first, begin].concat()),
    }
    memory.write(index.wrapping_add(len as u64), rest);
}

/// The foreground's side.
///
/// Its own index is private; what stands in the region is only for the worker to read. The
/// worker's is checked whenever it is read.
pub(crate) struct Consumer {
    head: u64,
    /// The worker's index as it was last seen.
    tail: u64,
    /// The worker has said that it waits, and was not woken yet.
    writer_waits: bool,
}

/// How a look at an empty ring ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Poll {
    /// There is something to take.
    Ready,
    /// There is nothing; a worker that puts something rings.
    Empty,
}

impl Consumer {
    pub(crate) const fn new() -> Self {
        Self { head: 0, tail: 0, writer_waits: false }
    }

    /// The worker's index as it was last seen.
    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    /// How many bytes are there to take, as was last seen.
    #[inline]
    pub(crate) fn available(&self) -> usize {
        self.tail.wrapping_sub(self.head) as usize
    }

    /// Looks how far the worker is, when all that was seen has been taken. It goes to sleep
    /// when there is nothing, and stays awake when there is something.
    pub(crate) fn poll<M: Memory>(&mut self, memory: &M) -> Result<Poll, ProtocolError> {
        let seen = memory.load_tail();
        if self.accept(seen, memory.len())? {
            if !seen.has(NOTIFIED) {
                memory.mark_awake();
            }
            return Ok(Poll::Ready);
        }
        // It may sleep already: then a worker that has published since rings, or has rung.
        if seen.has(NOTIFYING | NOTIFIED) {
            let seen = memory.sleep();
            if self.accept(seen, memory.len())? {
                memory.mark_awake();
                return Ok(Poll::Ready);
            }
        }
        Ok(Poll::Empty)
    }

    /// Looks how far the worker is, and says whether there is something to take. It stays as
    /// it is, awake or asleep.
    pub(crate) fn peek<M: Memory>(&mut self, memory: &M) -> Result<bool, ProtocolError> {
        self.accept(memory.load_tail(), memory.len())
    }

    /// Takes the worker's index, if it can be: it never goes back, and never past what the
    /// ring holds.
    fn accept(&mut self, seen: Snapshot, len: usize) -> Result<bool, ProtocolError> {
        let new = seen.index().wrapping_sub(self.head);
        if new > len as u64 || new < self.available() as u64 {
            return Err(ProtocolError::Malformed);
        }
        self.tail = seen.index();
        Ok(new > 0)
    }

    /// Copies what comes next, at most what is available and what `into` holds, and gives its
    /// room back. Says how much it was, and whether the worker is to be woken.
    pub(crate) fn take<M: Memory>(&mut self, memory: &M, into: &mut [u8]) -> (usize, bool) {
        let len = into.len().min(self.available()) / ALIGN * ALIGN;
        self.read(memory, into.get_mut(..len).unwrap_or(&mut []));
        (len, self.release(memory, len))
    }

    /// Copies what comes next, of which no more is available than was seen.
    pub(crate) fn read<M: Memory>(&self, memory: &M, into: &mut [u8]) {
        memory.read(self.head, into);
    }

    /// Gives back the room of the next `len` bytes, a multiple of [`ALIGN`]. Says whether the
    /// worker is to be woken.
    pub(crate) fn release<M: Memory>(&mut self, memory: &M, len: usize) -> bool {
        self.head = self.head.wrapping_add(len.min(self.available()) as u64);
        self.writer_waits |= memory.publish_head(self.head);
        // Not for every bit of room: no frame or batch takes more than half a ring.
        let wake = self.writer_waits && self.available() <= memory.len() / 2;
        self.writer_waits &= !wake;
        wake
    }
}
