//! The writer's bound on messages in fragments.

use crate::reassembler::MAX_PARTIAL;

/// The writer's side of [`Reassembler`](crate::Reassembler)'s bound: how much of the link's
/// limit is taken by messages in fragments that are on their way.
///
/// The pipes of a link share one.
#[derive(Debug)]
pub struct FragmentBudget {
    free: usize,
    messages: usize,
}

impl FragmentBudget {
    /// For a new link whose messages have at most `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self { free: limit, messages: MAX_PARTIAL }
    }

    /// Reserves a message of `len` bytes, or returns false when other messages hold the
    /// budget now.
    pub fn reserve(&mut self, len: usize) -> bool {
        match (self.free.checked_sub(len), self.messages.checked_sub(1)) {
            (Some(free), Some(messages)) => {
                *self = Self { free, messages };
                true
            }
            _ => false,
        }
    }

    /// Releases a message of `len` bytes that is all on the link, or was reset.
    pub fn release(&mut self, len: usize) {
        self.free = self.free.saturating_add(len);
        self.messages += 1;
    }
}
