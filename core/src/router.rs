//! The router's core: which pipe a message is for, whether it may have come over this link,
//! and how pipes and links end.
//!
//! The core does not run handlers. On a host without an allocator, [`Router::poll_with`] passes
//! a message to a closure, with its receiver in its place in the table. Where handlers use the
//! router themselves, it stands in a `RefCell`, and a [`Session`] polls a link: it borrows the
//! router only between handlers.

mod arrivals;
mod links;
mod members;
mod pipes;
#[cfg(feature = "alloc")]
mod session;
#[cfg(feature = "alloc")]
mod shared_inlet;

pub use links::LinkEntry;
pub use pipes::{Detached, PipeEntry};
#[cfg(feature = "alloc")]
pub use session::{Session, SessionStep};
#[cfg(feature = "alloc")]
pub use shared_inlet::SharedInlet;

use crate::counters::Counters;
use crate::event::End;
use crate::inlet::LinkEnd;
use crate::log::{debug, warning};
use crate::state::{RouterState, WrongState};
use crate::table::{Slot, Storage, Table};
use pipes::Pipes;

/// What polling a link found.
#[derive(Debug)]
pub enum Polled<R> {
    /// The link has nothing now.
    Empty,
    /// Something arrived that is dealt with.
    Handled,
    /// A pipe has ended: its receiver is to be told so, and dropped.
    Ended(Detached<R>, End),
    /// The link has ended, the ends of all its pipes have been returned, and it is not in the
    /// table any more.
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
    /// Where the walk of [`Router::next_stopped`] is.
    stopped_from: u32,
    /// Counts what takes receivers out of the table from the foreground's side, so that a
    /// session sees whether the receiver that it keeps is still the pipe's.
    #[cfg(feature = "alloc")]
    changes: u64,
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
        Self {
            links: Table::new(links),
            pipes: Pipes::new(pipes),
            state: RouterState::Stopped,
            stopped_from: 0,
            #[cfg(feature = "alloc")]
            changes: 0,
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
        self.stop_with(drop)
    }

    /// As [`stop`](Router::stop), and passes the inlets of the links to `dispose`: what waits
    /// in an inlet is dropped with it, which may run code of the application.
    ///
    /// # Errors
    ///
    /// As [`stop`](Router::stop).
    pub fn stop_with(&mut self, mut dispose: impl FnMut(I)) -> Result<(), WrongState<RouterState>> {
        self.running()?;
        if self.pipes.open > 0 {
            warning!("router stopped with {} unclosed pipes", self.pipes.open as u32);
        }
        self.state = RouterState::Stopped;
        self.note_change();
        let mut from = 0;
        while let Some((key, _)) = self.links.next_from(from) {
            from = key.index + 1;
            if let Some(inlet) = self.links.remove(key).and_then(|entry| entry.inlet) {
                dispose(inlet);
            }
        }
        // Links that are added later may get the places of these.
        self.pipes.disown();
        self.stopped_from = 0;
        debug!("router stopped");
        Ok(())
    }

    /// Takes the next pipe that was open out of a stopped router's table. `None` when none is
    /// left, or the router runs.
    pub fn next_stopped(&mut self) -> Option<Detached<R>> {
        if self.state.is_running() {
            return None;
        }
        self.pipes.take_next(&mut self.stopped_from)
    }

    /// Where the router stands.
    pub fn state(&self) -> RouterState {
        self.state
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.pipes.counters
    }

    /// Sessions are not to use the receivers that they keep any more.
    fn note_change(&mut self) {
        #[cfg(feature = "alloc")]
        {
            self.changes = self.changes.wrapping_add(1);
        }
    }

    fn running(&self) -> Result<(), WrongState<RouterState>> {
        if self.state.is_running() { Ok(()) } else { Err(WrongState { state: self.state }) }
    }
}
