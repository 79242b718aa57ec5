//! The router against a model of it: random operations, of honest and of other workers, over
//! both kinds of storage. After each, the router must have done what the model says.
//!
//! What follows from that is checked at the end by itself: every pipe's messages arrived in
//! order and once, and one terminal event came after them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use homing_core::*;
use proptest::prelude::*;

// ---------------------------------------------------------------- a transport in memory

#[derive(Clone, Debug)]
enum Item {
    Started(ConnectionId, u128),
    Message(ConnectionId, u32),
    /// A message of another type.
    Undecodable(ConnectionId),
    Stopped(ConnectionId, CloseReason),
    Missed(ConnectionId, u64),
    Fragment(ConnectionId),
    Partial,
    End(LinkEnd),
}

#[derive(Default)]
struct Queue {
    items: RefCell<VecDeque<Item>>,
    inlet_is_gone: Cell<bool>,
    panicking: Cell<bool>,
}

struct QueueInlet {
    queue: Rc<Queue>,
    bytes: Vec<u8>,
}

impl Inlet for QueueInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        let Some(item) = self.queue.items.borrow_mut().pop_front() else { return Ok(None) };
        Ok(Some(match item {
            Item::Started(connection, nonce) => Arrival::Started {
                connection,
                nonce: Nonce::new(nonce),
                message_type: MessageType::UNCHECKED,
            },
            Item::Message(connection, message) => {
                self.bytes = encoded(message);
                Arrival::Message { connection, payload: Payload::bytes(&self.bytes) }
            }
            Item::Undecodable(connection) => {
                Arrival::Message { connection, payload: Payload::bytes(UNDECODABLE) }
            }
            Item::Stopped(connection, reason) => Arrival::Stopped { connection, end: reason.end() },
            Item::Missed(connection, count) => Arrival::Missed { connection, count },
            Item::Fragment(connection) => Arrival::Fragment { connection },
            Item::Partial => Arrival::Partial,
            Item::End(end) => return Err(end),
        }))
    }
}

impl Drop for QueueInlet {
    fn drop(&mut self) {
        self.queue.inlet_is_gone.set(true);
    }
}

/// No `u32`.
const UNDECODABLE: &[u8] = &[0xff; 9];

/// What is said of it.
fn undecodable() -> Undecodable {
    Payload::bytes(UNDECODABLE).decode::<u32>().unwrap_err()
}

struct QueueOutlet {
    queue: Rc<Queue>,
    connection: ConnectionId,
    /// The nonce, where the pipe has to be claimed.
    claim: Option<u128>,
}

impl QueueOutlet {
    fn push(&self, item: Item) -> Result<(), Disconnected> {
        if self.queue.inlet_is_gone.get() {
            return Err(Disconnected);
        }
        self.queue.items.borrow_mut().push_back(item);
        Ok(())
    }
}

impl Outlet<u32> for QueueOutlet {
    fn open(&mut self) -> Result<(), Disconnected> {
        match self.claim.take() {
            Some(nonce) => self.push(Item::Started(self.connection, nonce)),
            None if self.queue.inlet_is_gone.get() => Err(Disconnected),
            None => Ok(()),
        }
    }

    fn put(&mut self, message: u32, _: Blocking) -> Result<u64, SendError<u32>> {
        match self.push(Item::Message(self.connection, message)) {
            Ok(()) => Ok(0),
            Err(Disconnected) => Err(SendError::new(message, SendErrorKind::Disconnected)),
        }
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        // An abandoned pipe is claimed first.
        if reason == CloseReason::Abandoned {
            self.open()?;
        }
        self.push(Item::Stopped(self.connection, reason))
    }

    fn panicking(&self) -> Option<Panic> {
        self.queue.panicking.get().then(Panic::default)
    }
}

// ---------------------------------------------------------------- a receiver

#[derive(Clone)]
struct Receiver(Rc<State>);

struct State {
    pipe: usize,
    nonce: u128,
    /// Handles its messages once the link is drained, the newest only.
    later: bool,
    message: Cell<Option<u32>>,
}

impl Authorize for Receiver {
    fn authorizes(&self, nonce: Nonce) -> bool {
        nonce.bits() == self.0.nonce
    }
}

impl Receive for Receiver {
    fn accept(&self, payload: &mut Payload<'_>) -> Result<Delivery, Undecodable> {
        let replaced = self.0.message.replace(Some(payload.reborrow().decode()?));
        Ok(if self.0.later {
            Delivery::Deferred { superseded: replaced.is_some().into() }
        } else {
            Delivery::Immediate
        })
    }
}

// ---------------------------------------------------------------- the model

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Open,
    Closed,
    /// Not in the table any more.
    Gone,
}

struct ModelPipe {
    connection: ConnectionId,
    link: Option<usize>,
    phase: Phase,
    /// The router was stopped since: no link owns it, and none can claim it.
    disowned: bool,
    /// When its link came to own it.
    owned: usize,
    later: bool,
    waiting: Option<u32>,
    nonce: u128,
    granted: bool,
    granted_link: usize,
    /// What its receiver was told, in order.
    messages: Vec<u32>,
    ends: Vec<End>,
}

impl ModelPipe {
    fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Waiting | Phase::Open) && !self.disowned
    }
}

struct ModelLink {
    id: LinkId,
    queue: Rc<Queue>,
    present: bool,
    ending: Option<LinkEnd>,
}

/// What a poll is to come to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Empty,
    Quiet,
    Later(usize),
    Message(usize, u32),
    Ended(usize, End),
    LinkEnded(LinkEnd),
}

struct Model {
    state: RouterState,
    pipes: Vec<ModelPipe>,
    links: Vec<ModelLink>,
    counters: Counters,
    /// Numbers what links come to own.
    owned: usize,
}

impl Model {
    fn open(&self) -> usize {
        self.pipes.iter().filter(|pipe| pipe.is_open()).count()
    }

    fn in_table(&self) -> usize {
        self.pipes.iter().filter(|pipe| pipe.phase != Phase::Gone).count()
    }

    fn links(&self) -> usize {
        self.links.iter().filter(|link| link.present).count()
    }

    fn pipe_named(&self, connection: ConnectionId) -> Option<usize> {
        self.pipes.iter().position(|pipe| pipe.connection == connection)
    }

    /// The pipe that comes first by `key` among those in the table that fulfil `condition`.
    fn first<K: Ord>(
        &self,
        key: impl Fn(&ModelPipe) -> K,
        condition: impl Fn(&ModelPipe) -> bool,
    ) -> Option<usize> {
        (0..self.pipes.len())
            .filter(|pipe| self.pipes[*pipe].phase != Phase::Gone && condition(&self.pipes[*pipe]))
            .min_by_key(|pipe| key(&self.pipes[*pipe]))
    }

    fn own(&mut self, pipe: usize, link: usize) {
        if self.pipes[pipe].link.replace(link) != Some(link) {
            self.owned += 1;
            self.pipes[pipe].owned = self.owned;
        }
    }

    fn cut(&mut self, link: usize, violation: ProtocolError) -> Seen {
        self.counters.refused_links += 1;
        self.links[link].ending = Some(LinkEnd::Refused(violation));
        Seen::Quiet
    }

    fn end(&mut self, pipe: usize, end: End) -> Seen {
        self.pipes[pipe].phase = Phase::Gone;
        Seen::Ended(pipe, end)
    }

    fn next_end(&mut self, link: usize, end: LinkEnd) -> Seen {
        while let Some(pipe) = self.first(|pipe| pipe.owned, |pipe| pipe.link == Some(link)) {
            if self.pipes[pipe].phase != Phase::Closed {
                return self.end(pipe, end.end());
            }
            self.pipes[pipe].phase = Phase::Gone;
        }
        self.links[link].present = false;
        Seen::LinkEnded(end)
    }

    /// With `in_place`, a message is told to its receiver by the poll itself.
    fn poll(&mut self, link: usize, in_place: bool) -> Seen {
        if !self.state.is_running() || !self.links[link].present {
            return Seen::Empty;
        }
        if let Some(end) = self.links[link].ending.clone() {
            return self.next_end(link, end);
        }
        let Some(item) = self.links[link].queue.items.borrow().front().cloned() else {
            return Seen::Empty;
        };
        let connection = match item {
            Item::Partial => return Seen::Quiet,
            Item::End(end) => {
                self.counters.refused_links += u64::from(matches!(end, LinkEnd::Refused(_)));
                self.links[link].ending = Some(end.clone());
                return self.next_end(link, end);
            }
            Item::Started(connection, _)
            | Item::Message(connection, _)
            | Item::Undecodable(connection)
            | Item::Stopped(connection, _)
            | Item::Fragment(connection)
            | Item::Missed(connection, _) => connection,
        };
        let Some(at) = self.pipe_named(connection) else {
            return self.cut(link, ProtocolError::NotYours);
        };
        let pipe = &mut self.pipes[at];
        let ours = pipe.link == Some(link);
        match (item, pipe.phase) {
            (Item::Started(_, nonce), Phase::Waiting) if nonce == pipe.nonce && !pipe.disowned => {
                pipe.phase = Phase::Open;
                self.own(at, link);
                Seen::Quiet
            }
            (Item::Started(..), Phase::Open | Phase::Closed) if ours => {
                self.cut(link, ProtocolError::OutOfTurn)
            }
            (Item::Started(..) | Item::Stopped(..) | Item::Fragment(_), Phase::Gone) => Seen::Quiet,
            (Item::Missed(_, count), Phase::Gone) => {
                self.counters.missed += count;
                Seen::Quiet
            }
            (Item::Message(..) | Item::Undecodable(_), Phase::Gone) => {
                self.counters.discarded_closed += 1;
                Seen::Quiet
            }
            (_, Phase::Waiting) => self.cut(link, ProtocolError::NotYours),
            (_, Phase::Open | Phase::Closed) if !ours => self.cut(link, ProtocolError::NotYours),
            (Item::Missed(_, count), _) => {
                self.counters.missed += count;
                Seen::Quiet
            }
            (Item::Fragment(_), _) => Seen::Quiet,
            (Item::Stopped(_, reason), Phase::Open) => self.end(at, reason.end()),
            (Item::Stopped(..), _) => {
                pipe.phase = Phase::Gone;
                Seen::Quiet
            }
            (Item::Message(..) | Item::Undecodable(_), Phase::Closed) => {
                self.counters.discarded_closed += 1;
                Seen::Quiet
            }
            (Item::Message(_, message), _) => {
                self.counters.bytes += encoded_len(message);
                if pipe.later && !in_place {
                    let superseded = pipe.waiting.replace(message).is_some();
                    self.counters.superseded += u64::from(superseded);
                    self.counters.routed += u64::from(!superseded);
                    Seen::Later(at)
                } else {
                    self.counters.routed += 1;
                    Seen::Message(at, message)
                }
            }
            _ => {
                self.counters.bytes += 9;
                self.cut(link, ProtocolError::Undecodable(undecodable()))
            }
        }
    }
}

/// A message as it travels: postcard's.
fn encoded(message: u32) -> Vec<u8> {
    postcard::to_allocvec(&message).unwrap()
}

fn encoded_len(message: u32) -> u64 {
    encoded(message).len() as u64
}

// ---------------------------------------------------------------- operations

/// Numbers choose among the things there are.
#[derive(Clone, Copy, Debug)]
enum Op {
    Start,
    Unlink,
    Stop,
    NextStopped,
    Attach,
    EndLink(usize),
    Pipe {
        expected: Option<usize>,
        later: bool,
    },
    Granted {
        link: usize,
        later: bool,
    },
    /// Makes a sender of a pipe, on a link of the worker's choice if it has to claim it.
    Far {
        pipe: usize,
        link: usize,
    },
    SenderStart(usize),
    SenderSend(usize),
    SenderStop(usize),
    SenderDrop {
        sender: usize,
        panicking: bool,
    },
    /// Anything, on any link, for any pipe or none.
    Raw {
        link: usize,
        pipe: usize,
        what: u8,
    },
    Close(usize),
    CloseForeign,
    Poll(usize),
    Drain(usize),
    /// Handles the message that a pipe has deferred.
    Flush(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let n = || 0usize..6;
    prop_oneof![
        3 => Just(Op::Start),
        1 => Just(Op::Unlink),
        1 => Just(Op::Stop),
        2 => Just(Op::NextStopped),
        3 => Just(Op::Attach),
        1 => n().prop_map(Op::EndLink),
        4 => (prop::option::of(n()), any::<bool>())
            .prop_map(|(expected, later)| Op::Pipe { expected, later }),
        4 => (n(), any::<bool>()).prop_map(|(link, later)| Op::Granted { link, later }),
        6 => (n(), n()).prop_map(|(pipe, link)| Op::Far { pipe, link }),
        6 => n().prop_map(Op::SenderStart),
        12 => n().prop_map(Op::SenderSend),
        2 => n().prop_map(Op::SenderStop),
        2 => (n(), any::<bool>())
            .prop_map(|(sender, panicking)| Op::SenderDrop { sender, panicking }),
        4 => (n(), n(), any::<u8>()).prop_map(|(link, pipe, what)| Op::Raw { link, pipe, what }),
        3 => n().prop_map(Op::Close),
        1 => Just(Op::CloseForeign),
        12 => n().prop_map(Op::Poll),
        3 => n().prop_map(Op::Drain),
        3 => n().prop_map(Op::Flush),
    ]
}

// ---------------------------------------------------------------- both, side by side

/// What polling found: pipes are named by their receivers.
enum Found {
    Empty,
    Handled,
    Message(usize, u32),
    Deferred(usize),
    Ended(Detached<Receiver>, End),
    LinkEnded(LinkEnd),
}

type Step<'a> = &'a mut dyn FnMut(&mut dyn FnMut() -> Found) -> bool;

/// The two ways of polling a router.
trait Polling {
    type Inlet;
    type Links: Storage<LinkEntry<Self::Inlet>>;
    type Pipes: Storage<PipeEntry<Receiver>>;

    /// Whether messages are handled by the poll itself, and none is deferred.
    const IN_PLACE: bool;

    fn inlet(inlet: QueueInlet) -> Self::Inlet;

    /// Calls `step` with a function that polls the link once, until it returns false.
    fn poll(router: &PolledRouter<Self>, link: LinkId, step: Step<'_>);
}

type PolledRouter<P> =
    RefCell<Router<<P as Polling>::Inlet, Receiver, <P as Polling>::Links, <P as Polling>::Pipes>>;

/// By `Router::poll_with`, on arrays.
struct InPlace;

impl Polling for InPlace {
    type Inlet = QueueInlet;
    type Links = [Slot<LinkEntry<QueueInlet>>; 3];
    type Pipes = [Slot<PipeEntry<Receiver>>; 4];

    const IN_PLACE: bool = true;

    fn inlet(inlet: QueueInlet) -> QueueInlet {
        inlet
    }

    fn poll(router: &PolledRouter<Self>, link: LinkId, step: Step<'_>) {
        let mut poll = || {
            let mut message = None;
            let polled = router.borrow_mut().poll_with(link, |receiver, payload| {
                message = Some((receiver.0.pipe, payload.decode()?));
                Ok(())
            });
            match (polled, message) {
                (Polled::Handled, Some((pipe, message))) => Found::Message(pipe, message),
                (Polled::Empty, None) => Found::Empty,
                (Polled::Handled, None) => Found::Handled,
                (Polled::Ended(detached, end), None) => Found::Ended(detached, end),
                (Polled::LinkEnded(end), None) => Found::LinkEnded(end),
                (polled, Some(_)) => {
                    panic!("a message, and {:?}", core::mem::discriminant(&polled))
                }
            }
        };
        while step(&mut poll) {}
    }
}

/// By sessions, on tables that grow.
struct InSessions;

impl Polling for InSessions {
    type Inlet = SharedInlet;
    type Links = GrowableStorage<LinkEntry<SharedInlet>>;
    type Pipes = GrowableStorage<PipeEntry<Receiver>>;

    const IN_PLACE: bool = false;

    fn inlet(inlet: QueueInlet) -> SharedInlet {
        SharedInlet::new(Box::new(inlet))
    }

    fn poll(router: &PolledRouter<Self>, link: LinkId, step: Step<'_>) {
        let Some(mut session) = Session::begin(router, link) else {
            step(&mut || Found::Empty);
            return;
        };
        let mut poll = || match session.poll() {
            SessionStep::Empty => Found::Empty,
            SessionStep::Handled | SessionStep::Started(_) | SessionStep::StartedLate(_) => {
                Found::Handled
            }
            SessionStep::Message(receiver) => {
                Found::Message(receiver.0.pipe, receiver.0.message.take().unwrap())
            }
            SessionStep::Deferred(receiver) => Found::Deferred(receiver.0.pipe),
            SessionStep::Ended(detached, end) => Found::Ended(detached, end),
            SessionStep::LinkEnded(end) => Found::LinkEnded(end),
        };
        while step(&mut poll) {}
    }
}

struct World<P: Polling> {
    router: PolledRouter<P>,
    model: Model,
    /// How many links and pipes there is room for.
    room: (usize, usize),
    senders: Vec<(Sender<u32, QueueOutlet>, SenderState, Rc<Queue>)>,
    receivers: Vec<Receiver>,
    names: HashSet<ConnectionId>,
    link_names: HashSet<LinkId>,
    next_message: u32,
}

/// The `n`th of the newest, so that old ones do not take all the attention.
fn pick(n: usize, len: usize) -> Option<usize> {
    (len > 0).then(|| len - 1 - n % len)
}

impl<P: Polling> World<P> {
    fn new(links: P::Links, pipes: P::Pipes, room: (usize, usize)) -> Self {
        let model = Model {
            state: RouterState::Stopped,
            pipes: Vec::new(),
            links: Vec::new(),
            counters: Counters::default(),
            owned: 0,
        };
        Self {
            router: RefCell::new(Router::new(links, pipes)),
            model,
            room,
            senders: Vec::new(),
            receivers: Vec::new(),
            names: HashSet::new(),
            link_names: HashSet::new(),
            next_message: 0,
        }
    }

    fn wrong(&self) -> Result<(), WrongState<RouterState>> {
        Err(WrongState { state: self.model.state })
    }

    fn run(&mut self, op: Op) {
        let (pipes, links) = (self.model.pipes.len(), self.model.links.len());
        let running = self.model.state.is_running();
        match op {
            Op::Start => {
                let expected = if running { self.wrong() } else { Ok(()) };
                assert_eq!(self.router.borrow_mut().start(), expected);
                if !running {
                    self.model.state = RouterState::Linked;
                }
            }
            Op::Unlink => {
                let expected = if running { Ok(()) } else { self.wrong() };
                assert_eq!(self.router.borrow_mut().unlink(), expected);
                if running {
                    self.model.state = RouterState::Manual;
                }
            }
            Op::Stop => {
                let expected = if running { Ok(()) } else { self.wrong() };
                assert_eq!(self.router.borrow_mut().stop(), expected);
                self.model.state = RouterState::Stopped;
                if running {
                    for pipe in &mut self.model.pipes {
                        pipe.disowned = true;
                        pipe.link = None;
                    }
                }
                for link in &mut self.model.links {
                    link.present = false;
                    assert!(link.queue.inlet_is_gone.get());
                }
            }
            Op::NextStopped => {
                self.next_stopped();
            }
            Op::Attach => self.attach(),
            Op::EndLink(n) => {
                let Some(link) = pick(n, links) else { return };
                let end = LinkEnd::Gone(Exit::Code(3).into());
                let link = &mut self.model.links[link];
                drop(self.router.borrow_mut().end_link(link.id, end.clone()));
                if link.present {
                    link.ending.get_or_insert(end);
                }
            }
            Op::Pipe { expected, later } => {
                let link = expected.and_then(|n| pick(n, links));
                let receiver = self.receiver(later);
                let own = receiver.clone();
                let link_id = link.map(|at| self.model.links[at].id);
                let result = self.router.borrow_mut().pipe(link_id, receiver);
                self.made(result, own, link, later, false);
            }
            Op::Granted { link, later } => {
                let Some(link) = pick(link, links) else { return };
                let receiver = self.receiver(later);
                let own = receiver.clone();
                let link_id = self.model.links[link].id;
                let result = self.router.borrow_mut().trusted_pipe(link_id, receiver);
                self.made(result, own, Some(link), later, true);
            }
            Op::Far { pipe, link } => {
                let (Some(pipe), Some(link)) = (pick(pipe, pipes), pick(link, links)) else {
                    return;
                };
                let pipe = &self.model.pipes[pipe];
                let link = if pipe.granted { pipe.granted_link } else { link };
                let queue = Rc::clone(&self.model.links[link].queue);
                let claim = (!pipe.granted).then_some(pipe.nonce);
                let outlet =
                    QueueOutlet { queue: Rc::clone(&queue), connection: pipe.connection, claim };
                let sender = Sender::new(pipe.connection, outlet);
                self.senders.push((sender, SenderState::Initial, queue));
            }
            Op::SenderStart(n) => {
                let Some(at) = pick(n, self.senders.len()) else { return };
                let (sender, state, queue) = &mut self.senders[at];
                let (expected, after) = match *state {
                    SenderState::Initial if queue.inlet_is_gone.get() => {
                        (Err(SenderError::Disconnected), SenderState::Closed)
                    }
                    SenderState::Initial => (Ok(()), SenderState::Open),
                    state => (Err(SenderError::WrongState(WrongState { state })), state),
                };
                assert_eq!(sender.start(), expected);
                *state = after;
                assert_eq!(sender.state(), after);
            }
            Op::SenderSend(n) => {
                let Some(at) = pick(n, self.senders.len()) else { return };
                let (sender, state, queue) = &mut self.senders[at];
                let message = self.next_message;
                self.next_message += 1;
                let expected = match *state {
                    SenderState::Open if queue.inlet_is_gone.get() => {
                        Some(SendErrorKind::Disconnected)
                    }
                    SenderState::Open => None,
                    state => Some(SendErrorKind::NotOpen(state)),
                };
                let refused = sender.send(message).err();
                assert_eq!(refused.map(|error| error.kind()), expected);
                assert!(refused.is_none_or(|error| error.into_message() == message));
            }
            Op::SenderStop(n) => {
                let Some(at) = pick(n, self.senders.len()) else { return };
                let (sender, state, _) = &mut self.senders[at];
                let expected = match *state {
                    // Also when the inlet is gone.
                    SenderState::Open => Ok(()),
                    state => Err(SenderError::WrongState(WrongState { state })),
                };
                assert_eq!(sender.stop(), expected);
                if *state == SenderState::Open {
                    *state = SenderState::Closed;
                }
            }
            Op::SenderDrop { sender, panicking } => {
                let Some(at) = pick(sender, self.senders.len()) else { return };
                let (sender, _, queue) = self.senders.remove(at);
                queue.panicking.set(panicking);
                drop(sender);
                queue.panicking.set(false);
            }
            Op::Raw { link, pipe, what } => {
                let Some(link) = pick(link, links) else { return };
                let (mut connection, mut nonce) = (ConnectionId::from_parts(99, 0), 0);
                if let (Some(pipe), true) = (pick(pipe, pipes), what < 250) {
                    let pipe = &self.model.pipes[pipe];
                    (connection, nonce) = (pipe.connection, pipe.nonce);
                }
                let item = match what % 10 {
                    0 => Item::Started(connection, nonce ^ 1),
                    1 => Item::Started(connection, nonce),
                    2 => Item::Undecodable(connection),
                    3 | 4 => Item::Stopped(connection, CloseReason::Stopped),
                    5 => Item::Missed(connection, what.into()),
                    6 => Item::Fragment(connection),
                    7 => Item::Partial,
                    8 => Item::End(LinkEnd::gone()),
                    _ => Item::End(LinkEnd::Refused(ProtocolError::Malformed)),
                };
                self.model.links[link].queue.items.borrow_mut().push_back(item);
            }
            Op::Close(n) => {
                let Some(at) = pick(n, pipes) else { return };
                self.close(at);
            }
            Op::CloseForeign => {
                let expected =
                    if running { ClosePipeError::NoSuchPipe } else { ClosePipeError::NotRunning };
                let foreign = ConnectionId::from_parts(0, 1_000_000);
                assert_eq!(self.router.borrow_mut().close_pipe(foreign).err(), Some(expected));
            }
            Op::Poll(n) => {
                let Some(link) = pick(n, links) else { return };
                self.poll(link, false);
            }
            Op::Drain(n) => {
                let Some(link) = pick(n, links) else { return };
                self.poll(link, true);
            }
            Op::Flush(n) => {
                let Some(at) = pick(n, pipes) else { return };
                let waiting = self.model.pipes[at].waiting.take();
                assert_eq!(self.receivers[at].0.message.take(), waiting);
                self.model.pipes[at].messages.extend(waiting);
            }
        }
        self.compare();
    }

    fn receiver(&self, later: bool) -> Receiver {
        let pipe = self.model.pipes.len();
        let nonce = 1000 + 2 * pipe as u128;
        Receiver(Rc::new(State { pipe, nonce, later, message: Cell::new(None) }))
    }

    fn attach(&mut self) {
        let queue = Rc::new(Queue::default());
        let inlet = QueueInlet { queue: Rc::clone(&queue), bytes: Vec::new() };
        let attached = self.router.borrow_mut().attach(P::inlet(inlet));
        match attached {
            Ok(id) => {
                assert!(self.model.state.is_running() && self.model.links() < self.room.0);
                assert!(self.link_names.insert(id), "{id:?} was used before");
                self.model.links.push(ModelLink { id, queue, present: true, ending: None });
            }
            Err(AttachError::NotRunning(_)) => assert!(!self.model.state.is_running()),
            Err(AttachError::TableFull(_)) => assert_eq!(self.model.links(), self.room.0),
        }
    }

    fn made(
        &mut self,
        result: Result<ConnectionId, PipeError<Receiver>>,
        receiver: Receiver,
        link: Option<usize>,
        later: bool,
        granted: bool,
    ) {
        let ended = |at: usize| {
            let link = &self.model.links[at];
            !link.present || link.ending.is_some()
        };
        let expected = if !self.model.state.is_running() {
            Some(PipeErrorKind::NotRunning)
        } else if link.is_some_and(ended) {
            Some(PipeErrorKind::NoSuchLink)
        } else {
            (self.model.in_table() == self.room.1).then_some(PipeErrorKind::TableFull)
        };
        let pipe = self.model.pipes.len();
        match result {
            Err(error) => {
                assert_eq!(Some(error.kind()), expected);
                assert_eq!(error.into_receiver().0.pipe, pipe);
            }
            Ok(connection) => {
                assert_eq!(expected, None);
                assert!(self.names.insert(connection), "{connection:?} was used before");
                self.model.pipes.push(ModelPipe {
                    connection,
                    link: None,
                    phase: if granted { Phase::Open } else { Phase::Waiting },
                    disowned: false,
                    owned: 0,
                    later,
                    waiting: None,
                    nonce: 1000 + 2 * pipe as u128,
                    granted,
                    granted_link: link.unwrap_or_default(),
                    messages: Vec::new(),
                    ends: Vec::new(),
                });
                self.receivers.push(receiver);
                if let Some(link) = link {
                    self.model.own(pipe, link);
                }
                let open = self.model.open();
                let counters = &mut self.model.counters;
                counters.most_pipes = counters.most_pipes.max(open);
            }
        }
    }

    fn close(&mut self, at: usize) {
        let pipe = &mut self.model.pipes[at];
        let expected = match pipe.phase {
            _ if !self.model.state.is_running() => Some(ClosePipeError::NotRunning),
            _ if pipe.disowned => Some(ClosePipeError::NoSuchPipe),
            Phase::Closed | Phase::Gone => Some(ClosePipeError::NoSuchPipe),
            phase => {
                pipe.phase = if phase == Phase::Open { Phase::Closed } else { Phase::Gone };
                None
            }
        };
        let connection = pipe.connection;
        let closed = self.router.borrow_mut().close_pipe(connection);
        assert_eq!(closed.as_ref().err(), expected.as_ref());
        if let Ok(detached) = closed {
            self.tell_end(&detached, End::Closed);
        }
    }

    /// Polls a link once, or until nothing is left.
    fn poll(&mut self, link: usize, drain: bool) {
        let id = self.model.links[link].id;
        let mut pairs = Vec::new();
        let model = &mut self.model;
        P::poll(&self.router, id, &mut |poll| {
            // The model looks at what the inlet takes.
            let expected = model.poll(link, P::IN_PLACE);
            let found = poll();
            let last = matches!(found, Found::Empty | Found::LinkEnded(_));
            pairs.push((expected, found));
            drain && !last
        });
        for (expected, found) in pairs {
            let seen = match found {
                Found::Empty => Seen::Empty,
                Found::Handled => Seen::Quiet,
                Found::Deferred(pipe) => Seen::Later(pipe),
                Found::LinkEnded(end) => Seen::LinkEnded(end),
                Found::Message(pipe, message) => {
                    self.model.pipes[pipe].messages.push(message);
                    Seen::Message(pipe, message)
                }
                Found::Ended(detached, end) => {
                    self.tell_end(&detached, end.clone());
                    Seen::Ended(detached.receiver.0.pipe, end)
                }
            };
            assert_eq!(seen, expected);
        }
    }

    /// Takes one pipe out of a stopped router. Whether there was one.
    fn next_stopped(&mut self) -> bool {
        if self.model.state.is_running() {
            assert!(self.router.borrow_mut().next_stopped().is_none());
            return false;
        }
        let index = |pipe: &ModelPipe| pipe.connection.index();
        let left = |pipe: &ModelPipe| pipe.phase != Phase::Closed;
        let expected = self.model.first(index, left);
        let found = self.router.borrow_mut().next_stopped();
        let connection = expected.map(|at| self.model.pipes[at].connection);
        assert_eq!(found.as_ref().map(|stopped| stopped.connection), connection);
        // Pipes that were closed before are passed over, and dropped.
        for pipe in &mut self.model.pipes {
            if pipe.phase == Phase::Closed
                && connection.is_none_or(|next| pipe.connection.index() < next.index())
            {
                pipe.phase = Phase::Gone;
            }
        }
        let (Some(stopped), Some(at)) = (found, expected) else { return false };
        self.model.pipes[at].phase = Phase::Gone;
        self.tell_end(&stopped, End::Closed);
        true
    }

    /// The end is told after a message that was still to be handled later.
    fn tell_end(&mut self, detached: &Detached<Receiver>, end: End) {
        let pipe = &mut self.model.pipes[detached.receiver.0.pipe];
        assert_eq!(detached.connection, pipe.connection);
        pipe.messages.extend(detached.receiver.0.message.take());
        pipe.waiting = None;
        pipe.ends.push(end);
    }

    fn compare(&self) {
        let router = self.router.borrow();
        assert_eq!(router.state(), self.model.state);
        assert_eq!(router.counters(), self.model.counters);
        assert_eq!(router.open_pipes(), self.model.open());
        assert_eq!(router.links(), self.model.links());
        for link in &self.model.links {
            assert_eq!(router.has_link(link.id), link.present);
        }
        for pipe in &self.model.pipes {
            assert_eq!(router.has_pipe(pipe.connection), pipe.is_open());
        }
        let has_live_pipe = self.model.open() > 0 && self.model.links() > 0;
        assert_eq!(router.has_live_pipe(), has_live_pipe);
    }

    /// Stops, and looks at what every receiver was told.
    fn finish(mut self) {
        for link in 0..self.model.links.len() {
            self.poll(link, true);
        }
        if self.model.state.is_running() {
            self.run(Op::Stop);
        }
        while self.next_stopped() {}
        self.compare();
        let router = self.router.borrow();
        assert_eq!((router.open_pipes(), router.links()), (0, 0));
        for pipe in &self.model.pipes {
            // Messages are numbered in the order in which they were sent.
            assert!(pipe.messages.is_sorted_by(|a, b| a < b), "{:?}", pipe.messages);
            assert_eq!(pipe.ends.len(), 1, "{:?}", pipe.ends);
        }
    }
}

/// The pipes' senders in turn, as honest workers use them.
fn check<P: Polling>(mut world: World<P>, ops: &[Op]) {
    // Most runs are of a router that runs and has a link.
    world.run(Op::Start);
    world.run(Op::Attach);
    for op in ops {
        world.run(*op);
    }
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_router_on_arrays_does_what_the_model_says(
        ops in prop::collection::vec(op(), 0..150),
    ) {
        let links = [const { Slot::VACANT }; 3];
        let pipes = [const { Slot::VACANT }; 4];
        check(World::<InPlace>::new(links, pipes, (3, 4)), &ops);
    }

    #[test]
    fn a_router_that_grows_does_what_the_model_says(
        ops in prop::collection::vec(op(), 0..150),
    ) {
        let (links, pipes) = (GrowableStorage::new(), GrowableStorage::new());
        check(World::<InSessions>::new(links, pipes, (usize::MAX, usize::MAX)), &ops);
    }
}
