//! What arrives: whom it concerns, and whether it may have come over its link.

use super::links::LinkEntry;
use super::pipes::{Owner, Phase, PipeEntry, Pipes};
use super::{Polled, Router};
use crate::event::{End, ProtocolError};
use crate::id::{ConnectionId, LinkId, Nonce};
use crate::inlet::{Arrival, Inlet, LinkEnd, Payload, Undecodable};
use crate::log::{debug, warning};
use crate::receiver::{Authorize, Delivery, Receive};
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
    /// handed to `handle` at once, with its receiver in its place in the table.
    ///
    /// It does a bounded amount of work, and calls nobody but `handle`, once at most. It
    /// never returns [`Polled::Message`] or [`Polled::Deferred`].
    ///
    /// For a message that is none of the receiver's type, `handle` returns [`Undecodable`]:
    /// the link is cut off then.
    #[inline]
    pub fn poll_with(
        &mut self,
        link: LinkId,
        handle: impl FnOnce(&mut R, Payload<'_>) -> Result<(), Undecodable>,
    ) -> Polled<R> {
        self.poll_by(link, |receiver, payload| handle(receiver, payload).map(|()| None))
    }

    #[inline]
    fn poll_by(
        &mut self,
        link: LinkId,
        accept: impl FnOnce(&mut R, Payload<'_>) -> Result<Option<Delivery>, Undecodable>,
    ) -> Polled<R> {
        if !self.state.is_running() {
            return Polled::Empty;
        }
        let Some(LinkEntry { inlet: Some(inlet), .. }) = self.links.get_mut(link.0) else {
            return self.next_end(link);
        };
        let sorted = match inlet.poll() {
            Ok(None) => return Polled::Empty,
            Ok(Some(arrival)) => self.pipes.sort(link, arrival, accept),
            Err(end) => Err(ArrivalFault::Ended(end)),
        };
        sorted.unwrap_or_else(|amiss| self.amiss(link, amiss))
    }

    /// Not the usual case.
    #[cold]
    fn amiss(&mut self, link: LinkId, amiss: ArrivalFault) -> Polled<R> {
        match amiss {
            ArrivalFault::Ended(end) => {
                if let LinkEnd::Refused(_) = end {
                    self.count_refused(link);
                }
                self.end_link(link, end);
                self.next_end(link)
            }
            ArrivalFault::Refused(violation) => {
                self.count_refused(link);
                self.end_link(link, LinkEnd::Refused(violation));
                Polled::Handled
            }
            ArrivalFault::LateStart(connection) => {
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
                Polled::Handled
            }
        }
    }

    fn count_refused(&mut self, link: LinkId) {
        self.pipes.counters.refused_links += 1;
        warning!("link #{}.{} cut off", link.index(), link.generation());
    }

    /// Tells the next pipe of an ended link, and removes the link after the last.
    #[cold]
    fn next_end(&mut self, link: LinkId) -> Polled<R> {
        let Some(LinkEntry { ending: Some((end, from)), .. }) = self.links.get_mut(link.0) else {
            return Polled::Empty;
        };
        while let Some((key, entry)) = self.pipes.table.next_from(*from) {
            *from = key.index + 1;
            if entry.owner != Owner::of(link) {
                continue;
            }
            if entry.is_closed() {
                self.pipes.table.remove(key);
                continue;
            }
            return ended(self.pipes.take_ended(key), end.clone().end());
        }
        match self.links.remove(link.0).and_then(|entry| entry.ending) {
            Some((end, _)) => Polled::LinkEnded(end),
            None => Polled::Empty,
        }
    }
}

impl<I, R, LS, PS> Router<I, R, LS, PS>
where
    I: Inlet,
    R: Receive,
    LS: Storage<LinkEntry<I>>,
    PS: Storage<PipeEntry<R>>,
{
    /// Takes one arrival off `link`, and says what is to be done about it.
    ///
    /// It does a bounded amount of work, and calls no receiver but for
    /// [`accept`](Receive::accept).
    #[inline]
    pub fn poll(&mut self, link: LinkId) -> Polled<R> {
        self.poll_by(link, |receiver, payload| receiver.accept(payload).map(Some))
    }

    /// Says what is to be done about what the inlet of `link` has returned, for a caller to
    /// whom it [is lent](Router::take_inlet). After an end, or when the link
    /// [is ending](Router::is_ending), the inlet is not to be polled again.
    #[inline]
    pub fn route(
        &mut self,
        link: LinkId,
        arrival: Result<Option<Arrival<'_>>, LinkEnd>,
    ) -> Polled<R> {
        // Its place may be another link's by now.
        if !self.state.is_running() || !self.has_link(link) {
            return Polled::Empty;
        }
        let sorted = match arrival {
            Ok(None) => return Polled::Empty,
            // It would not be told of the end.
            Ok(Some(Arrival::Started { .. })) if self.is_ending(link) => return Polled::Handled,
            Ok(Some(arrival)) => {
                let accept =
                    |receiver: &mut R, payload: Payload<'_>| receiver.accept(payload).map(Some);
                self.pipes.sort(link, arrival, accept)
            }
            Err(end) => Err(ArrivalFault::Ended(end)),
        };
        sorted.unwrap_or_else(|amiss| self.amiss(link, amiss))
    }
}

/// What an arrival can come to beside something [`Polled`].
enum ArrivalFault {
    /// The link has ended.
    Ended(LinkEnd),
    /// No honest worker sends this.
    Refused(ProtocolError),
    /// A worker started a pipe that had been closed.
    LateStart(ConnectionId),
}

type Routed<R> = Result<Polled<R>, ArrivalFault>;

fn ended<R>(lent: Option<super::CheckedOut<R>>, end: End) -> Polled<R> {
    lent.map_or(Polled::Handled, |lent| Polled::Ended(lent, end))
}

impl<R, PS: Storage<PipeEntry<R>>> Pipes<R, PS> {
    #[inline]
    fn sort(
        &mut self,
        link: LinkId,
        arrival: Arrival<'_>,
        accept: impl FnOnce(&mut R, Payload<'_>) -> Result<Option<Delivery>, Undecodable>,
    ) -> Routed<R>
    where
        R: Authorize,
    {
        match arrival {
            Arrival::Message { connection, payload } => {
                self.message(link, connection, payload, accept)
            }
            Arrival::Partial => Ok(Polled::Handled),
            Arrival::Started { connection, nonce } => self.started(link, connection, nonce),
            Arrival::Stopped { connection, end } => self.stopped(link, connection, end),
            Arrival::Missed { connection, count } => self.missed(link, connection, count),
        }
    }

    #[inline]
    fn message(
        &mut self,
        link: LinkId,
        connection: ConnectionId,
        payload: Payload<'_>,
        accept: impl FnOnce(&mut R, Payload<'_>) -> Result<Option<Delivery>, Undecodable>,
    ) -> Routed<R> {
        let Some(PipeEntry { owner, phase: Phase::Open, receiver }) =
            self.table.get_mut(connection.0)
        else {
            return self.stray(link, connection);
        };
        if *owner != Owner::of(link) {
            return self.stray(link, connection);
        }
        // It is lent only while a handler runs, and no handler routes.
        let Some(open) = receiver else { return Ok(Polled::Handled) };
        self.counters.bytes += payload.len() as u64;
        match accept(open, payload) {
            Ok(None) => {
                self.counters.routed += 1;
                Ok(Polled::Handled)
            }
            Ok(Some(Delivery::Immediate)) => {
                self.counters.routed += 1;
                let lent =
                    receiver.take().map(|receiver| super::CheckedOut { connection, receiver });
                Ok(lent.map_or(Polled::Handled, Polled::Message))
            }
            Ok(Some(Delivery::Deferred { superseded })) => {
                self.counters.superseded += superseded;
                Ok(Polled::Deferred(connection))
            }
            Err(undecodable) => Err(ArrivalFault::Refused(ProtocolError::Undecodable(undecodable))),
        }
    }

    /// A message for a pipe that is not open on this link.
    #[cold]
    fn stray(&mut self, link: LinkId, connection: ConnectionId) -> Routed<R> {
        match self.table.standing(connection.0) {
            KeyStatus::Unknown => Err(ArrivalFault::Refused(ProtocolError::NotYours)),
            KeyStatus::Gone => {
                // Nobody's pipe: there is nobody to deceive. Most likely it was closed
                // before the worker started it.
                self.counters.discarded_closed += 1;
                Ok(Polled::Handled)
            }
            KeyStatus::Present => match self.table.get_mut(connection.0) {
                Some(PipeEntry { owner, phase: Phase::Closed { warned }, .. })
                    if *owner == Owner::of(link) =>
                {
                    self.counters.discarded_closed += 1;
                    if !core::mem::replace(warned, true) {
                        warning!(
                            "discarding messages of closed pipe #{}.{}",
                            connection.index(),
                            connection.generation()
                        );
                    }
                    Ok(Polled::Handled)
                }
                _ => Err(ArrivalFault::Refused(ProtocolError::NotYours)),
            },
        }
    }

    fn started(&mut self, link: LinkId, connection: ConnectionId, nonce: Nonce) -> Routed<R>
    where
        R: Authorize,
    {
        let standing = self.table.standing(connection.0);
        match self.table.get_mut(connection.0) {
            Some(entry) if entry.phase == Phase::Waiting => {
                match &entry.receiver {
                    Some(receiver) if receiver.authorizes(nonce) => {}
                    _ => return Err(ArrivalFault::Refused(ProtocolError::NotYours)),
                }
                entry.owner = Owner::of(link);
                entry.phase = Phase::Open;
                debug!("pipe #{}.{} started", connection.index(), connection.generation());
                Ok(Polled::Handled)
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
                if entry.is_closed() {
                    self.table.remove(key);
                    Ok(Polled::Handled)
                } else {
                    Ok(ended(self.take_ended(key), end))
                }
            }
            None if self.table.standing(key) == KeyStatus::Gone => Ok(Polled::Handled),
            _ => Err(ArrivalFault::Refused(ProtocolError::NotYours)),
        }
    }

    fn missed(&mut self, link: LinkId, connection: ConnectionId, count: u64) -> Routed<R> {
        let missed = match self.table.get(connection.0) {
            Some(entry) => entry.owner == Owner::of(link) && entry.phase != Phase::Waiting,
            // Nobody's pipe, as in `stray`.
            None => self.table.standing(connection.0) == KeyStatus::Gone,
        };
        if !missed {
            return Err(ArrivalFault::Refused(ProtocolError::NotYours));
        }
        self.counters.missed = self.counters.missed.saturating_add(count);
        Ok(Polled::Handled)
    }
}
