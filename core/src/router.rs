//! The router's core: which pipe a message is for, whether it may have come over this link,
//! and how pipes and links end.
//!
//! It calls nobody but for the closure that is handed to [`Router::poll_with`]. Where a
//! receiver is to be told otherwise, the router *lends* it out together with what happened;
//! the caller tells it, with whatever context its receivers want, and
//! [`restore`](Router::restore)s it. While a receiver is lent, the router is free: a handler
//! may make and close pipes, its own too, and stop the router. A receiver that is lost to a
//! panic costs nobody else anything.

mod arrivals;
mod links;
mod pipes;

pub use links::LinkEntry;
pub use pipes::PipeEntry;

use crate::counters::Counters;
use crate::event::End;
use crate::id::ConnectionId;
use crate::inlet::LinkEnd;
use crate::log::{debug, warning};
use crate::state::{RouterState, WrongState};
use crate::table::{Slot, Storage, Table};
use pipes::Pipes;

/// A receiver on loan, from [`Router::poll`] until [`Router::restore`].
#[derive(Debug)]
#[must_use = "a receiver that is not restored never hears of another message"]
pub struct CheckedOut<R> {
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
    /// Something arrived that no receiver is to be told, or has been told already.
    Handled,
    /// The receiver has accepted a message that waits until the link is drained.
    Deferred(ConnectionId),
    /// The receiver has accepted a message: it is to be told now, and restored.
    Message(CheckedOut<R>),
    /// A pipe has ended: the receiver is to be told, and dropped.
    Ended(CheckedOut<R>, End),
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
/// use homing_core::{Authorize, FixedRouter};
/// # use homing_core::*;
/// # struct Inbox;
/// # impl Inlet for Inbox {
/// #     fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> { Ok(None) }
/// # }
///
/// /// The receivers are only names here: the closure that polls knows what they do.
/// enum To { Led, Log }
/// impl Authorize for To {}
///
/// // Room for two links and four pipes, and no allocator anywhere.
/// let mut router: FixedRouter<Inbox, To, 2, 4> = Router::fixed();
/// router.start()?;
/// # Ok::<(), WrongState<RouterState>>(())
/// ```
#[derive(Debug)]
pub struct Router<I, R, LS, PS> {
    links: Table<LinkEntry<I>, LS>,
    pipes: Pipes<R, PS>,
    state: RouterState,
}

/// A router on arrays: room for so many links and pipes.
pub type FixedRouter<I, R, const LINKS: usize, const PIPES: usize> =
    Router<I, R, [Slot<LinkEntry<I>>; LINKS], [Slot<PipeEntry<R>>; PIPES]>;

impl<I, R, const LINKS: usize, const PIPES: usize> FixedRouter<I, R, LINKS, PIPES> {
    /// Makes a stopped router on arrays.
    pub const fn fixed() -> Self {
        Self::new([const { Slot::VACANT }; LINKS], [const { Slot::VACANT }; PIPES])
    }
}

impl<I, R, LS, PS> Router<I, R, LS, PS>
where
    LS: Storage<LinkEntry<I>>,
    PS: Storage<PipeEntry<R>>,
{
    /// Makes a stopped router over the storage of its tables.
    pub const fn new(links: LS, pipes: PS) -> Self {
        Self { links: Table::new(links), pipes: Pipes::new(pipes), state: RouterState::Stopped }
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
        if self.pipes.open > 0 {
            warning!("router stopped with {} unclosed pipes", self.pipes.open as u32);
        }
        self.state = RouterState::Stopped;
        while let Some((key, _)) = self.links.next_from(0) {
            self.links.remove(key);
        }
        // Links that are added later may get the places of these.
        self.pipes.disown();
        debug!("router stopped");
        Ok(())
    }

    /// Takes the next pipe out of a stopped router's table, and its receiver unless it is
    /// lent or was closed before. `None` when the table is empty.
    pub fn next_stopped(&mut self) -> Option<Option<CheckedOut<R>>> {
        if self.state.is_running() { None } else { self.pipes.take_next() }
    }

    /// Where the router stands.
    pub fn state(&self) -> RouterState {
        self.state
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.pipes.counters
    }

    /// Counts messages that its caller has handed to a receiver that was lent, and their
    /// bytes: further ones of the same pipe, or one that the receiver had accepted to be
    /// handled later when its pipe [ended](Polled::Ended).
    #[inline]
    pub fn count_routed(&mut self, messages: u64, bytes: u64) {
        self.pipes.counters.routed += messages;
        self.pipes.counters.bytes += bytes;
    }

    fn running(&self) -> Result<(), WrongState<RouterState>> {
        if self.state.is_running() { Ok(()) } else { Err(WrongState { state: self.state }) }
    }
}
