//! Looking at a ring without taking anything, from any thread of a reader that has several.
//!
//! The worker's side of the way back: one thread at a time takes what has come, under a lock,
//! and others look whether there is anything to take. Neither arms the bell, so that a worker
//! that only looks is never rung; a thread that is about to wait does.
//!
//! ```text
//! take:  take all there is → drained(tail)
//! look:  tail != drained → take
//! wait:  arm: sleep(tail) → tail != drained → take; else wait at the socket
//! ```
//!
//! As a thread that takes leaves the bell as it is, the first frame that is put after the bell was
//! armed rings it, whichever thread takes the frame. So a thread that waits is always woken, and
//! finds what another has taken for it. What another took before the bell was armed, it has to
//! look for between that and the wait: either it is asked to, or it is sent back once, see
//! [`settle_and_arm`](Drained::settle_and_arm).

use super::control::{AtomicU64, ControlWords, Ordering, Snapshot};

/// How far the ring was drained.
pub(crate) struct Drained {
    /// All up to this index of the writer's was taken and handed on.
    tail: AtomicU64,
    /// What `tail` was when a thread was last about to wait.
    settled: AtomicU64,
}

impl Drained {
    /// Of a ring of which nothing was taken.
    pub(crate) fn new() -> Self {
        Self { tail: AtomicU64::new(0), settled: AtomicU64::new(0) }
    }

    /// All was taken up to this index of the writer's, and handed on. The calls are serialized.
    pub(crate) fn note(&self, tail: u64) {
        // Release pairs with the Acquire of `covers`: what was handed on is visible to a thread
        // that finds that there is no more.
        self.tail.store(tail, Ordering::Release);
    }

    /// Whether there may be something to take: more bytes, or the end of the ring. The end stays
    /// news.
    #[inline]
    pub(crate) fn has_news<C: ControlWords>(&self, words: &C) -> bool {
        !self.covers(words.load_tail())
    }

    /// Arms the bell, so that what is put from now on rings, and says whether there may be
    /// something to take already.
    pub(crate) fn arm<C: ControlWords>(&self, words: &C) -> bool {
        !self.covers(words.sleep())
    }

    /// As [`arm`](Drained::arm), for a thread that has looked for what others have taken *before*
    /// it calls this. When anything was taken since a thread last called this, it is sent back to
    /// look again. Calls must not overlap.
    pub(crate) fn settle_and_arm<C: ControlWords>(&self, words: &C) -> bool {
        // Acquire as in `covers`.
        let tail = self.tail.load(Ordering::Acquire);
        // Relaxed: the calls are serialized.
        let settled = self.settled.swap(tail, Ordering::Relaxed) == tail;
        // Compared with what was settled: more may have been taken since.
        !settled || words.sleep().without_bell() != tail
    }

    #[inline]
    fn covers(&self, seen: Snapshot) -> bool {
        seen.without_bell() == self.tail.load(Ordering::Acquire)
    }
}
