//! One link's turn, for a router whose receivers use the router while they are told.

use alloc::rc::Rc;
use core::cell::RefCell;

use super::arrivals::ArrivalFault;
use super::links::LinkEntry;
use super::pipes::{Detached, PipeEntry};
use super::shared_inlet::{InletCell, SharedInlet};
use super::{Polled, Router};
use crate::event::{End, ProtocolError};
use crate::id::{ConnectionId, LinkId};
use crate::inlet::{Arrival, Inlet, LinkEnd};
use crate::payload::Undecodable;
use crate::receiver::{Delivery, Receive};
use crate::table::Storage;

/// A router that stands in a cell, on the foreground's thread.
type Shared<R, LS, PS> = RefCell<Router<SharedInlet, R, LS, PS>>;

/// What one [`Session::poll`] came to.
#[derive(Debug)]
#[must_use = "receivers are to be told"]
pub enum SessionStep<'s, R> {
    /// The link has nothing now.
    Empty,
    /// Something arrived that is dealt with.
    Handled,
    /// The worker has started this pipe.
    Started(ConnectionId),
    /// The worker has started this pipe, which the foreground had closed: it is to be told so,
    /// where it can be.
    StartedLate(ConnectionId),
    /// The receiver has accepted a message, which it is to handle now.
    Message(&'s R),
    /// The receiver has accepted a message, which it is to handle when the link is drained.
    Deferred(&'s R),
    /// A pipe has ended: its receiver is to be told so, and dropped.
    Ended(Detached<R>, End),
    /// The link has ended, the ends of all its pipes have been returned, and it is not in the
    /// table any more.
    LinkEnded(LinkEnd),
}

/// One link's turn: the link's inlet and, while message follows message on the same pipe, the
/// receiver of that pipe. Neither is looked up for each message.
///
/// The router is borrowed within [`poll`](Session::poll) only, and not while a message is
/// decoded. Between two polls receivers may use the router as they like: make and close
/// pipes, stop it, and begin sessions of any link, this one too.
#[derive(Debug)]
pub struct Session<'r, R, LS, PS>
where
    LS: Storage<LinkEntry<SharedInlet>>,
    PS: Storage<PipeEntry<R>>,
{
    router: &'r Shared<R, LS, PS>,
    link: LinkId,
    inlet: Rc<InletCell>,
    cache: Option<Cached<R>>,
    other: Option<Other<R>>,
    /// Messages that receivers have accepted, and their bytes, to be counted when it ends.
    routed: u64,
    bytes: u64,
}

/// The receiver of the last message.
#[derive(Debug)]
struct Cached<R> {
    connection: ConnectionId,
    receiver: R,
    /// [`Router::changes`] when the receiver was looked up: another value means that it may
    /// not be the pipe's any more.
    changes: u64,
}

/// What a poll of the inlet came to.
#[derive(Clone, Copy)]
enum Taken {
    /// The cached receiver has accepted a message.
    Message,
    /// The inlet has nothing, or is being polled further up the stack.
    Nothing,
    /// Something else, which is stored in the session.
    Other,
}

/// What is left of a rare arrival once the inlet is not borrowed any more.
#[derive(Debug)]
enum Other<R> {
    /// The link has ended before.
    Closed,
    /// The cached receiver has accepted a message, and handles it later.
    Deferred { superseded: u64 },
    /// The cached receiver has accepted an answer.
    Answered,
    /// The router has dealt with it.
    Routed(Polled<R>),
    /// The router is to deal with it.
    Fault(ArrivalFault),
}

impl<'r, R, LS, PS> Session<'r, R, LS, PS>
where
    R: Receive,
    LS: Storage<LinkEntry<SharedInlet>>,
    PS: Storage<PipeEntry<R>>,
{
    /// Begins a turn of `link`. `None` when there is no such link.
    ///
    /// # Panics
    ///
    /// When the router is borrowed. The same holds for [`poll`](Session::poll).
    pub fn begin(router: &'r Shared<R, LS, PS>, link: LinkId) -> Option<Self> {
        let inlet = match &router.borrow().links.get(link.0)?.inlet {
            Some(inlet) => Rc::clone(&inlet.0),
            None => Rc::new(InletCell::new(None, None)),
        };
        Some(Self { router, link, inlet, cache: None, other: None, routed: 0, bytes: 0 })
    }

    /// Takes one arrival off the link, and says what is to be done about it.
    ///
    /// One call does a bounded amount of work, and runs code of receivers in
    /// [`Receive::accept`] only.
    #[inline]
    pub fn poll(&mut self) -> SessionStep<'_, R> {
        if self.inlet.closed.get() {
            // The link may have ended while its inlet was borrowed.
            self.inlet.close();
        }
        match self.take() {
            Taken::Message => {
                self.routed += 1;
                self.cache
                    .as_ref()
                    .map_or(SessionStep::Handled, |cached| SessionStep::Message(&cached.receiver))
            }
            Taken::Nothing => SessionStep::Empty,
            Taken::Other => self.poll_slow(),
        }
    }

    /// Polls the inlet, and has a message decoded while the inlet is borrowed.
    ///
    /// A message is passed by reference, and what is rare goes into `other`: to copy an arrival
    /// takes longer than to route a message.
    #[inline]
    fn take(&mut self) -> Taken {
        // A decoder of this link's messages that dispatches finds the inlet borrowed. The
        // session that borrowed it goes on when the decoder has returned.
        let Ok(mut inlet) = self.inlet.inlet.try_borrow_mut() else { return Taken::Nothing };
        let Some(inlet) = inlet.as_mut() else {
            self.other = Some(Other::Closed);
            return Taken::Other;
        };
        let other = match &mut inlet.poll() {
            Ok(Some(Arrival::Message { connection, payload })) => {
                let looked_up = match &self.cache {
                    Some(cached) if cached.serves(*connection, self.router) => Ok(()),
                    _ => Cached::look_up(&mut self.cache, self.router, self.link, *connection),
                };
                match (looked_up, &self.cache) {
                    (Ok(()), Some(cached)) => {
                        self.bytes += payload.len() as u64;
                        match cached.receiver.accept(payload) {
                            Ok(Delivery::Immediate) => return Taken::Message,
                            Ok(Delivery::Deferred { superseded }) => Other::Deferred { superseded },
                            Err(undecodable) => Other::undecodable(undecodable),
                        }
                    }
                    (Ok(()), None) => Other::Routed(Polled::Handled),
                    (Err(fault), _) => Other::Fault(fault),
                }
            }
            Ok(None) => return Taken::Nothing,
            Ok(Some(Arrival::Answer { connection, question, payload })) => {
                Other::answer(&mut self.cache, self.router, self.link, *connection, |receiver| {
                    receiver.accept_answer(*question, payload)
                })
            }
            Ok(Some(arrival)) => Other::control(self.router, self.link, arrival),
            Err(end) => Other::Fault(ArrivalFault::Ended(end.clone())),
        };
        self.other = Some(other);
        Taken::Other
    }

    /// Goes on with what [`take`](Self::take) has stored.
    #[cold]
    fn poll_slow(&mut self) -> SessionStep<'_, R> {
        let polled = match self.other.take() {
            Some(Other::Deferred { superseded }) => {
                let counters = &mut self.router.borrow_mut().pipes.counters;
                counters.superseded += superseded;
                // A message that is replaced had been counted, and never gets there.
                self.routed += u64::from(superseded == 0);
                return self.cache.as_ref().map_or(SessionStep::Handled, |cached| {
                    SessionStep::Deferred(&cached.receiver)
                });
            }
            Some(Other::Answered) => {
                return self
                    .cache
                    .as_ref()
                    .map_or(SessionStep::Handled, |cached| SessionStep::Message(&cached.receiver));
            }
            Some(Other::Closed) => self.router.borrow_mut().next_end(self.link),
            Some(Other::Routed(polled)) => polled,
            Some(Other::Fault(fault)) => return self.fault(fault),
            None => Polled::Empty,
        };
        self.step(polled)
    }

    /// Has the router deal with what takes more than the routing table.
    fn fault(&mut self, fault: ArrivalFault) -> SessionStep<'_, R> {
        let fault = match fault {
            ArrivalFault::Ended(end) => match self.inlet.advance(end) {
                Some(end) => ArrivalFault::Ended(end),
                None => return SessionStep::Handled,
            },
            fault => fault,
        };
        let (started, started_late) = match fault {
            ArrivalFault::Started(connection) | ArrivalFault::Claimed(connection) => {
                (Some(connection), None)
            }
            ArrivalFault::LateStart(connection) => (None, Some(connection)),
            _ => (None, None),
        };
        let (polled, inlet) = self.router.borrow_mut().fault(self.link, fault);
        // The router is not borrowed any more: what waits in it may use the router.
        drop(inlet);
        if let Some(connection) = started {
            let mut router = self.router.borrow_mut();
            let receiver = router.pipes.receiver_of(self.link, connection).cloned();
            drop(router);
            if let Some(Err(violation)) = receiver.map(|receiver| receiver.note_started(self.link))
            {
                return self.fault(ArrivalFault::Refused(violation));
            }
            return SessionStep::Started(connection);
        }
        if let Some(connection) = started_late {
            return SessionStep::StartedLate(connection);
        }
        self.step(polled)
    }

    fn step(&mut self, polled: Polled<R>) -> SessionStep<'_, R> {
        match polled {
            Polled::Empty => SessionStep::Empty,
            Polled::Handled => SessionStep::Handled,
            Polled::Ended(detached, end) => {
                self.cache = None;
                SessionStep::Ended(detached, end)
            }
            Polled::LinkEnded(end) => SessionStep::LinkEnded(end),
        }
    }
}

impl<R: Receive> Other<R> {
    #[cold]
    fn undecodable(undecodable: Undecodable) -> Self {
        Other::Fault(ArrivalFault::Refused(ProtocolError::Undecodable(undecodable)))
    }

    /// An answer, which `accept` gives to the receiver of its pipe.
    #[cold]
    fn answer<LS, PS>(
        cache: &mut Option<Cached<R>>,
        router: &Shared<R, LS, PS>,
        link: LinkId,
        connection: ConnectionId,
        accept: impl FnOnce(&R) -> Result<Delivery, ProtocolError>,
    ) -> Self
    where
        PS: Storage<PipeEntry<R>>,
    {
        let looked_up = Cached::look_up(cache, router, link, connection);
        match (looked_up, cache) {
            (Err(fault), _) => Other::Fault(fault),
            (Ok(()), None) => Other::Routed(Polled::Handled),
            (Ok(()), Some(cached)) => match accept(&cached.receiver) {
                Ok(_) => Other::Answered,
                Err(violation) => Other::Fault(ArrivalFault::Refused(violation)),
            },
        }
    }

    /// Commands were taken, of which `note` tells the receiver of their pipe.
    fn taken<LS, PS>(
        router: &Shared<R, LS, PS>,
        link: LinkId,
        connection: ConnectionId,
        note: impl FnOnce(&R) -> Result<(), ProtocolError>,
    ) -> Self
    where
        PS: Storage<PipeEntry<R>>,
    {
        let receiver = router.borrow_mut().pipes.receiver_of(link, connection).cloned();
        let noted = match receiver {
            Some(receiver) => note(&receiver).map_err(ArrivalFault::Refused),
            // Commands of a pipe that was closed meanwhile may still be taken.
            None => router.borrow().pipes.expect_started(link, connection),
        };
        noted.map_or_else(Other::Fault, |()| Other::Routed(Polled::Handled))
    }

    /// Everything that arrives but messages and answers.
    #[cold]
    fn control<LS, PS>(router: &Shared<R, LS, PS>, link: LinkId, arrival: &Arrival<'_>) -> Self
    where
        LS: Storage<LinkEntry<SharedInlet>>,
        PS: Storage<PipeEntry<R>>,
    {
        if let Arrival::Taken { connection, commands } = arrival {
            return Self::taken(router, link, *connection, |receiver| {
                receiver.note_taken(*commands)
            });
        }
        let mut router = router.borrow_mut();
        let routed = router.pipes.control(link, arrival);
        if let Ok(Polled::Ended(..)) = routed {
            router.note_change();
        }
        routed.map_or_else(Other::Fault, Other::Routed)
    }
}

impl<R: Receive> Cached<R> {
    /// Looks up the receiver of a message that came over `link`. There is none when its pipe is
    /// not open on this link.
    fn look_up<LS, PS>(
        cache: &mut Option<Self>,
        router: &Shared<R, LS, PS>,
        link: LinkId,
        connection: ConnectionId,
    ) -> Result<(), ArrivalFault>
    where
        PS: Storage<PipeEntry<R>>,
    {
        let mut router = router.borrow_mut();
        let changes = router.changes;
        let receiver = router.pipes.receiver_of(link, connection).cloned();
        *cache = receiver.map(|receiver| Self { connection, receiver, changes });
        if cache.is_some() { Ok(()) } else { router.pipes.unroutable(link, connection) }
    }
}

impl<R> Cached<R> {
    /// Whether it still is the receiver of this pipe.
    #[inline]
    fn serves<LS, PS>(&self, connection: ConnectionId, router: &Shared<R, LS, PS>) -> bool {
        self.connection == connection && self.changes == router.borrow().changes
    }
}

impl<R, LS, PS> Drop for Session<'_, R, LS, PS>
where
    LS: Storage<LinkEntry<SharedInlet>>,
    PS: Storage<PipeEntry<R>>,
{
    fn drop(&mut self) {
        // Only a panic within the router itself can leave it borrowed.
        if let Ok(mut router) = self.router.try_borrow_mut() {
            router.pipes.counters.routed += self.routed;
            router.pipes.counters.bytes += self.bytes;
        }
    }
}
