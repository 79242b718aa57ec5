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
//! [`settle`](Drained::settle).

use super::control::{AtomicU64, ControlWords, Ordering};

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
        // Release pairs with the Acquire of `tail`: what was handed on is visible to a thread
        // that finds that there is no more.
        self.tail.store(tail, Ordering::Release);
    }

    /// Whether there may be something to take: more bytes, or the end of the ring. The end stays
    /// news.
    #[inline]
    pub(crate) fn has_news<C: ControlWords>(&self, words: &C) -> bool {
        words.load_tail().without_bell() != self.tail()
    }

    /// How far the ring was drained.
    #[inline]
    pub(crate) fn tail(&self) -> u64 {
        self.tail.load(Ordering::Acquire)
    }

    /// For a thread that is about to wait, and has looked before this call whether others have
    /// taken something for it: how far the ring was drained when it looked. `None` when it cannot
    /// be sure of that and is to look again. Calls must not overlap.
    pub(crate) fn settle(&self) -> Option<u64> {
        let tail = self.tail();
        // Relaxed: the calls are serialized.
        (self.settled.swap(tail, Ordering::Relaxed) == tail).then_some(tail)
    }

    /// Arms the bell, so that what is put from now on rings. Says whether there is anything behind
    /// `tail`: something to take, or something that another thread has taken since.
    pub(crate) fn arm<C: ControlWords>(&self, words: &C, tail: u64) -> bool {
        words.sleep().without_bell() != tail
    }
}
