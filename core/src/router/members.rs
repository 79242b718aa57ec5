//! The pipes of one link, so that its end takes time by their number, and not by that of all
//! pipes in the routing table.
//!
//! With an allocator each link has a list. Without one the tables are short arrays, and the
//! end of a link walks the whole routing table: a list would cost memory in every pipe.

use super::pipes::{Owner, PipeEntry};
use crate::table::{Key, Storage, Table};

/// The pipes that a link has owned. Some may have ended since, or been claimed over another
/// link: an entry counts only while the routing table agrees.
#[derive(Debug)]
pub(super) struct Members {
    #[cfg(feature = "alloc")]
    pipes: alloc::vec::Vec<Key>,
    /// The list is cleaned when it reaches this length, which is twice what was left the last
    /// time: the cost is constant per pipe.
    #[cfg(feature = "alloc")]
    clean_at: usize,
}

/// Lists below this length are not worth cleaning.
#[cfg(feature = "alloc")]
const MIN_CLEAN: usize = 16;

#[cfg(feature = "alloc")]
impl Members {
    pub(super) const fn new() -> Self {
        Self { pipes: alloc::vec::Vec::new(), clean_at: MIN_CLEAN }
    }

    /// Adds a pipe that the link owns from now on.
    pub(super) fn add<R, PS: Storage<PipeEntry<R>>>(
        &mut self,
        key: Key,
        owner: Owner,
        table: &Table<PipeEntry<R>, PS>,
    ) {
        if self.pipes.len() >= self.clean_at {
            self.pipes.retain(|key| table.get(*key).is_some_and(|entry| entry.owner == owner));
            self.clean_at = (self.pipes.len() * 2).max(MIN_CLEAN);
        }
        self.pipes.push(key);
    }

    /// The next pipe that the link owns, from `position` on, which moves behind it.
    pub(super) fn next<R, PS: Storage<PipeEntry<R>>>(
        &self,
        position: &mut u32,
        owner: Owner,
        table: &mut Table<PipeEntry<R>, PS>,
    ) -> Option<Key> {
        while let Some(key) = self.pipes.get(*position as usize) {
            *position += 1;
            if table.get(*key).is_some_and(|entry| entry.owner == owner) {
                return Some(*key);
            }
        }
        None
    }
}

#[cfg(not(feature = "alloc"))]
impl Members {
    pub(super) const fn new() -> Self {
        Self {}
    }

    #[inline]
    pub(super) fn add<R, PS: Storage<PipeEntry<R>>>(
        &mut self,
        _: Key,
        _: Owner,
        _: &Table<PipeEntry<R>, PS>,
    ) {
    }

    pub(super) fn next<R, PS: Storage<PipeEntry<R>>>(
        &self,
        position: &mut u32,
        owner: Owner,
        table: &mut Table<PipeEntry<R>, PS>,
    ) -> Option<Key> {
        while let Some((key, entry)) = table.next_from(*position) {
            *position = key.index + 1;
            if entry.owner == owner {
                return Some(key);
            }
        }
        None
    }
}
