//! What arrives: which pipe it concerns, and whether it may have come over its link.

use super::links::LinkEntry;
use super::pipes::{Detached, Owner, Phase, PipeEntry, Pipes};
use super::{Polled, Router};
use crate::event::{End, ProtocolError};
use crate::id::{ConnectionId, LinkId, Nonce};
use crate::inlet::{Arrival, Inlet, LinkEnd};
use crate::log::{debug, warning};
use crate::message_type::{MessageType, TypeMismatch};
use crate::payload::{Payload, Undecodable};
use crate::receiver::Authorize;
use crate::table::{KeyStatus, Storage};

/// How often one link may make the router warn of late starts, so that no worker can fill
/// the log.
const WARNINGS_PER_LINK: u8 = 16;

impl<I, R, LS, PS> Router<I, R, LS, PS>
where
    I: Inlet,
    R: Authorize,
    LS: Storage<LinkEntry<I>>,
    PS: Storage<PipeEntry<R>>,
{
    /// Takes one arrival off `link`, and says what is to be done about it. A message is
    /// passed to `handle`, with its receiver in its place in the routing table.
    ///
    /// One call does a bounded amount of work, and calls `handle` once at most. `handle`
    /// cannot use the router; a program whose reaction to a message does keeps what `handle`
    /// has found, and reacts when `poll_with` has returned.
    ///
    /// For a message that is none of the receiver's type, `handle` returns [`Undecodable`]:
    /// the link is cut off then.
    #[inline]
    pub fn poll_with(
        &mut self,
        link: LinkId,
        handle: impl FnOnce(&mut R, Payload<'_>) -> Result<(), Undecodable>,
    ) -> Polled<R> {
        if !self.state.is_running() {
            return Polled::Empty;
        }
        let Some(LinkEntry { inlet: Some(inlet), .. }) = self.links.get_mut(link.0) else {
            return self.next_end(link);
        };
        let routed = match inlet.poll() {
            Ok(None) => return Polled::Empty,
            Ok(Some(Arrival::Message { connection, payload })) => {
                self.pipes.message(link, connection, payload, handle)
            }
            Ok(Some(arrival)) => self.pipes.control(link, &arrival),
            Err(end) => Err(ArrivalFault::Ended(end)),
        };
        // The inlet of a link that ends here is dropped.
        routed.unwrap_or_else(|fault| self.fault(link, fault).0)
    }
}

impl<I, R, LS, PS> Router<I, R, LS, PS>
where
    R: Authorize,
    LS: Storage<LinkEntry<I>>,
    PS: Storage<PipeEntry<R>>,
{
    /// Slow path: the end of a link, a violation of the protocol, or the start of a pipe. The
    /// inlet of a link that ends here comes back.
    #[cold]
    pub(super) fn fault(&mut self, link: LinkId, fault: ArrivalFault) -> (Polled<R>, Option<I>) {
        match fault {
            ArrivalFault::Ended(end) => {
                if let LinkEnd::Refused(_) = end {
                    self.count_refused(link);
                }
                let inlet = self.end_link(link, end);
                (self.next_end(link), inlet)
            }
            ArrivalFault::Refused(violation) => {
                self.count_refused(link);
                let inlet = self.end_link(link, LinkEnd::Refused(violation));
                (Polled::Handled, inlet)
            }
            // The link is expected to bring it, and has it among its members.
            ArrivalFault::Started(_) => (Polled::Handled, None),
            ArrivalFault::Claimed(connection) => {
                self.add_member(link, connection);
                (Polled::Handled, None)
            }
            ArrivalFault::Mistyped(connection, mismatch) => {
                // The pipe was claimed, and ends with this link.
                self.add_member(link, connection);
                self.fault(link, ArrivalFault::Refused(ProtocolError::TypeMismatch(mismatch)))
            }
            ArrivalFault::LateStart(connection) => {
                self.warn_of_late_start(link, connection);
                (Polled::Handled, None)
            }
        }
    }

    fn warn_of_late_start(&mut self, link: LinkId, connection: ConnectionId) {
        if let Some(entry) = self.links.get_mut(link.0)
            && entry.warnings < WARNINGS_PER_LINK
        {
            entry.warnings += 1;
            warning!(
                "pipe #{}.{} was closed before it was started: its messages are discarded",
                connection.index(),
                connection.generation()
            );
        }
    }

    fn count_refused(&mut self, link: LinkId) {
        self.pipes.counters.refused_links += 1;
        warning!("link #{}.{} cut off", link.index(), link.generation());
    }

    /// Removes the next pipe of an ended link, and the link itself after the last.
    #[cold]
    pub(super) fn next_end(&mut self, link: LinkId) -> Polled<R> {
        let Some(LinkEntry { ending: Some((end, position)), members, .. }) =
            self.links.get_mut(link.0)
        else {
            return Polled::Empty;
        };
        let end = end.clone();
        let owner = Owner::of(link);
        while let Some(key) = members.next(position, owner, &mut self.pipes.table) {
            if let Some(detached) = self.pipes.take_ended(key) {
                return Polled::Ended(detached, end.clone().end());
            }
        }
        self.links.remove(link.0);
        Polled::LinkEnded(end)
    }
}

/// What an arrival can lead to that takes more than the routing table.
#[derive(Debug)]
pub(super) enum ArrivalFault {
    /// The link has ended.
    Ended(LinkEnd),
    /// No honest worker sends this.
    Refused(ProtocolError),
    /// A worker started this pipe over the link that was expected to bring it.
    #[cfg_attr(not(feature = "alloc"), allow(dead_code, reason = "sessions tell it"))]
    Started(ConnectionId),
    /// The link owns this pipe from now on: it was expected over another, or over any.
    Claimed(ConnectionId),
    /// The link owns this pipe from now on, and its messages would be of another type than the
    /// receiver's.
    Mistyped(ConnectionId, TypeMismatch),
    /// A worker started a pipe that had been closed.
    LateStart(ConnectionId),
}

pub(super) type Routed<R> = Result<Polled<R>, ArrivalFault>;

impl<R, PS: Storage<PipeEntry<R>>> Pipes<R, PS> {
    #[inline]
    fn message(
        &mut self,
        link: LinkId,
        connection: ConnectionId,
        payload: Payload<'_>,
        handle: impl FnOnce(&mut R, Payload<'_>) -> Result<(), Undecodable>,
    ) -> Routed<R> {
        let Some(receiver) = self.receiver_of(link, connection) else {
            return self.unroutable(link, connection).map(|()| Polled::Handled);
        };
        let bytes = payload.len() as u64;
        let handled = handle(receiver, payload);
        self.counters.bytes += bytes;
        match handled {
            Ok(()) => {
                self.counters.routed += 1;
                Ok(Polled::Handled)
            }
            Err(undecodable) => Err(ArrivalFault::Refused(ProtocolError::Undecodable(undecodable))),
        }
    }

    /// The receiver of a message that came over `link`. `None` when its pipe is not open on
    /// this link: see [`unroutable`](Self::unroutable).
    #[inline]
    pub(super) fn receiver_of(&mut self, link: LinkId, connection: ConnectionId) -> Option<&mut R> {
        match self.table.get_mut(connection.0) {
            Some(PipeEntry { owner, phase: Phase::Open, receiver })
                if *owner == Owner::of(link) =>
            {
                receiver.as_mut()
            }
            _ => None,
        }
    }

    /// Everything that arrives but messages.
    pub(super) fn control(&mut self, link: LinkId, arrival: &Arrival<'_>) -> Routed<R>
    where
        R: Authorize,
    {
        match arrival {
            Arrival::Message { .. } | Arrival::Partial => Ok(Polled::Handled),
            Arrival::Started { connection, nonce, message_type } => {
                self.started(link, *connection, *nonce, message_type)
            }
            Arrival::Stopped { connection, end } => self.stopped(link, *connection, end.clone()),
            Arrival::Missed { connection, count } => self.missed(link, *connection, *count),
            Arrival::Fragment { connection } => self.fragment(link, *connection),
            // Pipes of this router have no way back, or a session has dealt with it.
            Arrival::Answer { .. } | Arrival::Taken { .. } | Arrival::Told { .. } => {
                Err(ArrivalFault::Refused(ProtocolError::OutOfTurn))
            }
        }
    }

    /// A message for a pipe that is not open on this link: discarded, or a violation.
    #[cold]
    pub(super) fn unroutable(
        &mut self,
        link: LinkId,
        connection: ConnectionId,
    ) -> Result<(), ArrivalFault> {
        match self.table.standing(connection.0) {
            KeyStatus::Unknown => return Err(ArrivalFault::Refused(ProtocolError::NotYours)),
            // The pipe no longer exists, so no receiver is affected: count and discard. Most
            // likely it was closed before the worker started it.
            KeyStatus::Gone => {}
            KeyStatus::Present => match self.table.get_mut(connection.0) {
                Some(PipeEntry { owner, phase: Phase::Closed { warned }, .. })
                    if *owner == Owner::of(link) =>
                {
                    if !core::mem::replace(warned, true) {
                        warning!(
                            "discarding messages of closed pipe #{}.{}",
                            connection.index(),
                            connection.generation()
                        );
                    }
                }
                _ => return Err(ArrivalFault::Refused(ProtocolError::NotYours)),
            },
        }
        self.counters.discarded_closed += 1;
        Ok(())
    }

    fn started(
        &mut self,
        link: LinkId,
        connection: ConnectionId,
        nonce: Nonce,
        message_type: &MessageType<'_>,
    ) -> Routed<R>
    where
        R: Authorize,
    {
        let standing = self.table.standing(connection.0);
        match self.table.get_mut(connection.0) {
            Some(entry) if entry.phase == Phase::Waiting && entry.owner != Owner::GONE => {
                let admitted = match &entry.receiver {
                    Some(receiver) if receiver.authorizes(nonce) => {
                        receiver.message_type().admit(message_type)
                    }
                    _ => return Err(ArrivalFault::Refused(ProtocolError::NotYours)),
                };
                entry.phase = Phase::Open;
                debug!("pipe #{}.{} started", connection.index(), connection.generation());
                let owner = core::mem::replace(&mut entry.owner, Owner::of(link));
                self.unclaimed -= usize::from(owner == Owner::ANY);
                if let Err(mismatch) = admitted {
                    return Err(ArrivalFault::Mistyped(connection, mismatch));
                }
                if owner == Owner::of(link) {
                    return Err(ArrivalFault::Started(connection));
                }
                Err(ArrivalFault::Claimed(connection))
            }
            Some(entry) if entry.owner == Owner::of(link) => {
                Err(ArrivalFault::Refused(ProtocolError::OutOfTurn))
            }
            None if standing == KeyStatus::Gone => Err(ArrivalFault::LateStart(connection)),
            _ => Err(ArrivalFault::Refused(ProtocolError::NotYours)),
        }
    }

    fn stopped(&mut self, link: LinkId, connection: ConnectionId, end: End) -> Routed<R> {
        let key = connection.0;
        match self.table.get(key) {
            Some(entry) if entry.owner == Owner::of(link) && entry.phase != Phase::Waiting => {
                let detached = self.take_ended(key);
                Ok(detached.map_or(Polled::Handled, |detached| Polled::Ended(detached, end)))
            }
            None if self.table.standing(key) == KeyStatus::Gone => Ok(Polled::Handled),
            _ => Err(ArrivalFault::Refused(ProtocolError::NotYours)),
        }
    }

    fn missed(&mut self, link: LinkId, connection: ConnectionId, count: u64) -> Routed<R> {
        self.expect_started(link, connection)?;
        self.counters.missed = self.counters.missed.saturating_add(count);
        Ok(Polled::Handled)
    }

    fn fragment(&mut self, link: LinkId, connection: ConnectionId) -> Routed<R> {
        self.expect_started(link, connection)?;
        Ok(Polled::Handled)
    }

    /// Refuses what concerns a pipe that was not started on this link.
    pub(super) fn expect_started(
        &self,
        link: LinkId,
        connection: ConnectionId,
    ) -> Result<(), ArrivalFault> {
        let is_started = match self.table.get(connection.0) {
            Some(entry) => entry.owner == Owner::of(link) && entry.phase != Phase::Waiting,
            // The pipe no longer exists, as in `unroutable`.
            None => self.table.standing(connection.0) == KeyStatus::Gone,
        };
        match is_started {
            true => Ok(()),
            false => Err(ArrivalFault::Refused(ProtocolError::NotYours)),
        }
    }

    /// Takes a pipe out of the table that has ended. `None` when it had been closed before.
    pub(super) fn take_ended(&mut self, key: crate::table::Key) -> Option<Detached<R>> {
        let entry = self.table.remove(key)?;
        if !entry.is_closed() {
            self.open -= 1;
            debug!("pipe #{}.{} ended", key.index, key.generation);
        }
        Some(Detached { connection: ConnectionId(key), receiver: entry.receiver? })
    }
}
