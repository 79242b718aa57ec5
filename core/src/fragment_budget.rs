//! Messages in parts, as the worker's side counts them.

use crate::reassembler::MAX_PARTIAL;

/// The worker's side of [`Reassembler`](crate::Reassembler)'s bound: how much of the link's limit is taken by
/// messages in parts that are on their way.
///
/// Pipes that share a link share one, under whatever the transport shares its link with.
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

    /// Takes room for a message of `len` bytes, or returns false when others have it now.
    pub fn begin(&mut self, len: usize) -> bool {
        match (self.free.checked_sub(len), self.messages.checked_sub(1)) {
            (Some(free), Some(messages)) => {
                *self = Self { free, messages };
                true
            }
            _ => false,
        }
    }

    /// Gives back the room of a message of `len` bytes that is all on the link, or aborted.
    pub fn end(&mut self, len: usize) {
        self.free = self.free.saturating_add(len);
        self.messages += 1;
    }
}
