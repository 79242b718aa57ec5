//! The router's core: which pipe a message is for, whether it may have come over this link,
//! and how pipes and links end.
//!
//! It calls nobody. [`Router::poll`] takes one arrival off a link and, where a receiver is to
//! be told, *lends* it out together with what happened; the caller tells it, with whatever
//! context its receivers want, and [`restore`](Router::restore)s it. While a receiver is
//! lent, the router is free: a handler may make and close pipes, its own too, and stop the
//! router. A receiver that is lost to a panic costs nobody else anything.

use crate::counters::Counters;
use crate::event::{End, Refusal};
use crate::id::{ConnectionId, LinkId, Nonce};
use crate::inlet::{Arrival, Inlet, LinkEnd, Parcel, Undecodable};
use crate::log::{debug, warning};
use crate::receive::{Accepted, Receive};
use crate::refused::{AttachError, ClosePipeError, PipeError, PipeRefused};
use crate::state::{RouterState, WrongState};
use crate::table::{Standing, Storage, Table};

/// How often one link may make the router warn of late starts, so that no worker can fill
/// the log.
const WARNINGS_PER_LINK: u8 = 16;

/// One pipe in the routing table.
#[derive(Debug)]
pub struct PipeEntry<R> {
    /// The link that the pipe belongs to: which claimed it, or over which it is expected.
    link: Option<LinkId>,
    phase: Phase,
    /// `None` while it is lent, and for good once the pipe was closed.
    receiver: Option<R>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not claimed yet.
    Waiting,
    /// Messages may come.
    Open,
    /// Closed by the foreground, while its sender may still send. The entry stays until the
    /// sender stops or its link ends, and knows whether its late messages were logged.
    Closed { warned: bool },
}

/// One link in the table of links.
#[derive(Debug)]
pub struct LinkEntry<I> {
    inlet: Option<I>,
    /// Set once the link has ended: its pipes are told one by one, from this index on.
    ending: Option<(LinkEnd, u32)>,
    warnings: u8,
}

/// A receiver on loan, from [`Router::poll`] until [`Router::restore`].
#[derive(Debug)]
#[must_use = "a receiver that is not restored never hears of another message"]
pub struct Lent<R> {
    /// Its pipe.
    pub connection: ConnectionId,
    /// The receiver.
    pub receiver: R,
}

/// What [`Router::poll`] found.
#[derive(Debug)]
pub enum Polled<R> {
    /// The link has nothing now.
    Empty,
    /// Something arrived that no receiver is told now.
    Quiet,
    /// The receiver has accepted a message that waits until the link is drained.
    Later(ConnectionId),
    /// The receiver has accepted a message: it is to be told now, and restored.
    Message(Lent<R>),
    /// A pipe has ended: the receiver is to be told, and dropped.
    Ended(Lent<R>, End),
    /// The link has ended, all its pipes have been told, and it is not in the table any
    /// more.
    LinkEnded(LinkEnd),
}

/// Routes arrivals to receivers of type `R`.
///
/// `I` is the type of the links' foreground ends. `LS` and `PS` are the storage of the two
/// tables: arrays, where there is no allocator.
///
/// ```
/// use homing_core::{LinkEntry, PipeEntry, Router, Slot};
/// # use homing_core::*;
/// # struct Inbox; struct Led;
/// # impl Inlet for Inbox {
/// #     fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> { Ok(None) }
/// # }
/// # impl Receive for Led {
/// #     fn admits(&self, _: Nonce) -> bool { false }
/// #     fn accept(&mut self, parcel: Parcel<'_>) -> Result<Accepted, Undecodable> {
/// #         Ok(Accepted::Now)
/// #     }
/// # }
///
/// // Room for two links and four pipes, and no allocator anywhere.
/// let mut router: Router<Inbox, Led, [Slot<LinkEntry<Inbox>>; 2], [Slot<PipeEntry<Led>>; 4]> =
///     Router::new([const { Slot::VACANT }; 2], [const { Slot::VACANT }; 4]);
/// router.start()?;
/// # Ok::<(), WrongState<RouterState>>(())
/// ```
#[derive(Debug)]
pub struct Router<I, R, LS, PS> {
    links: Table<LinkEntry<I>, LS>,
    pipes: Table<PipeEntry<R>, PS>,
    state: RouterState,
    /// Pipes that the foreground has not closed and that have not ended.
    open: usize,
    counters: Counters,
}

impl<I, R, LS, PS> Router<I, R, LS, PS>
where
    I: Inlet,
    R: Receive,
    LS: Storage<LinkEntry<I>>,
    PS: Storage<PipeEntry<R>>,
{
    /// Makes a stopped router over the storage of its tables.
    pub const fn new(links: LS, pipes: PS) -> Self {
        Self {
            links: Table::new(links),
            pipes: Table::new(pipes),
            state: RouterState::Stopped,
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

    /// Starts routing, linked to the event loop.
    ///
    /// # Errors
    ///
    /// When it runs already.
    pub fn start(&mut self) -> Result<(), WrongState<RouterState>> {
        if self.state.is_running() {
            return Err(WrongState { state: self.state });
        }
        self.state = RouterState::Linked;
        debug!("router started");
        Ok(())
    }

    /// Unlinks the router from its event loop, until it is stopped and started again.
    ///
    /// # Errors
    ///
    /// When it does not run. Calling it again is fine.
    pub fn unlink(&mut self) -> Result<(), WrongState<RouterState>> {
        self.running()?;
        self.state = RouterState::Manual;
        Ok(())
    }

    /// Stops routing: drops all links, warns of open pipes, and refuses every call that
    /// needs a running router. The receivers of the pipes that were open are then taken with
    /// [`next_stopped`](Router::next_stopped), to be told [`End::Closed`].
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn stop(&mut self) -> Result<(), WrongState<RouterState>> {
        self.running()?;
        if self.open > 0 {
            warning!("router stopped with {} unclosed pipes", self.open as u32);
        }
        self.state = RouterState::Stopped;
        while let Some((key, _)) = self.links.next_from(0) {
            self.links.remove(key);
        }
        debug!("router stopped");
        Ok(())
    }

    /// Takes the next pipe out of a stopped router's table, and its receiver unless it is
    /// lent or was closed before. `None` when the table is empty.
    pub fn next_stopped(&mut self) -> Option<Option<Lent<R>>> {
        if self.state.is_running() {
            return None;
        }
        let (key, _) = self.pipes.next_from(0)?;
        let entry = self.pipes.remove(key)?;
        if !matches!(entry.phase, Phase::Closed { .. }) {
            self.open -= 1;
        }
        Some(entry.receiver.map(|receiver| Lent { connection: ConnectionId(key), receiver }))
    }

    /// Where the router stands.
    pub fn state(&self) -> RouterState {
        self.state
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The number of pipes that have not ended.
    pub fn open_pipes(&self) -> usize {
        self.open
    }

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
        let entry = LinkEntry { inlet: Some(inlet), ending: None, warnings: 0 };
        match self.links.insert(entry) {
            Ok(key) => Ok(LinkId(key)),
            Err(LinkEntry { inlet: Some(inlet), .. }) => Err(AttachError::TableFull(inlet)),
            Err(LinkEntry { inlet: None, .. }) => unreachable!("it was put in above"),
        }
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
    pub fn granted_pipe(
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
            return Err(PipeError::new(receiver, PipeRefused::NotRunning));
        }
        if let Some(link) = link
            && self.links.get(link.0).is_none_or(|entry| entry.ending.is_some())
        {
            return Err(PipeError::new(receiver, PipeRefused::NoSuchLink));
        }
        match self.pipes.insert(PipeEntry { link, phase, receiver: Some(receiver) }) {
            Ok(key) => {
                self.open += 1;
                self.counters.most_pipes = self.counters.most_pipes.max(self.open);
                debug!("pipe #{}.{} made", key.index, key.generation);
                Ok(ConnectionId(key))
            }
            Err(PipeEntry { receiver: Some(receiver), .. }) => {
                Err(PipeError::new(receiver, PipeRefused::TableFull))
            }
            Err(PipeEntry { receiver: None, .. }) => unreachable!("it was put in above"),
        }
    }

    /// Closes a pipe from the foreground's side. What arrives for it later is discarded.
    ///
    /// Returns the receiver, to be told [`End::Closed`]; `None` when it is lent, in which
    /// case [`restore`](Router::restore) will return it for that.
    ///
    /// # Errors
    ///
    /// When the router does not run, or the pipe has ended or was closed before.
    pub fn close_pipe(
        &mut self,
        connection: ConnectionId,
    ) -> Result<Option<Lent<R>>, ClosePipeError> {
        if !self.state.is_running() {
            return Err(ClosePipeError::NotRunning);
        }
        let Some(entry) = self.pipes.get_mut(connection.0) else {
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
            Phase::Waiting => self.pipes.remove(connection.0).and_then(|entry| entry.receiver),
        };
        self.open -= 1;
        debug!("pipe #{}.{} closed", connection.index(), connection.generation());
        Ok(receiver.map(|receiver| Lent { connection, receiver }))
    }

    /// Whether the pipe has neither ended nor been closed.
    pub fn has_pipe(&self, connection: ConnectionId) -> bool {
        self.pipes
            .get(connection.0)
            .is_some_and(|entry| !matches!(entry.phase, Phase::Closed { .. }))
    }

    /// Whether any pipe that has not ended could still get a message: its link is there, or
    /// it is unclaimed and some link is there.
    pub fn can_hear(&mut self) -> bool {
        let mut index = 0;
        while let Some((key, entry)) = self.pipes.next_from(index) {
            let open = !matches!(entry.phase, Phase::Closed { .. });
            let link = entry.link;
            if open
                && match link {
                    Some(link) => self.links.get(link.0).is_some(),
                    None => self.links.len() > 0,
                }
            {
                return true;
            }
            index = key.index + 1;
        }
        false
    }

    /// Takes one arrival off `link`, and says what is to be done about it.
    ///
    /// It does a bounded amount of work, and calls no receiver but for
    /// [`accept`](Receive::accept).
    #[inline]
    pub fn poll(&mut self, link: LinkId) -> Polled<R> {
        let Some(mut inlet) = self.lend_inlet(link) else { return self.next_end(link) };
        let polled = self.route(link, inlet.poll());
        self.restore_inlet(link, inlet);
        polled
    }

    /// Lends out the inlet of a link, for a caller that polls it several times and
    /// [routes](Router::route) what it gets. `None` when the link has ended, its inlet is
    /// lent, or the router does not run; [`poll`](Router::poll) says more then.
    pub fn lend_inlet(&mut self, link: LinkId) -> Option<I> {
        if !self.state.is_running() {
            return None;
        }
        self.links.get_mut(link.0)?.inlet.take()
    }

    /// Takes back an inlet. It is dropped when the link has ended meanwhile.
    pub fn restore_inlet(&mut self, link: LinkId, inlet: I) {
        if let Some(entry) = self.links.get_mut(link.0)
            && entry.ending.is_none()
        {
            entry.inlet = Some(inlet);
        }
    }

    /// Says what is to be done about what the inlet of `link` has returned. After an end, or
    /// when the link [is ending](Router::is_ending), the inlet is not to be polled again.
    #[inline]
    pub fn route(
        &mut self,
        link: LinkId,
        arrival: Result<Option<Arrival<'_>>, LinkEnd>,
    ) -> Polled<R> {
        if !self.state.is_running() {
            return Polled::Empty;
        }
        match arrival {
            Ok(None) => Polled::Empty,
            Ok(Some(Arrival::Partial)) => Polled::Quiet,
            Ok(Some(Arrival::Message { connection, parcel })) => {
                self.message(link, connection, parcel)
            }
            Ok(Some(Arrival::Started { connection, nonce })) => {
                self.started(link, connection, nonce)
            }
            Ok(Some(Arrival::Stopped { connection, end })) => self.stopped(link, connection, end),
            Ok(Some(Arrival::Missed { connection, count })) => match self.pipes.get(connection.0) {
                Some(entry) if entry.link == Some(link) && entry.phase != Phase::Waiting => {
                    self.missed(count)
                }
                // Nobody's pipe, as in `stray`.
                None if self.pipes.standing(connection.0) == Standing::Gone => self.missed(count),
                _ => self.cut(link, Refusal::NotYours),
            },
            Err(end) => {
                if let LinkEnd::Refused(_) = end {
                    self.counters.refused_links += 1;
                    warning!("link #{}.{} cut off", link.index(), link.generation());
                }
                self.end_link(link, end);
                self.next_end(link)
            }
        }
    }

    /// Lends out a receiver that accepted a message to be handled
    /// [`Later`](Accepted::Later). `None` when its pipe has been closed since.
    pub fn lend(&mut self, connection: ConnectionId) -> Option<Lent<R>> {
        let entry = self.pipes.get_mut(connection.0)?;
        let receiver = entry.receiver.take()?;
        self.counters.routed += 1;
        Some(Lent { connection, receiver })
    }

    /// Counts messages that its caller has handed to a receiver that was lent, and their
    /// bytes: further ones of the same pipe, or one that the receiver had accepted to be
    /// handled later when its pipe [ended](Polled::Ended).
    #[inline]
    pub fn count_routed(&mut self, messages: u64, bytes: u64) {
        self.counters.routed += messages;
        self.counters.bytes += bytes;
    }

    /// Whether the link has ended, and its pipes are still to be told.
    pub fn is_ending(&self, link: LinkId) -> bool {
        self.links.get(link.0).is_some_and(|entry| entry.ending.is_some())
    }

    /// Takes back a receiver. It is returned when its pipe was closed while it was lent, to
    /// be told [`End::Closed`].
    #[inline]
    pub fn restore(&mut self, lent: Lent<R>) -> Option<Lent<R>> {
        match self.pipes.get_mut(lent.connection.0) {
            Some(PipeEntry { phase: Phase::Open | Phase::Waiting, receiver, .. }) => {
                *receiver = Some(lent.receiver);
                None
            }
            _ => Some(lent),
        }
    }

    /// Changes a receiver in its place.
    pub fn receiver_mut(&mut self, connection: ConnectionId) -> Option<&mut R> {
        self.pipes.get_mut(connection.0)?.receiver.as_mut()
    }

    fn running(&self) -> Result<(), WrongState<RouterState>> {
        if self.state.is_running() { Ok(()) } else { Err(WrongState { state: self.state }) }
    }

    fn missed(&mut self, count: u64) -> Polled<R> {
        self.counters.missed = self.counters.missed.saturating_add(count);
        Polled::Quiet
    }

    /// A message for a pipe that is not open on this link.
    #[inline]
    fn message(&mut self, link: LinkId, connection: ConnectionId, parcel: Parcel<'_>) -> Polled<R> {
        let Some(PipeEntry { link: Some(owner), phase: Phase::Open, receiver }) =
            self.pipes.get_mut(connection.0)
        else {
            return self.stray(link, connection);
        };
        if *owner != link {
            return self.stray(link, connection);
        }
        // It is lent only while a handler runs, and no handler routes.
        let Some(open) = receiver else { return Polled::Quiet };
        self.counters.bytes += parcel.len() as u64;
        match open.accept(parcel) {
            Ok(Accepted::Now) => {
                self.counters.routed += 1;
                let lent = receiver.take().map(|receiver| Lent { connection, receiver });
                lent.map_or(Polled::Quiet, Polled::Message)
            }
            Ok(Accepted::Later(superseded)) => {
                self.counters.superseded += superseded;
                Polled::Later(connection)
            }
            Err(Undecodable) => self.cut(link, Refusal::Undecodable),
        }
    }

    /// A message for a pipe that is not open on this link.
    #[cold]
    fn stray(&mut self, link: LinkId, connection: ConnectionId) -> Polled<R> {
        match self.pipes.standing(connection.0) {
            Standing::Unknown => self.cut(link, Refusal::NotYours),
            Standing::Gone => {
                // Nobody's pipe: there is nobody to deceive. Most likely it was closed
                // before the worker started it.
                self.counters.discarded_closed += 1;
                Polled::Quiet
            }
            Standing::Present => match self.pipes.get_mut(connection.0) {
                Some(PipeEntry { link: Some(owner), phase: Phase::Closed { warned }, .. })
                    if *owner == link =>
                {
                    self.counters.discarded_closed += 1;
                    if !core::mem::replace(warned, true) {
                        warning!(
                            "discarding messages of closed pipe #{}.{}",
                            connection.index(),
                            connection.generation()
                        );
                    }
                    Polled::Quiet
                }
                _ => self.cut(link, Refusal::NotYours),
            },
        }
    }

    fn started(&mut self, link: LinkId, connection: ConnectionId, nonce: Nonce) -> Polled<R> {
        let gone = self.pipes.standing(connection.0) == Standing::Gone;
        match self.pipes.get_mut(connection.0) {
            Some(entry) if entry.phase == Phase::Waiting => {
                match &entry.receiver {
                    Some(receiver) if receiver.admits(nonce) => {}
                    _ => return self.cut(link, Refusal::NotYours),
                }
                entry.link = Some(link);
                entry.phase = Phase::Open;
                debug!("pipe #{}.{} started", connection.index(), connection.generation());
                Polled::Quiet
            }
            Some(entry) if entry.link == Some(link) => self.cut(link, Refusal::OutOfTurn),
            Some(_) => self.cut(link, Refusal::NotYours),
            None if gone => {
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
            None => self.cut(link, Refusal::NotYours),
        }
    }

    fn stopped(&mut self, link: LinkId, connection: ConnectionId, end: End) -> Polled<R> {
        match self.pipes.get(connection.0) {
            Some(PipeEntry { link: Some(owner), phase: Phase::Open, .. }) if *owner == link => {
                self.take_ended(connection, end)
            }
            Some(PipeEntry { link: Some(owner), phase: Phase::Closed { .. }, .. })
                if *owner == link =>
            {
                self.pipes.remove(connection.0);
                Polled::Quiet
            }
            Some(_) => self.cut(link, Refusal::NotYours),
            None if self.pipes.standing(connection.0) == Standing::Gone => Polled::Quiet,
            None => self.cut(link, Refusal::NotYours),
        }
    }

    fn take_ended(&mut self, connection: ConnectionId, end: End) -> Polled<R> {
        self.open -= 1;
        debug!("pipe #{}.{} ended", connection.index(), connection.generation());
        match self.pipes.remove(connection.0).and_then(|entry| entry.receiver) {
            Some(receiver) => Polled::Ended(Lent { connection, receiver }, end),
            None => Polled::Quiet,
        }
    }

    /// Cuts a link off.
    #[cold]
    fn cut(&mut self, link: LinkId, refusal: Refusal) -> Polled<R> {
        self.counters.refused_links += 1;
        warning!("link #{}.{} cut off", link.index(), link.generation());
        self.end_link(link, LinkEnd::Refused(refusal));
        Polled::Quiet
    }

    /// Tells the next pipe of an ended link, and removes the link after the last.
    #[cold]
    fn next_end(&mut self, link: LinkId) -> Polled<R> {
        let Some(LinkEntry { ending: Some((end, from)), .. }) = self.links.get_mut(link.0) else {
            return Polled::Empty;
        };
        let end = *end;
        while let Some((key, entry)) = self.pipes.next_from(*from) {
            *from = key.index + 1;
            if entry.link != Some(link) {
                continue;
            }
            if let Phase::Closed { .. } = entry.phase {
                self.pipes.remove(key);
                continue;
            }
            return self.take_ended(ConnectionId(key), end.end());
        }
        self.links.remove(link.0);
        Polled::LinkEnded(end)
    }
}

/// The storage of [`Router`]'s tables on a host with an allocator: it grows.
#[cfg(feature = "alloc")]
pub type Growing<T> = alloc::vec::Vec<crate::table::Slot<T>>;
