//! The router: what it is made of, and what the foreground asks of it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use homing_core::{
    ClosePipeError, ConnectionId, Counters, End, GrowableStorage, Inlet as _, LinkEntry, NewLink,
    PipeEntry, RouterState, Session, SharedInlet, Transport, WrongState,
};
use homing_process::{Doorbell, ForkGuard, LinkWaker};

use crate::alarm::Alarms;
use crate::backpressure::Backpressure;
use crate::budget::Budget;
use crate::error::LinkError;
use crate::interrupt::RouteInterrupt;
use crate::link::Link;
use crate::loop_binding::LoopBinding;
use crate::mailbox::ClosePipe;
use crate::pipe::PipeId;
use crate::receiver::Entry;
use crate::router_handle::Calls;
use crate::spin::SpinPolicy;
use crate::state::State;
use crate::wake::Wake;

type Links = GrowableStorage<LinkEntry<SharedInlet>>;
type Pipes<C> = GrowableStorage<PipeEntry<Entry<C>>>;

/// The routing table of a router.
pub(crate) type Core<C> = homing_core::Router<SharedInlet, Entry<C>, Links, Pipes<C>>;

/// One link's turn.
pub(crate) type LinkSession<'a, C> = Session<'a, Entry<C>, Links, Pipes<C>>;

/// Hands messages from workers to receivers on the foreground's thread.
///
/// `C` is the *context*: whatever the handlers work on, usually the application's state.
/// Handlers get it as `&mut C`, one after another, so it needs no lock.
///
/// A `Router` is a handle; clones are handles of the same router. It belongs to the
/// foreground's thread. When the last handle is dropped the router stops, without telling its
/// receivers.
///
/// A handler may use the router: make and close pipes, its own too, and stop it. It keeps a
/// [`WeakRouter`](crate::WeakRouter) for that: one that owns a `Router` keeps it alive until
/// [`stop`](Router::stop).
///
/// In a process that was forked without `exec`, dropping or stopping the copy of a router
/// leaves workers and links to the original. Nothing else may be done with the copy: what it
/// routes is taken from the original.
pub struct Router<C: 'static> {
    pub(crate) inner: Rc<Inner<C>>,
}

pub(crate) struct Inner<C: 'static> {
    /// The routing table. Never borrowed while code of the application runs.
    pub(crate) core: RefCell<Core<C>>,
    /// Everything else. Never borrowed while code of the application runs.
    pub(crate) state: RefCell<State<C>>,
    /// Receivers that have something stored to be told, and that no pass is going to tell.
    pub(crate) unsettled: RefCell<VecDeque<Entry<C>>>,
    pub(crate) wake: Arc<Wake>,
    /// What other threads have posted.
    pub(crate) calls: Arc<Calls<C>>,
    /// Calls that wait for their time.
    pub(crate) alarms: Rc<Alarms<C>>,
    /// Calls have spent the budget of the last dispatch.
    pub(crate) calls_spent: Cell<bool>,
    pub(crate) interrupt: RouteInterrupt,
    /// The workers have been told that the router is about to stop.
    pub(crate) is_stopping: Cell<bool>,
    pub(crate) spin: SpinPolicy,
    /// How many dispatches are on the stack.
    pub(crate) dispatches: Cell<u32>,
    /// The link that the innermost dispatch serves.
    pub(crate) serving: Cell<Option<crate::wake::Token>>,
    /// Tells this process from forked copies of it, which leave monitor and workers alone.
    pub(crate) fork_guard: ForkGuard,
    pub(crate) id: u64,
}

/// Tells routers apart.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl<C: 'static> Router<C> {
    /// Makes a stopped router, to be joined to an event loop: a reference to the loop of an
    /// adapter, or what [`LoopBinding`] makes of a loop of your own.
    pub fn new(binding: impl Into<LoopBinding>) -> Self {
        let LoopBinding { waiting, budget } = binding.into();
        let wake = Arc::new(Wake::new(waiting.waker(), waiting.attended()));
        Self {
            inner: Rc::new(Inner {
                core: RefCell::new(Core::new(Vec::new(), Vec::new())),
                interrupt: RouteInterrupt::new(waiting.waker()),
                state: RefCell::new(State::new(waiting, budget)),
                unsettled: RefCell::default(),
                alarms: Rc::new(Alarms::new(Arc::clone(&wake))),
                wake,
                calls: Arc::new(Calls::new()),
                calls_spent: Cell::new(false),
                is_stopping: Cell::new(false),
                spin: SpinPolicy::new(),
                dispatches: Cell::new(0),
                serving: Cell::new(None),
                // It tells routers apart; nothing is ordered by it.
                fork_guard: ForkGuard::new(),
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
        self.inner.core.borrow_mut().start()?;
        self.inner.is_stopping.set(false);
        self.inner.calls.start();
        self.inner.state.borrow().waiting.set_linked(true);
        self.inner.wake.restart();
        Ok(())
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
        let signal = self.inner.new_signal()?;
        let NewLink { factory, inlet, doorbell } =
            transport.link(signal.waker().clone()).map_err(LinkError::Transport)?;
        let notifier = inlet.notifier();
        let id = self.inner.attach(SharedInlet::new(Box::new(inlet)), &signal, notifier)?;
        if let Err(error) = self.inner.watch_link(&signal, doorbell.into(), None) {
            self.inner.forget_link(signal.token());
            return Err(LinkError::Watch(error));
        }
        Ok(Link::new(self.clone(), id, factory))
    }

    /// Closes a pipe: its receiver is told [`Closed`](homing_core::End::Closed), now or, if
    /// its handler runs, when that returns. What arrives for the pipe later is discarded,
    /// counted, and logged once as a warning.
    ///
    /// The worker learns of it where its link has a way back, as those of worker processes and
    /// channels have: its next `send` is [`Closed`](homing_core::SendErrorKind::Closed), also one
    /// that waits, and so is its next `recv`. Commands that it has not taken are dropped, and
    /// questions that it has not answered get an [`AskError`](crate::AskError).
    ///
    /// # Errors
    ///
    /// When the router does not run, or the pipe has ended, was closed before, or is of
    /// another router.
    pub fn close_pipe(&self, context: &mut C, pipe: PipeId) -> Result<(), ClosePipeError> {
        let mut core = self.inner.core.borrow_mut();
        if pipe.router() != self.inner.id && core.state().is_running() {
            return Err(ClosePipeError::NoSuchPipe);
        }
        let link = core.link_of(pipe.connection());
        let closed = core.close_pipe(pipe.connection())?;
        drop(core);
        closed.receiver.on_end(End::Closed);
        if !closed.receiver.has_way_back() {
            self.inner.notify_closed(link, closed.connection);
        }
        self.inner.tell_all(&closed.receiver, context);
        Ok(())
    }

    /// Where the router stands.
    pub fn state(&self) -> RouterState {
        self.inner.core.borrow().state()
    }

    /// Whether [`shutdown`](Router::shutdown) has begun: workers have been told that the router is
    /// about to stop, and no others should be started. False again once the router is started
    /// again.
    pub fn is_stopping(&self) -> bool {
        self.inner.is_stopping.get()
    }

    /// The number of pipes that have neither ended nor been closed.
    pub fn open_pipes(&self) -> usize {
        self.inner.core.borrow().open_pipes()
    }

    /// Whether the pipe has neither ended nor been closed.
    pub fn has_pipe(&self, pipe: PipeId) -> bool {
        pipe.router() == self.inner.id && self.inner.core.borrow().has_pipe(pipe.connection())
    }

    /// The number of links that have not ended.
    pub fn links(&self) -> usize {
        self.inner.core.borrow().links()
    }

    /// What was counted so far. A handler that asks may not find the last messages of its
    /// own link: they are counted when the turn of that link ends.
    pub fn counters(&self) -> Counters {
        self.inner.core.borrow().counters()
    }

    /// How much one dispatch may do.
    pub fn budget(&self) -> Budget {
        self.inner.state.borrow().budget
    }

    /// Sets how much one dispatch may do.
    pub fn set_budget(&self, budget: Budget) {
        self.inner.state.borrow_mut().budget = budget;
    }
}

impl<C: 'static> Inner<C> {
    /// Tells a receiver the oldest event that it has stored. What else it has, also after a
    /// panic, is told later.
    #[inline]
    pub(crate) fn tell(
        &self,
        receiver: &Entry<C>,
        context: &mut C,
        backpressure: Option<&Backpressure>,
    ) {
        let mut telling = Telling { inner: self, receiver, more: true };
        telling.more = receiver.flush(context, backpressure);
    }

    /// Tells a receiver all that it has stored. What is left after a panic is told later.
    pub(crate) fn tell_all(&self, receiver: &Entry<C>, context: &mut C) {
        let mut telling = Telling { inner: self, receiver, more: true };
        while receiver.flush(context, None) {}
        telling.more = false;
    }
}

/// A receiver that is being told something.
struct Telling<'a, C: 'static> {
    inner: &'a Inner<C>,
    receiver: &'a Entry<C>,
    more: bool,
}

impl<C: 'static> Drop for Telling<'_, C> {
    #[inline]
    fn drop(&mut self) {
        // After a panic `more` says nothing yet.
        if self.more && self.receiver.has_pending() {
            self.inner.unsettled.borrow_mut().push_back(self.receiver.clone());
        }
    }
}

impl<C: 'static> ClosePipe for Inner<C> {
    fn close_pipe(&self, connection: ConnectionId) {
        let mut core = self.core.borrow_mut();
        let link = core.link_of(connection);
        let closed = core.close_pipe(connection);
        drop(core);
        // Otherwise it has ended, or the router has stopped: then there is nothing to close.
        if closed.is_ok() {
            self.notify_closed(link, connection);
        }
        drop(closed);
    }
}

impl<C: 'static> Drop for Inner<C> {
    fn drop(&mut self) {
        // A router that does not run has nothing to stop. What could not be killed is logged.
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
        match self.inner.core.try_borrow() {
            Ok(core) => f
                .debug_struct("Router")
                .field("state", &core.state())
                .field("links", &core.links())
                .field("open_pipes", &core.open_pipes())
                .finish_non_exhaustive(),
            Err(_) => f.write_str("Router { .. }"),
        }
    }
}
