//! What arrives: whom it concerns, and whether it may have come over its link.

use super::links::LinkEntry;
use super::pipes::{Owner, Phase, PipeEntry, Pipes};
use super::{Polled, Router};
use crate::event::{End, Refusal};
use crate::id::{ConnectionId, LinkId, Nonce};
use crate::inlet::{Arrival, Inlet, LinkEnd, Parcel, Undecodable};
use crate::log::{debug, warning};
use crate::receive::{Accepted, Admit, Receive};
use crate::table::{Standing, Storage};

/// How often one link may make the router warn of late starts, so that no worker can fill
/// the log.
const WARNINGS_PER_LINK: u8 = 16;

impl<I, R, LS, PS> Router<I, R, LS, PS>
where
    I: Inlet,
    R: Admit,
    LS: Storage<LinkEntry<I>>,
    PS: Storage<PipeEntry<R>>,
{
    /// Takes one arrival off `link`, and says what is to be done about it. A message is
    /// handed to `handle` at once, with its receiver in its place in the table.
    ///
    /// It does a bounded amount of work, and calls nobody but `handle`, once at most. It
    /// never returns [`Polled::Message`] or [`Polled::Later`].
    ///
    /// For a message that is none of the receiver's type, `handle` returns [`Undecodable`]:
    /// the link is cut off then.
    #[inline]
    pub fn poll_with(
        &mut self,
        link: LinkId,
        handle: impl FnOnce(&mut R, Parcel<'_>) -> Result<(), Undecodable>,
    ) -> Polled<R> {
        self.poll_by(link, |receiver, parcel| handle(receiver, parcel).map(|()| None))
    }

    #[inline]
    fn poll_by(
        &mut self,
        link: LinkId,
        accept: impl FnOnce(&mut R, Parcel<'_>) -> Result<Option<Accepted>, Undecodable>,
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
            Err(end) => Err(Amiss::Ended(end)),
        };
        sorted.unwrap_or_else(|amiss| self.amiss(link, amiss))
    }

    /// Not the usual case.
    #[cold]
    fn amiss(&mut self, link: LinkId, amiss: Amiss) -> Polled<R> {
        match amiss {
            Amiss::Ended(end) => {
                if let LinkEnd::Refused(_) = end {
                    self.count_refused(link);
                }
                self.end_link(link, end);
                self.next_end(link)
            }
            Amiss::Refused(refusal) => {
                self.count_refused(link);
                self.end_link(link, LinkEnd::Refused(refusal));
                Polled::Quiet
            }
            Amiss::LateStart(connection) => {
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
                Polled::Quiet
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
        let end = *end;
        while let Some((key, entry)) = self.pipes.table.next_from(*from) {
            *from = key.index + 1;
            if entry.owner != Owner::of(link) {
                continue;
            }
            if entry.is_closed() {
                self.pipes.table.remove(key);
                continue;
            }
            return ended(self.pipes.take_ended(key), end.end());
        }
        self.links.remove(link.0);
        Polled::LinkEnded(end)
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
        self.poll_by(link, |receiver, parcel| receiver.accept(parcel).map(Some))
    }

    /// Says what is to be done about what the inlet of `link` has returned, for a caller to
    /// whom it [is lent](Router::lend_inlet). After an end, or when the link
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
            Ok(Some(Arrival::Started { .. })) if self.is_ending(link) => return Polled::Quiet,
            Ok(Some(arrival)) => {
                let accept =
                    |receiver: &mut R, parcel: Parcel<'_>| receiver.accept(parcel).map(Some);
                self.pipes.sort(link, arrival, accept)
            }
            Err(end) => Err(Amiss::Ended(end)),
        };
        sorted.unwrap_or_else(|amiss| self.amiss(link, amiss))
    }
}

/// What an arrival can come to beside something [`Polled`].
enum Amiss {
    /// The link has ended.
    Ended(LinkEnd),
    /// No honest worker sends this.
    Refused(Refusal),
    /// A worker started a pipe that had been closed.
    LateStart(ConnectionId),
}

type Sorted<R> = Result<Polled<R>, Amiss>;

fn ended<R>(lent: Option<super::Lent<R>>, end: End) -> Polled<R> {
    lent.map_or(Polled::Quiet, |lent| Polled::Ended(lent, end))
}

impl<R, PS: Storage<PipeEntry<R>>> Pipes<R, PS> {
    #[inline]
    fn sort(
        &mut self,
        link: LinkId,
        arrival: Arrival<'_>,
        accept: impl FnOnce(&mut R, Parcel<'_>) -> Result<Option<Accepted>, Undecodable>,
    ) -> Sorted<R>
    where
        R: Admit,
    {
        match arrival {
            Arrival::Message { connection, parcel } => {
                self.message(link, connection, parcel, accept)
            }
            Arrival::Partial => Ok(Polled::Quiet),
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
        parcel: Parcel<'_>,
        accept: impl FnOnce(&mut R, Parcel<'_>) -> Result<Option<Accepted>, Undecodable>,
    ) -> Sorted<R> {
        let Some(PipeEntry { owner, phase: Phase::Open, receiver }) =
            self.table.get_mut(connection.0)
        else {
            return self.stray(link, connection);
        };
        if *owner != Owner::of(link) {
            return self.stray(link, connection);
        }
        // It is lent only while a handler runs, and no handler routes.
        let Some(open) = receiver else { return Ok(Polled::Quiet) };
        self.counters.bytes += parcel.len() as u64;
        match accept(open, parcel) {
            Ok(None) => {
                self.counters.routed += 1;
                Ok(Polled::Quiet)
            }
            Ok(Some(Accepted::Now)) => {
                self.counters.routed += 1;
                let lent = receiver.take().map(|receiver| super::Lent { connection, receiver });
                Ok(lent.map_or(Polled::Quiet, Polled::Message))
            }
            Ok(Some(Accepted::Later(superseded))) => {
                self.counters.superseded += superseded;
                Ok(Polled::Later(connection))
            }
            Err(Undecodable) => Err(Amiss::Refused(Refusal::Undecodable)),
        }
    }

    /// A message for a pipe that is not open on this link.
    #[cold]
    fn stray(&mut self, link: LinkId, connection: ConnectionId) -> Sorted<R> {
        match self.table.standing(connection.0) {
            Standing::Unknown => Err(Amiss::Refused(Refusal::NotYours)),
            Standing::Gone => {
                // Nobody's pipe: there is nobody to deceive. Most likely it was closed
                // before the worker started it.
                self.counters.discarded_closed += 1;
                Ok(Polled::Quiet)
            }
            Standing::Present => match self.table.get_mut(connection.0) {
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
                    Ok(Polled::Quiet)
                }
                _ => Err(Amiss::Refused(Refusal::NotYours)),
            },
        }
    }

    fn started(&mut self, link: LinkId, connection: ConnectionId, nonce: Nonce) -> Sorted<R>
    where
        R: Admit,
    {
        let standing = self.table.standing(connection.0);
        match self.table.get_mut(connection.0) {
            Some(entry) if entry.phase == Phase::Waiting => {
                match &entry.receiver {
                    Some(receiver) if receiver.admits(nonce) => {}
                    _ => return Err(Amiss::Refused(Refusal::NotYours)),
                }
                entry.owner = Owner::of(link);
                entry.phase = Phase::Open;
                debug!("pipe #{}.{} started", connection.index(), connection.generation());
                Ok(Polled::Quiet)
            }
            Some(entry) if entry.owner == Owner::of(link) => {
                Err(Amiss::Refused(Refusal::OutOfTurn))
            }
            None if standing == Standing::Gone => Err(Amiss::LateStart(connection)),
            _ => Err(Amiss::Refused(Refusal::NotYours)),
        }
    }

    fn stopped(&mut self, link: LinkId, connection: ConnectionId, end: End) -> Sorted<R> {
        let key = connection.0;
        match self.table.get(key) {
            Some(entry) if entry.owner == Owner::of(link) && entry.phase != Phase::Waiting => {
                if entry.is_closed() {
                    self.table.remove(key);
                    Ok(Polled::Quiet)
                } else {
                    Ok(ended(self.take_ended(key), end))
                }
            }
            None if self.table.standing(key) == Standing::Gone => Ok(Polled::Quiet),
            _ => Err(Amiss::Refused(Refusal::NotYours)),
        }
    }

    fn missed(&mut self, link: LinkId, connection: ConnectionId, count: u64) -> Sorted<R> {
        let missed = match self.table.get(connection.0) {
            Some(entry) => entry.owner == Owner::of(link) && entry.phase != Phase::Waiting,
            // Nobody's pipe, as in `stray`.
            None => self.table.standing(connection.0) == Standing::Gone,
        };
        if !missed {
            return Err(Amiss::Refused(Refusal::NotYours));
        }
        self.counters.missed = self.counters.missed.saturating_add(count);
        Ok(Polled::Quiet)
    }
}
