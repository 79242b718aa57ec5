//! The router: its life, its links and its pipes.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use homing_core::{
    Authorization, ClosePipeError, ConnectionId, Counters, End, Event, GrowableStorage, Inlet,
    LinkEnd, LinkEntry, LinkId, MakeSender, NewLink, Nonce, Overflow, PipeEntry, PipeErrorKind,
    Polled, RouterState, Ticket, Transport, WrongState,
};
use homing_process::{Doorbell, LinkWaker, WatchKey};

use crate::budget::Budget;
use crate::error::LinkError;
use crate::gate::Gate;
use crate::link::Link;
use crate::loop_binding::LoopBinding;
use crate::mailbox::{Forget, Mailbox, Slot};
use crate::pipe::PipeId;
use crate::receiver::{Entry, Handler};
use crate::wake::{LinkSignal, Token, Wake};
use crate::watch::Watch;

pub(crate) type Core<C> = homing_core::Router<
    Box<dyn Inlet>,
    Entry<C>,
    GrowableStorage<LinkEntry<Box<dyn Inlet>>>,
    GrowableStorage<PipeEntry<Entry<C>>>,
>;

/// Hands messages from workers to receivers on the foreground's thread.
///
/// `C` is the *context*: whatever the handlers work on, usually the application's state.
/// Handlers get it as `&mut C`, one after another, so it needs no lock.
///
/// A `Router` is a handle; clones are handles of the same router. A handler may use one to
/// make and close pipes, its own too, and to stop the router. It belongs to the foreground's
/// thread.
///
/// When the last handle is dropped the router stops, without telling its receivers. A
/// handler that owns a handle keeps the router alive until [`stop`](Router::stop).
pub struct Router<C: 'static> {
    pub(crate) inner: Rc<Inner<C>>,
}

pub(crate) struct Inner<C: 'static> {
    /// Never borrowed while a handler runs.
    pub(crate) state: RefCell<State<C>>,
    pub(crate) wake: Arc<Wake>,
    /// A dispatch is on the stack.
    pub(crate) dispatching: Cell<bool>,
    /// How often a pipe was closed from the foreground. A dispatch that keeps a receiver for
    /// several messages sees by it whether it still may.
    pub(crate) closings: Cell<u64>,
    id: u64,
}

pub(crate) struct State<C: 'static> {
    pub(crate) core: Core<C>,
    pub(crate) links: HashMap<Token, Attached>,
    /// Links that may have something, in the order of their turns.
    pub(crate) line: VecDeque<Token>,
    /// Pipes whose receivers hold a message until the turn of their link ends.
    pub(crate) later: Vec<ConnectionId>,
    pub(crate) watch: Watch,
    pub(crate) budget: Budget,
    next_token: Token,
}

/// What the router keeps for a link beside its inlet.
pub(crate) struct Attached {
    /// `None` once the link has ended, while its worker process still runs.
    pub(crate) link: Option<LinkId>,
    pub(crate) signal: LinkSignal,
    pub(crate) gate: Gate,
    pub(crate) key: Option<WatchKey>,
    pub(crate) worker: Option<homing_process::Worker>,
}

/// Tells routers apart.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl<C: 'static> Router<C> {
    /// Makes a stopped router, to be joined to an event loop: a reference to the loop of an
    /// adapter, or what [`LoopBinding`] makes of a loop of your own.
    pub fn new(binding: impl Into<LoopBinding>) -> Self {
        let binding = binding.into();
        let budget = binding.budget;
        let (watch, wake) = Watch::new(binding);
        Self {
            inner: Rc::new(Inner {
                state: RefCell::new(State {
                    core: Core::new(Vec::new(), Vec::new()),
                    links: HashMap::new(),
                    line: VecDeque::new(),
                    later: Vec::new(),
                    watch,
                    budget,
                    next_token: 0,
                }),
                wake,
                dispatching: Cell::new(false),
                closings: Cell::new(0),
                // Only told apart by it, nothing is ordered.
                id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            }),
        }
    }

    /// Starts routing, linked to the event loop.
    ///
    /// # Errors
    ///
    /// When it runs already.
    pub fn start(&self) -> Result<(), WrongState<RouterState>> {
        self.inner.state.borrow_mut().core.start()?;
        self.inner.wake.set_linked(true);
        self.inner.wake.restart();
        Ok(())
    }

    /// Stops routing. Every receiver whose pipe is open is told
    /// [`Closed`](homing_core::End::Closed); the number of such pipes is logged as a warning.
    ///
    /// When it returns the monitor thread has been joined, the worker processes that this
    /// router started have been killed and reaped, and every sender is told that the
    /// foreground is gone. A worker that is to end in its own way is waited for with
    /// [`route_until`](Router::route_until) first.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn stop(&self, context: &mut C) -> Result<(), WrongState<RouterState>> {
        self.inner.shut_down()?;
        loop {
            // A handler may use the router while it is told, so nothing is borrowed then.
            let next = self.inner.state.borrow_mut().core.next_stopped();
            match next {
                Some(Some(lent)) => lent.receiver.end(context, End::Closed),
                Some(None) => {}
                None => return Ok(()),
            }
        }
    }

    /// Makes a link to workers in this process, by a transport of threads.
    ///
    /// # Errors
    ///
    /// When the router does not run, or there can be no such link.
    pub fn link<T>(&self, mut transport: T) -> Result<Link<C, T::Factory>, LinkError<T::Error>>
    where
        T: Transport<LinkWaker>,
        T::Inlet: 'static,
        T::Doorbell: Into<Doorbell>,
    {
        let mut state = self.inner.state.borrow_mut();
        let signal = state.new_signal(&self.inner.wake)?;
        let NewLink { factory, inlet, doorbell } =
            transport.link(signal.waker().clone()).map_err(LinkError::Transport)?;
        let id = state.attach(Box::new(inlet), &signal)?;
        if let Err(error) = state.watch_link(&signal, doorbell.into(), None) {
            let nobody = state.forget_link(signal.token());
            debug_assert!(nobody.is_empty(), "a link without pipes");
            return Err(LinkError::Watch(error));
        }
        drop(state);
        Ok(Link::new(self.clone(), id, factory))
    }

    /// Closes a pipe: its receiver is told [`Closed`](homing_core::End::Closed), now or, if
    /// it is the one that runs, when it returns. What arrives for the pipe later is
    /// discarded, counted, and logged once as a warning.
    ///
    /// # Errors
    ///
    /// When the router does not run, or the pipe has ended, was closed before, or is of
    /// another router.
    pub fn close_pipe(&self, context: &mut C, pipe: PipeId) -> Result<(), ClosePipeError> {
        let mut state = self.inner.state.borrow_mut();
        if pipe.router() != self.inner.id && state.core.state().is_running() {
            return Err(ClosePipeError::NoSuchPipe);
        }
        let lent = state.core.close_pipe(pipe.connection())?;
        drop(state);
        self.inner.note_closing();
        if let Some(lent) = lent {
            lent.receiver.end(context, End::Closed);
        }
        Ok(())
    }

    /// Where the router stands.
    pub fn state(&self) -> RouterState {
        self.inner.state.borrow().core.state()
    }

    /// The number of pipes that have neither ended nor been closed.
    pub fn open_pipes(&self) -> usize {
        self.inner.state.borrow().core.open_pipes()
    }

    /// Whether the pipe has neither ended nor been closed.
    pub fn has_pipe(&self, pipe: PipeId) -> bool {
        pipe.router() == self.inner.id && self.inner.state.borrow().core.has_pipe(pipe.connection())
    }

    /// The number of links that have not ended.
    pub fn links(&self) -> usize {
        self.inner.state.borrow().core.links()
    }

    /// What was counted so far. A handler that asks may not find the last messages of its
    /// own pipe: they are counted when the turn of their link ends.
    pub fn counters(&self) -> Counters {
        self.inner.state.borrow().core.counters()
    }

    /// How much one dispatch may do.
    pub fn budget(&self) -> Budget {
        self.inner.state.borrow().budget
    }

    /// Sets how much one dispatch may do.
    pub fn set_budget(&self, budget: Budget) {
        self.inner.state.borrow_mut().budget = budget;
    }

    /// Adds a pipe that ends in a handler.
    pub(crate) fn add_handler<M, R, F>(
        &self,
        link: LinkId,
        overflow: Overflow,
        handler: F,
    ) -> Result<(Ticket<M>, PipeId), PipeErrorKind>
    where
        R: MakeSender<M> + 'static,
        M: 'static,
        F: FnMut(&mut C, Event<M>) + 'static,
    {
        self.add_pipe::<M, R>(link, overflow, |nonce| {
            Box::new(Handler::<R::Codec, M, F>::new(nonce, overflow, handler))
        })
    }

    /// Adds a pipe that ends in a mailbox.
    pub(crate) fn add_mailbox<M, R>(
        &self,
        link: LinkId,
        overflow: Overflow,
        capacity: usize,
    ) -> Result<(Ticket<M>, Mailbox<M>), PipeErrorKind>
    where
        R: MakeSender<M> + 'static,
        M: 'static,
    {
        let router = Rc::downgrade(&self.inner);
        Mailbox::add(overflow, capacity, router, |slot: Slot<R::Codec, M>| {
            let receiver = |nonce| -> Entry<C> { Box::new(slot.claimed_by(nonce)) };
            self.add_pipe::<M, R>(link, overflow, receiver)
        })
    }

    /// Adds a pipe to a link: its receiver is made with the nonce of its ticket.
    fn add_pipe<M, R: MakeSender<M>>(
        &self,
        link: LinkId,
        overflow: Overflow,
        receiver: impl FnOnce(Nonce) -> Entry<C>,
    ) -> Result<(Ticket<M>, PipeId), PipeErrorKind> {
        let nonce = match R::AUTHORIZATION {
            // It is never asked for.
            Authorization::Trusted => Nonce::new(0),
            Authorization::Nonce => random_nonce()?,
        };
        let receiver = receiver(nonce);
        let mut state = self.inner.state.borrow_mut();
        let connection = match R::AUTHORIZATION {
            Authorization::Trusted => state.core.trusted_pipe(link, receiver),
            Authorization::Nonce => state.core.pipe(Some(link), receiver),
        };
        // A receiver that comes back may own anything of the application's.
        drop(state);
        let connection = connection.map_err(|error| error.kind())?;
        let ticket = Ticket::new(connection, nonce).with_overflow(overflow);
        Ok((ticket, PipeId::new(connection, self.inner.id)))
    }
}

/// A nonce that cannot be guessed: it is all that a worker needs to claim a pipe.
fn random_nonce() -> Result<Nonce, PipeErrorKind> {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(Nonce::from_bytes(bytes)),
        Err(error) => {
            log::error!("a pipe was not made: the system gave no random bytes: {error}");
            Err(PipeErrorKind::NoRandomBytes)
        }
    }
}

impl<C: 'static> State<C> {
    pub(crate) fn new_signal<E>(&mut self, wake: &Arc<Wake>) -> Result<LinkSignal, LinkError<E>> {
        let state = self.core.state();
        if !state.is_running() {
            return Err(LinkError::WrongState(WrongState { state }));
        }
        let token = self.next_token;
        self.next_token += 1;
        Ok(LinkSignal::new(token, Arc::clone(wake)))
    }

    pub(crate) fn attach<E>(
        &mut self,
        inlet: Box<dyn Inlet>,
        signal: &LinkSignal,
    ) -> Result<LinkId, LinkError<E>> {
        let id = self.core.attach(inlet).map_err(|_| LinkError::TooMany)?;
        let (signal, gate) = (signal.clone(), Gate::new(signal.clone()));
        let token = signal.token();
        self.links
            .insert(token, Attached { link: Some(id), signal, gate, key: None, worker: None });
        Ok(id)
    }

    pub(crate) fn watch_link(
        &mut self,
        signal: &LinkSignal,
        doorbell: Doorbell,
        worker: Option<homing_process::Worker>,
    ) -> std::io::Result<()> {
        let key = self.watch.add(doorbell, worker.clone(), signal)?;
        if let Some(attached) = self.links.get_mut(&signal.token()) {
            attached.key = key;
            attached.worker = worker;
        }
        Ok(())
    }

    /// Takes a link back that was made for nothing, with the pipe it may have. What it
    /// returns is dropped when nothing is borrowed: a handler may own anything.
    #[must_use]
    pub(crate) fn forget_link(&mut self, token: Token) -> Vec<Entry<C>> {
        let mut receivers = Vec::new();
        if let Some(attached) = self.links.remove(&token)
            && let Some(link) = attached.link
        {
            self.core.end_link(link, LinkEnd::gone());
            while let Polled::Ended(lent, _) = self.core.poll(link) {
                receivers.push(lent.receiver);
            }
        }
        receivers
    }
}

impl<C: 'static> Inner<C> {
    fn note_closing(&self) {
        self.closings.set(self.closings.get().wrapping_add(1));
    }

    /// Stops, but tells no receiver.
    fn shut_down(&self) -> Result<(), WrongState<RouterState>> {
        let mut state = self.state.borrow_mut();
        state.core.stop()?;
        self.note_closing();
        self.wake.set_linked(false);
        state.line.clear();
        state.later.clear();
        let links = std::mem::take(&mut state.links);
        let monitor = state.watch.take_monitor();
        for worker in links.values().filter_map(|attached| attached.worker.as_ref()) {
            worker.end();
        }
        if monitor.is_none() {
            for key in links.values().filter_map(|attached| attached.key) {
                state.watch.unwatch(key);
            }
        }
        // It is joined without the state being borrowed: it pings links on its way out.
        drop(state);
        drop(monitor);
        Ok(())
    }
}

impl<C: 'static> Forget for Inner<C> {
    fn forget(&self, connection: ConnectionId) {
        // It has ended, or the router has stopped: then there is nothing to close.
        let lent = self.state.borrow_mut().core.close_pipe(connection);
        self.note_closing();
        drop(lent);
    }
}

impl<C: 'static> Drop for Inner<C> {
    fn drop(&mut self) {
        // It fails when the router does not run, and then there is nothing to do.
        let _ = self.shut_down();
    }
}

impl<C: 'static> Clone for Router<C> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

impl<C: 'static> fmt::Debug for Router<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inner.state.try_borrow() {
            Ok(state) => f
                .debug_struct("Router")
                .field("state", &state.core.state())
                .field("links", &state.core.links())
                .field("open_pipes", &state.core.open_pipes())
                .finish_non_exhaustive(),
            Err(_) => f.write_str("Router { .. }"),
        }
    }
}
