//! What the router keeps beside the routing table: its links, and which of them are ready.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use homing_core::{
    ConnectionId, Downlink, End, Exit, LinkEnd, LinkId, Notifier, SessionStep, SharedInlet,
    WrongState,
};
use homing_process::Doorbell;

use crate::backpressure::Backpressure;
use crate::budget::Budget;
use crate::duplex::WayBacks;
use crate::error::LinkError;
use crate::router::{Inner, LinkSession};
use crate::waiting::{Waiting, Watched};
use crate::wake::{LinkSignal, Token};

pub(crate) struct State<C: 'static> {
    pub(crate) links: HashMap<Token, LinkState<C>>,
    /// The links that have a way back, by what the routing table calls them.
    pub(crate) way_backs: HashMap<LinkId, WayBack>,
    /// Links that may have something, in the order of their turns.
    pub(crate) run_queue: VecDeque<Token>,
    pub(crate) waiting: Waiting,
    pub(crate) budget: Budget,
    next_token: Token,
}

/// What the router keeps for a link beside its inlet.
pub(crate) struct LinkState<C: 'static> {
    pub(crate) id: LinkId,
    /// The link has ended, and its worker process still runs.
    pub(crate) has_ended: bool,
    pub(crate) signal: LinkSignal,
    pub(crate) backpressure: Backpressure,
    pub(crate) watched: Option<Watched>,
    pub(crate) worker: Option<homing_process::ChildProcess>,
    pub(crate) on_exit: Option<OnExit<C>>,
}

/// The foreground's side of a link's way back.
pub(crate) struct WayBack {
    pub(crate) notifier: Arc<dyn Notifier>,
    /// Whether there is a duplex pipe, or was one.
    pub(crate) has_duplex: bool,
    /// Whether something was sent that may wait for space.
    is_used: bool,
}

/// Told how a worker process has ended.
pub(crate) type OnExit<C> = Box<dyn FnOnce(&mut C, Option<Exit>)>;

impl<C: 'static> State<C> {
    pub(crate) fn new(waiting: Waiting, budget: Budget) -> Self {
        Self {
            links: HashMap::new(),
            way_backs: HashMap::new(),
            run_queue: VecDeque::new(),
            waiting,
            budget,
            next_token: 0,
        }
    }

    /// What flushes the way back of a link, where it has one that is used.
    pub(crate) fn flusher(&self, link: LinkId) -> Option<Arc<dyn Notifier>> {
        let way_back = self.way_backs.get(&link).filter(|way_back| way_back.is_used)?;
        Some(Arc::clone(&way_back.notifier))
    }

    /// The foreground's sending side of a link, where it has one that commands travel on as bytes.
    pub(crate) fn downlink(&self, link: LinkId) -> Option<Arc<dyn Downlink>> {
        Arc::clone(&self.way_backs.get(&link)?.notifier).downlink()
    }
}

impl<C: 'static> WayBacks for Inner<C> {
    fn claimed_over(&self, link: LinkId) -> Option<Arc<dyn Downlink>> {
        self.use_way_back(link);
        self.state.borrow().downlink(link)
    }
}

impl<C: 'static> LinkState<C> {
    /// Whether there is no worker process that still runs.
    fn has_exited(&self) -> bool {
        self.worker.as_ref().is_none_or(|worker| worker.exit().is_some())
    }
}

impl<C: 'static> Inner<C> {
    /// What the router is woken with by a link that is about to be made.
    pub(crate) fn new_signal<E>(&self) -> Result<LinkSignal, LinkError<E>> {
        let state = self.core.borrow().state();
        if !state.is_running() {
            return Err(LinkError::WrongState(WrongState { state }));
        }
        let mut state = self.state.borrow_mut();
        let token = state.next_token;
        state.next_token += 1;
        Ok(LinkSignal::new(token, Arc::clone(&self.wake)))
    }

    pub(crate) fn attach<E>(
        &self,
        inlet: SharedInlet,
        signal: &LinkSignal,
        notifier: Option<Arc<dyn Notifier>>,
    ) -> Result<LinkId, LinkError<E>> {
        let attached = self.core.borrow_mut().attach(inlet);
        let id = attached.map_err(|_| LinkError::TooMany)?;
        let link = LinkState {
            id,
            has_ended: false,
            signal: signal.clone(),
            backpressure: Backpressure::new(signal.clone()),
            watched: None,
            worker: None,
            on_exit: None,
        };
        let mut state = self.state.borrow_mut();
        state.links.insert(signal.token(), link);
        if let Some(notifier) = notifier {
            let way_back = WayBack { notifier, has_duplex: false, is_used: false };
            state.way_backs.insert(id, way_back);
        }
        Ok(id)
    }

    /// A duplex pipe was made on this link, or claimed over it.
    pub(crate) fn use_way_back(&self, link: LinkId) {
        if let Some(way_back) = self.state.borrow_mut().way_backs.get_mut(&link) {
            (way_back.has_duplex, way_back.is_used) = (true, true);
        }
    }

    /// Tells a worker that a pipe was closed, where that can be told.
    pub(crate) fn notify_closed(&self, link: Option<LinkId>, connection: ConnectionId) {
        self.notify(link, |notifier| notifier.close(connection));
    }

    /// Tells the worker of a link something, where it can be told.
    pub(crate) fn notify(&self, link: Option<LinkId>, tell: impl FnOnce(&dyn Notifier)) {
        let mut state = self.state.borrow_mut();
        let way_back = link.and_then(|link| state.way_backs.get_mut(&link));
        let Some(way_back) = way_back else { return };
        way_back.is_used = true;
        let notifier = Arc::clone(&way_back.notifier);
        // What waits for the worker may be dropped, and be anything of the application's: nothing
        // is borrowed.
        drop(state);
        tell(&*notifier);
    }

    pub(crate) fn watch_link(
        &self,
        signal: &LinkSignal,
        doorbell: Doorbell,
        worker: Option<homing_process::ChildProcess>,
    ) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let watched = state.waiting.add(doorbell, worker.clone(), signal)?;
        if let Some(link) = state.links.get_mut(&signal.token()) {
            link.watched = watched;
            link.worker = worker;
        }
        Ok(())
    }

    /// Removes a link that was made for nothing, with the pipe it may have. Its receiver is
    /// told nothing.
    pub(crate) fn forget_link(&self, token: Token) {
        let mut state = self.state.borrow_mut();
        let Some(link) = state.links.remove(&token) else { return };
        let way_back = state.way_backs.remove(&link.id);
        drop(state);
        drop(way_back);
        // Nothing is borrowed while they are dropped: they may own anything of the
        // application's.
        let inlet = self.core.borrow_mut().end_link(link.id, LinkEnd::gone());
        drop(inlet);
        if let Some(mut session) = LinkSession::begin(&self.core, link.id) {
            while let SessionStep::Ended(..) = session.poll() {}
        }
    }

    /// The worker process of a link was started. Has `on_exit` told how it has ended.
    pub(crate) fn set_on_exit(&self, token: Token, on_exit: Option<OnExit<C>>) {
        if let Some(link) = self.state.borrow_mut().links.get_mut(&token) {
            link.on_exit = on_exit;
        }
    }

    /// A link has ended, and all its pipes have been told.
    pub(crate) fn remove_link(&self, token: Token, context: &mut C) {
        let mut borrowed = self.state.borrow_mut();
        let state = &mut *borrowed;
        let Some(link) = state.links.get_mut(&token) else { return };
        link.has_ended = true;
        // Cleared before the look at the process: an exit that comes after it pings.
        link.signal.flag().clear();
        if let Some(watched) = link.watched.take() {
            state.waiting.unwatch(watched);
        }
        drop(borrowed);
        self.reap(token, context);
    }

    /// Removes what is left of a link that has ended, once its worker process has exited.
    /// Whether it had.
    pub(crate) fn reap(&self, token: Token, context: &mut C) -> bool {
        let mut state = self.state.borrow_mut();
        let Some(link) = state.links.get(&token) else { return false };
        link.signal.flag().clear();
        if !link.has_ended || !link.has_exited() {
            return false;
        }
        let link = state.links.remove(&token);
        let way_back = link.as_ref().and_then(|link| state.way_backs.remove(&link.id));
        drop(state);
        drop(way_back);
        if let Some(LinkState { worker: Some(worker), on_exit, .. }) = link {
            let exit = worker.exit().flatten();
            log::info!(target: "homing::worker", "{worker} has ended ({})", Ended(exit));
            if let Some(on_exit) = on_exit {
                on_exit(context, exit);
            }
        }
        true
    }

    pub(crate) fn log_end(&self, token: Token, connection: ConnectionId, end: &End) {
        if log::log_enabled!(log::Level::Debug) {
            let state = self.state.borrow();
            let link = state.links.get(&token);
            log::debug!(target: "homing::pipe", "pipe {connection} over {} ended: {end}", Source(link));
        }
    }

    pub(crate) fn log_start(&self, token: Token, connection: ConnectionId) {
        if log::log_enabled!(log::Level::Debug) {
            let state = self.state.borrow();
            let source = Source(state.links.get(&token));
            log::debug!(target: "homing::pipe", "pipe {connection} was started by {source}");
        }
    }

    pub(crate) fn log_link_end(&self, token: Token, end: &LinkEnd) {
        let state = self.state.borrow();
        let source = Source(state.links.get(&token));
        match end {
            LinkEnd::Refused(violation) => {
                log::warn!(target: "homing::link", "{source} was cut off: {violation}");
            }
            _ => log::debug!(target: "homing::link", "{source} ended"),
        }
    }
}

/// A link, for log records.
struct Source<'a, C: 'static>(Option<&'a LinkState<C>>);

impl<C: 'static> std::fmt::Display for Source<'_, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("a link"),
            Some(link) => {
                write!(f, "link {}", link.id)?;
                match &link.worker {
                    Some(worker) => write!(f, " of {worker}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// How a process has ended, for log records.
pub(crate) struct Ended(pub(crate) Option<Exit>);

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(exit) => exit.fmt(f),
            None => f.write_str("how is not known"),
        }
    }
}
