//! The router's links: how they come, are lent out, and end.

use super::Router;
use super::pipes::PipeEntry;
use crate::error::AttachError;
use crate::id::LinkId;
use crate::inlet::{Inlet, LinkEnd};
use crate::table::Storage;

/// One link in the table of links.
#[derive(Debug)]
pub struct LinkEntry<I> {
    pub(super) inlet: Option<I>,
    /// Set once the link has ended: its pipes are told one by one, from this index on.
    pub(super) ending: Option<(LinkEnd, u32)>,
    /// How often the router has warned of late starts.
    pub(super) warnings: u8,
}

impl<I, R, LS, PS> Router<I, R, LS, PS>
where
    I: Inlet,
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
        self.links
            .insert(inlet, |inlet| LinkEntry { inlet: Some(inlet), ending: None, warnings: 0 })
            .map(LinkId)
            .map_err(AttachError::TableFull)
    }

    /// Whether the link has not ended.
    pub fn has_link(&self, link: LinkId) -> bool {
        self.links.get(link.0).is_some()
    }

    /// Ends a link: nothing more is taken from it, and `poll` tells its pipes.
    pub fn end_link(&mut self, link: LinkId, end: LinkEnd) {
        if let Some(entry) = self.links.get_mut(link.0)
            && entry.ending.is_none()
        {
            entry.inlet = None;
            entry.ending = Some((end, 0));
        }
    }

    /// Whether the link has ended, and its pipes are still to be told.
    pub fn is_ending(&self, link: LinkId) -> bool {
        self.links.get(link.0).is_some_and(|entry| entry.ending.is_some())
    }

    /// Lends out the inlet of a link, for a caller that polls it several times and
    /// [routes](Router::route) what it gets. `None` when the link has ended, its inlet is
    /// lent, or the router does not run; [`poll`](Router::poll) says more then.
    pub fn take_inlet(&mut self, link: LinkId) -> Option<I> {
        if !self.state.is_running() {
            return None;
        }
        self.links.get_mut(link.0)?.inlet.take()
    }

    /// Takes back an inlet. It is dropped when the link has ended meanwhile.
    pub fn put_inlet(&mut self, link: LinkId, inlet: I) {
        if let Some(entry) = self.links.get_mut(link.0)
            && entry.ending.is_none()
        {
            entry.inlet = Some(inlet);
        }
    }
}
