//! The router's pipes: the routing table, and what the foreground does to it.

use super::Router;
use super::links::LinkEntry;
use crate::counters::Counters;
use crate::error::{ClosePipeError, PipeError, PipeErrorKind};
use crate::id::{ConnectionId, LinkId};
use crate::log::debug;
use crate::table::{Storage, Table};

/// One pipe in the routing table.
///
/// Small, for hosts with little memory: in its slot, 12 bytes and the receiver.
#[derive(Debug)]
pub struct PipeEntry<R> {
    pub(super) owner: Owner,
    pub(super) phase: Phase,
    /// `None` once the pipe was closed.
    pub(super) receiver: Option<R>,
}

/// A receiver that was taken out of the routing table, because its pipe ended or was closed.
#[derive(Debug)]
pub struct Detached<R> {
    /// Its pipe.
    pub connection: ConnectionId,
    /// The receiver.
    pub receiver: R,
}

/// The link that a pipe belongs to: the one that claimed it, or over which it is expected.
///
/// The link's place in its table is enough: all pipes of a link are told of its end, and out
/// of the table, before its place is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(u32);

impl Owner {
    /// Any link may claim it.
    pub(super) const ANY: Self = Self(u32::MAX);
    /// No link can claim it: the router was stopped since.
    pub(super) const GONE: Self = Self(u32::MAX - 1);

    pub(super) fn of(link: LinkId) -> Self {
        Self(link.index())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not claimed yet.
    Waiting,
    /// Messages may come.
    Open,
    /// Closed by the foreground, while its sender may still send. The entry stays until the
    /// sender stops or its link ends, and knows whether its late messages were logged.
    Closed { warned: bool },
}

impl<R> PipeEntry<R> {
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed { .. })
    }
}

/// The routing table, apart from the links: an arrival borrows its link while it is routed.
#[derive(Debug)]
pub(super) struct Pipes<R, PS> {
    pub(super) table: Table<PipeEntry<R>, PS>,
    /// Pipes that the foreground has not closed and that have not ended.
    pub(super) open: usize,
    /// Those of them that belong to no link: any may claim them.
    pub(super) unclaimed: usize,
    pub(super) counters: Counters,
}

impl<R, PS: Storage<PipeEntry<R>>> Pipes<R, PS> {
    pub(super) const fn new(storage: PS) -> Self {
        Self {
            table: Table::new(storage),
            open: 0,
            unclaimed: 0,
            counters: Counters {
                routed: 0,
                bytes: 0,
                discarded_closed: 0,
                superseded: 0,
                missed: 0,
                refused_links: 0,
                most_pipes: 0,
            },
        }
    }

    /// The router was stopped: no link owns any of them, and none is open.
    pub(super) fn disown(&mut self) {
        (self.open, self.unclaimed) = (0, 0);
        let mut from = 0;
        while let Some((key, entry)) = self.table.next_from(from) {
            entry.owner = Owner::GONE;
            from = key.index + 1;
        }
    }

    /// Takes the next pipe out of the table of a stopped router, from the index `from` on,
    /// which moves behind it. Pipes that were closed before are passed over.
    pub(super) fn take_next(&mut self, from: &mut u32) -> Option<Detached<R>> {
        while let Some((key, _)) = self.table.next_from(*from) {
            *from = key.index + 1;
            if let Some(receiver) = self.table.remove(key).and_then(|entry| entry.receiver) {
                return Some(Detached { connection: ConnectionId(key), receiver });
            }
        }
        None
    }
}

impl<I, R, LS, PS> Router<I, R, LS, PS>
where
    LS: Storage<LinkEntry<I>>,
    PS: Storage<PipeEntry<R>>,
{
    /// The number of pipes that have not ended.
    pub fn open_pipes(&self) -> usize {
        self.pipes.open
    }

    /// The number of pipes that belong to no link, because no worker has claimed them yet: such a
    /// pipe was added without a link, and ends by [`close_pipe`](Router::close_pipe) and
    /// [`stop`](Router::stop) only.
    pub fn unclaimed_pipes(&self) -> usize {
        self.pipes.unclaimed
    }

    /// Adds a pipe that a worker has to claim with its ticket's nonce.
    ///
    /// With `expected`, the pipe is lost when that link ends before anybody claimed it.
    ///
    /// # Errors
    ///
    /// When the router does not run, the link has ended, or the table is full. The receiver
    /// comes back.
    pub fn pipe(
        &mut self,
        expected: Option<LinkId>,
        receiver: R,
    ) -> Result<ConnectionId, PipeError<R>> {
        self.insert_pipe(expected, Phase::Waiting, receiver)
    }

    /// Adds a pipe that may be used on `link` at once, without being claimed.
    ///
    /// # Errors
    ///
    /// As [`pipe`](Router::pipe).
    pub fn trusted_pipe(
        &mut self,
        link: LinkId,
        receiver: R,
    ) -> Result<ConnectionId, PipeError<R>> {
        self.insert_pipe(Some(link), Phase::Open, receiver)
    }

    fn insert_pipe(
        &mut self,
        link: Option<LinkId>,
        phase: Phase,
        receiver: R,
    ) -> Result<ConnectionId, PipeError<R>> {
        if !self.state.is_running() {
            return Err(PipeError::new(receiver, PipeErrorKind::NotRunning));
        }
        if let Some(link) = link
            && self.links.get(link.0).is_none_or(|entry| entry.ending.is_some())
        {
            return Err(PipeError::new(receiver, PipeErrorKind::NoSuchLink));
        }
        let owner = link.map_or(Owner::ANY, Owner::of);
        let entry = |receiver| PipeEntry { owner, phase, receiver: Some(receiver) };
        let pipes = &mut self.pipes;
        let key = pipes
            .table
            .insert(receiver, entry)
            .map_err(|receiver| PipeError::new(receiver, PipeErrorKind::TableFull))?;
        pipes.open += 1;
        pipes.unclaimed += usize::from(owner == Owner::ANY);
        pipes.counters.most_pipes = pipes.counters.most_pipes.max(pipes.open);
        debug!("pipe #{}.{} made", key.index, key.generation);
        if let Some(link) = link {
            self.add_member(link, ConnectionId(key));
        }
        Ok(ConnectionId(key))
    }

    /// A link owns a pipe from now on.
    pub(super) fn add_member(&mut self, link: LinkId, connection: ConnectionId) {
        if let Some(entry) = self.links.get_mut(link.0) {
            entry.members.add(connection.0, Owner::of(link), &self.pipes.table);
        }
    }

    /// Closes a pipe from the foreground's side. What arrives for it later is discarded.
    /// Returns its receiver, to be told [`End::Closed`](crate::End::Closed).
    ///
    /// # Errors
    ///
    /// When the router does not run, or the pipe has ended or was closed before.
    pub fn close_pipe(&mut self, connection: ConnectionId) -> Result<Detached<R>, ClosePipeError> {
        if !self.state.is_running() {
            return Err(ClosePipeError::NotRunning);
        }
        let table = &mut self.pipes.table;
        let Some(entry) = table.get_mut(connection.0) else {
            return Err(ClosePipeError::NoSuchPipe);
        };
        let receiver = match entry.phase {
            _ if entry.owner == Owner::GONE => None,
            Phase::Closed { .. } => None,
            Phase::Open => {
                entry.phase = Phase::Closed { warned: false };
                entry.receiver.take()
            }
            // No worker has claimed it, so no message can be on its way: the place is free. A
            // late start finds it gone.
            Phase::Waiting => {
                self.pipes.unclaimed -= usize::from(entry.owner == Owner::ANY);
                table.remove(connection.0).and_then(|entry| entry.receiver)
            }
        };
        let receiver = receiver.ok_or(ClosePipeError::NoSuchPipe)?;
        self.pipes.open -= 1;
        self.note_change();
        debug!("pipe #{}.{} closed", connection.index(), connection.generation());
        Ok(Detached { connection, receiver })
    }

    /// The link that a pipe belongs to: the one that claimed it, or over which it is expected.
    pub fn link_of(&mut self, connection: ConnectionId) -> Option<LinkId> {
        let Owner(index) = self.pipes.table.get(connection.0)?.owner;
        let (key, _) = self.links.next_from(index)?;
        (key.index == index).then_some(LinkId(key))
    }

    /// Whether the pipe has neither ended nor been closed.
    pub fn has_pipe(&self, connection: ConnectionId) -> bool {
        self.pipes
            .table
            .get(connection.0)
            .is_some_and(|entry| !entry.is_closed() && entry.owner != Owner::GONE)
    }

    /// Whether any open pipe could still get a message: there is one, and a link that could
    /// bring it.
    pub fn has_live_pipe(&self) -> bool {
        // A pipe whose link has ended is not open.
        self.pipes.open > 0 && self.links.len() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Slot;

    /// What `docs/embedded.md` says of the memory of a pipe.
    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Slot<PipeEntry<u32>>>() - size_of::<u32>(), 16);
        assert_eq!(size_of::<Slot<PipeEntry<bool>>>(), 12);
        assert_eq!(size_of::<Slot<PipeEntry<&u8>>>() - size_of::<&u8>(), 16);
    }
}
