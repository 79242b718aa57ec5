//! The router's links: how they are added, and how they end.

use super::Router;
use super::members::Members;
use super::pipes::PipeEntry;
use crate::error::AttachError;
use crate::id::LinkId;
use crate::inlet::LinkEnd;
use crate::table::Storage;

/// One link in the table of links.
#[derive(Debug)]
pub struct LinkEntry<I> {
    /// `None` once the link has ended.
    pub(super) inlet: Option<I>,
    /// Set once the link has ended: its pipes are removed one by one, from this position on.
    pub(super) ending: Option<(LinkEnd, u32)>,
    /// The pipes that this link owns.
    pub(super) members: Members,
    /// How often the router has warned of late starts.
    pub(super) warnings: u8,
}

impl<I, R, LS, PS> Router<I, R, LS, PS>
where
    LS: Storage<LinkEntry<I>>,
    PS: Storage<PipeEntry<R>>,
{
    /// The number of links that have not ended.
    pub fn links(&self) -> usize {
        self.links.len()
    }

    /// Adds a link.
    ///
    /// # Errors
    ///
    /// When the router does not run, or the table of links is full. The inlet comes back.
    pub fn attach(&mut self, inlet: I) -> Result<LinkId, AttachError<I>> {
        if !self.state.is_running() {
            return Err(AttachError::NotRunning(inlet));
        }
        let entry = |inlet| LinkEntry {
            inlet: Some(inlet),
            ending: None,
            members: Members::new(),
            warnings: 0,
        };
        self.links.insert(inlet, entry).map(LinkId).map_err(AttachError::TableFull)
    }

    /// Whether the link has not ended.
    pub fn has_link(&self, link: LinkId) -> bool {
        self.links.get(link.0).is_some()
    }

    /// Ends a link: nothing more is taken from it, and polling it returns the ends of its
    /// pipes. Returns its inlet, unless the link had ended before.
    pub fn end_link(&mut self, link: LinkId, end: LinkEnd) -> Option<I> {
        let entry = self.links.get_mut(link.0)?;
        if entry.ending.is_none() {
            entry.ending = Some((end, 0));
        }
        entry.inlet.take()
    }

    /// Whether the link has ended, and the ends of its pipes are still to be polled.
    pub fn is_ending(&self, link: LinkId) -> bool {
        self.links.get(link.0).is_some_and(|entry| entry.ending.is_some())
    }
}
