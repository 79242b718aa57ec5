//! The two words of a region that both sides change, and what they say to each other.
//!
//! In each word an index and flags stand side by side: an index is a number of bytes that
//! is always a multiple of [`ALIGN`], so its low three bits are free.
//!
//! | word | index | flags |
//! |---|---|---|
//! | *tail* | how many bytes the worker has ever put | [`NOTIFYING`], [`NOTIFIED`], [`CLOSED`] |
//! | *head* | how many the foreground has ever taken | [`WRITER_WAITING`] |
//!
//! So to publish an index *is* to look at what the other side has said, in one
//! read-modify-write. Each word has one modification order, and the side that comes second in
//! it sees what the other did before. There is no second location whose order against the
//! first would have to be argued about, and no fence.
//!
//! # The doorbell
//!
//! The low two flags of the tail are its three states: *idle* (neither), *notifying*
//! ([`NOTIFYING`] alone) and *notified* ([`NOTIFIED`]).
//!
//! ```text
//! worker:      payload; publish(tail)
//!              not notified → mark_notifying; ring; mark_notified
//! foreground:  ring empty → sleep(tail): idle, and the index at that moment
//!              something there after all → mark_awake(tail), and go on
//! ```
//!
//! A thread that finds *notifying* rings too: the thread that set it may have been stopped
//! before it rang. While the state is *notified* no thread makes a system call.
//! `mark_notified` changes nothing when the foreground has gone to sleep since.
//!
//! # Waiting for space
//!
//! ```text
//! worker:      no space → announce_wait(head): the flag, and the index at that moment
//!              still no space → wait at the socket
//! foreground:  copy payload out; publish_head(head) → the worker waits → wake it
//! ```
//!
//! # The way back
//!
//! There the foreground writes and the worker reads, by the same steps in exchanged roles. Two
//! things are different: the foreground does not wait at the socket, but watches it; and the worker
//! arms the doorbell (*idle*) only when one of its threads is about to wait, see [`look`](super::look).

use homing_core::Disconnected;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

/// What indices are multiples of.
pub(crate) const ALIGN: usize = 8;

/// A thread of the worker is about to ring.
pub(crate) const NOTIFYING: u64 = 1;
/// The worker has rung, or the foreground is awake: it looks again before it sleeps.
pub(crate) const NOTIFIED: u64 = 2;
/// The reader takes nothing any more, or the writer puts nothing any more. A reader that keeps the
/// link takes what was put before.
pub(crate) const CLOSED: u64 = 4;
/// In the head: the worker waits for room.
pub(crate) const WRITER_WAITING: u64 = 1;

const FLAGS: u64 = ALIGN as u64 - 1;

/// How often a thread tries to note that it has rung.
const MAX_EXCHANGES: usize = 8;

/// A word as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot(pub(crate) u64);

impl Snapshot {
    pub(crate) fn index(self) -> u64 {
        self.0 & !FLAGS
    }

    /// The word without the state of the doorbell.
    #[inline]
    pub(crate) fn without_bell(self) -> u64 {
        self.0 & !(NOTIFYING | NOTIFIED)
    }

    #[inline]
    pub(crate) fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }
}

/// The two words of one region, and what is done with them.
///
/// The methods are provided; the models of `tests/models.rs` break one at a time.
pub(crate) trait ControlWords {
    /// The word that the worker's index stands in.
    fn tail(&self) -> &AtomicU64;

    /// The word that the foreground's index stands in.
    fn head(&self) -> &AtomicU64;

    /// Worker: publishes `len` more bytes, which are in place.
    #[inline]
    fn publish(&self, len: u64) -> Snapshot {
        // Release: the payload is in place for a reader that sees the index: `load_tail`, `sleep`.
        // Acquire orders nothing here: that it is a read-modify-write is what matters.
        Snapshot(self.tail().fetch_add(len, Ordering::AcqRel))
    }

    /// Worker: found the state not notified. Says that it is about to ring, and what was
    /// there before.
    fn mark_notifying(&self) -> Snapshot {
        Snapshot(self.tail().fetch_or(NOTIFYING, Ordering::AcqRel))
    }

    /// Worker: has rung. Spares others from ringing, unless the foreground has gone to sleep
    /// since: then the state is idle, and stays so.
    ///
    /// A reader that changes the word all the time makes it give up: then the next thread rings
    /// once more than it has to.
    fn mark_notified(&self) {
        // Relaxed to look: the exchange says whether it was right. AcqRel as every change of
        // the word: what was published before stays visible to a thread that reads this value.
        let mut seen = self.tail().load(Ordering::Relaxed);
        for _ in 0..MAX_EXCHANGES {
            if seen & NOTIFYING == 0 {
                return;
            }
            let rung = seen & !NOTIFYING | NOTIFIED;
            match self.tail().compare_exchange(seen, rung, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// Foreground: looks how far the worker is.
    #[inline]
    fn load_tail(&self) -> Snapshot {
        // Acquire pairs with the Release of `publish`: payload before index.
        Snapshot(self.tail().load(Ordering::Acquire))
    }

    /// Foreground: found the ring empty. From now on a worker that publishes rings. What was
    /// published before is in what comes back.
    fn sleep(&self) -> Snapshot {
        // Acquire as in `load_tail`. A load and a store would lose what comes in between.
        Snapshot(self.tail().fetch_and(!(NOTIFYING | NOTIFIED), Ordering::AcqRel))
    }

    /// Foreground: takes something, and will look again. The worker need not ring.
    fn mark_awake(&self) {
        self.tail().fetch_or(NOTIFIED, Ordering::AcqRel);
    }

    /// Nothing will be put or taken any more: said by either side when it lets go, and by the
    /// worker when it finds the foreground dead.
    fn close(&self) {
        self.tail().fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Worker: how far the foreground is.
    #[inline]
    fn load_head(&self) -> Snapshot {
        // Acquire pairs with the Release of `publish_head`: what was taken is not read any
        // more when it is overwritten.
        Snapshot(self.head().load(Ordering::Acquire))
    }

    /// Worker: found no room. From now on the foreground wakes it when it has made some.
    /// What was made before is in what comes back.
    fn announce_wait(&self) -> Snapshot {
        Snapshot(self.head().fetch_or(WRITER_WAITING, Ordering::AcqRel))
    }

    /// Foreground: publishes how much it has taken, and says whether the worker waits.
    ///
    /// The foreground writes its own figure, whatever stood there; that clears the flag.
    #[inline]
    fn publish_head(&self, index: u64) -> bool {
        // Release: the reads of what was taken come before it. See `load_head`.
        Snapshot(self.head().swap(index, Ordering::AcqRel)).has(WRITER_WAITING)
    }

    /// Worker: rings after something was published, unless another thread has, or the foreground
    /// has woken by itself.
    fn notify(&self, ring: impl FnOnce() -> Result<(), Disconnected>) -> Result<(), Disconnected> {
        let seen = self.mark_notifying();
        if seen.has(CLOSED) {
            return Err(Disconnected);
        }
        if !seen.has(NOTIFIED) {
            ring()?;
            self.mark_notified();
        }
        Ok(())
    }

    /// Worker: found no room for `wanted` bytes in a ring of `len`. Says whether there is now;
    /// if not, the foreground will wake it.
    fn wait(&self, wanted: usize, len: usize) -> Result<bool, Disconnected> {
        // Announced first, looked at second, in one step: what the foreground takes after
        // this, it takes with the flag seen.
        let head = self.announce_wait().index();
        // The worker's own word. Another thread may put more meanwhile: then that one takes
        // the room, and this one comes again.
        let tail = self.load_tail();
        if tail.has(CLOSED) {
            return Err(Disconnected);
        }
        let used = tail.index().wrapping_sub(head);
        Ok(used.saturating_add(wanted as u64) <= len as u64)
    }
}
