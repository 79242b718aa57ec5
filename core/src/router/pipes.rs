//! The router's pipes: the routing table, and what the foreground does to it.

use super::links::LinkEntry;
use super::{CheckedOut, Router};
use crate::counters::Counters;
use crate::error::{ClosePipeError, PipeError, PipeErrorKind};
use crate::id::{ConnectionId, LinkId};
use crate::log::debug;
use crate::table::{Key, Storage, Table};

/// One pipe in the routing table.
///
/// It is small, for hosts with little memory: in its slot, 12 bytes and the receiver.
#[derive(Debug)]
pub struct PipeEntry<R> {
    pub(super) owner: Owner,
    pub(super) phase: Phase,
    /// `None` while it is lent, and for good once the pipe was closed.
    pub(super) receiver: Option<R>,
}

/// The link that a pipe belongs to: which claimed it, or over which it is expected.
///
/// The link's place in its table is enough: all pipes of a link are told of its end, and out
/// of the table, before its place is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(u32);

impl Owner {
    /// Any link may claim it.
    pub(super) const ANY: Self = Self(u32::MAX);
    /// None: the router was stopped since.
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
    pub(super) counters: Counters,
}

impl<R, PS: Storage<PipeEntry<R>>> Pipes<R, PS> {
    pub(super) const fn new(storage: PS) -> Self {
        Self {
            table: Table::new(storage),
            open: 0,
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

    /// After all links are gone.
    pub(super) fn disown(&mut self) {
        let mut from = 0;
        while let Some((key, entry)) = self.table.next_from(from) {
            if entry.owner != Owner::ANY {
                entry.owner = Owner::GONE;
            }
            from = key.index + 1;
        }
    }

    /// Takes the next pipe out of the table, whatever it is.
    pub(super) fn take_next(&mut self) -> Option<Option<CheckedOut<R>>> {
        let (key, _) = self.table.next_from(0)?;
        let entry = self.table.remove(key)?;
        if !entry.is_closed() {
            self.open -= 1;
        }
        Some(entry.receiver.map(|receiver| CheckedOut { connection: ConnectionId(key), receiver }))
    }

    /// Takes a pipe out of the table that has ended.
    pub(super) fn take_ended(&mut self, key: Key) -> Option<CheckedOut<R>> {
        self.open -= 1;
        debug!("pipe #{}.{} ended", key.index, key.generation);
        let receiver = self.table.remove(key)?.receiver?;
        Some(CheckedOut { connection: ConnectionId(key), receiver })
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

    /// Adds a pipe that may be used on `link` at once, by whoever holds its sender.
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
        pipes.counters.most_pipes = pipes.counters.most_pipes.max(pipes.open);
        debug!("pipe #{}.{} made", key.index, key.generation);
        Ok(ConnectionId(key))
    }

    /// Closes a pipe from the foreground's side. What arrives for it later is discarded.
    ///
    /// Returns the receiver, to be told [`End::Closed`](crate::End::Closed); `None` when it is lent, in which
    /// case [`restore`](Router::restore) will return it for that.
    ///
    /// # Errors
    ///
    /// When the router does not run, or the pipe has ended or was closed before.
    pub fn close_pipe(
        &mut self,
        connection: ConnectionId,
    ) -> Result<Option<CheckedOut<R>>, ClosePipeError> {
        if !self.state.is_running() {
            return Err(ClosePipeError::NotRunning);
        }
        let table = &mut self.pipes.table;
        let Some(entry) = table.get_mut(connection.0) else {
            return Err(ClosePipeError::NoSuchPipe);
        };
        let receiver = match entry.phase {
            Phase::Closed { .. } => return Err(ClosePipeError::NoSuchPipe),
            Phase::Open => {
                entry.phase = Phase::Closed { warned: false };
                entry.receiver.take()
            }
            // Nobody has claimed it, so no message can be on its way: the place is free. A
            // late start finds it gone.
            Phase::Waiting => table.remove(connection.0).and_then(|entry| entry.receiver),
        };
        self.pipes.open -= 1;
        debug!("pipe #{}.{} closed", connection.index(), connection.generation());
        Ok(receiver.map(|receiver| CheckedOut { connection, receiver }))
    }

    /// Whether the pipe has neither ended nor been closed.
    pub fn has_pipe(&self, connection: ConnectionId) -> bool {
        self.pipes.table.get(connection.0).is_some_and(|entry| !entry.is_closed())
    }

    /// Whether any pipe that has not ended could still get a message: its link is there, or
    /// it is unclaimed and some link is there.
    pub fn can_hear(&mut self) -> bool {
        let mut from = 0;
        while let Some((key, entry)) = self.pipes.table.next_from(from) {
            // A pipe whose link has ended is not in the table.
            let hears =
                entry.owner != Owner::GONE && (entry.owner != Owner::ANY || self.links.len() > 0);
            if hears && !entry.is_closed() {
                return true;
            }
            from = key.index + 1;
        }
        false
    }

    /// Lends out a receiver that accepted a message to be handled
    /// [`Later`](crate::Delivery::Later). `None` when its pipe has been closed since.
    pub fn lend(&mut self, connection: ConnectionId) -> Option<CheckedOut<R>> {
        let entry = self.pipes.table.get_mut(connection.0)?;
        let receiver = entry.receiver.take()?;
        self.pipes.counters.routed += 1;
        Some(CheckedOut { connection, receiver })
    }

    /// Takes back a receiver. It is returned when its pipe was closed while it was lent, to
    /// be told [`End::Closed`](crate::End::Closed).
    #[inline]
    pub fn restore(&mut self, lent: CheckedOut<R>) -> Option<CheckedOut<R>> {
        match self.pipes.table.get_mut(lent.connection.0) {
            Some(PipeEntry { phase: Phase::Open | Phase::Waiting, receiver, .. }) => {
                *receiver = Some(lent.receiver);
                None
            }
            _ => Some(lent),
        }
    }

    /// Changes a receiver in its place.
    pub fn receiver_mut(&mut self, connection: ConnectionId) -> Option<&mut R> {
        self.pipes.table.get_mut(connection.0)?.receiver.as_mut()
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
