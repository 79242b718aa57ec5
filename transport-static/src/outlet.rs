//! The worker's end of one pipe.

use core::cell::Cell;
use core::fmt;

use homing_core::{
    Blocking, CloseReason, ConnectionId, Disconnected, Outlet, Panic, SendError, SendErrorKind,
    Sender, Told,
};

use crate::command_queue::DuplexPipe;
use crate::element::{Element, Encode, Moved};
use crate::shared::{Life, Shared};

/// The sender of a pipe on a link: on a [`ValueLink`](crate::ValueLink) of `M`, unless said
/// otherwise.
pub type StaticSender<M, C = Moved<M>> = Sender<M, StaticOutlet<C>>;

/// The worker's end of one pipe.
pub struct StaticOutlet<C: Element> {
    shared: &'static Shared<C>,
    connection: ConnectionId,
    life: Life,
    /// Whether a message without room is dropped.
    lossy: bool,
    /// How many were.
    missed: u32,
    /// Of a pipe with a way back.
    pipe: Option<&'static DuplexPipe>,
    /// The worker has seen that the pipe was cancelled.
    knows: Cell<bool>,
}

impl<C: Element> StaticOutlet<C> {
    pub(crate) fn new(
        shared: &'static Shared<C>,
        life: Life,
        connection: ConnectionId,
        lossy: bool,
        pipe: Option<&'static DuplexPipe>,
    ) -> Self {
        Self { shared, connection, life, lossy, missed: 0, pipe, knows: Cell::new(false) }
    }

    /// What the pipe was told, which the worker knows from now on.
    fn look(&self) -> Told {
        let Some(pipe) = self.pipe else { return Told::NOTHING };
        let told = pipe.told.get();
        if told.is_cancelled() {
            self.knows.set(true);
        }
        told
    }

    fn is_closed(&self) -> bool {
        self.pipe.is_some_and(|pipe| pipe.told.get().is_closed())
    }
}

#[cfg(feature = "task")]
impl<C: Element> StaticOutlet<C> {
    /// Has a task woken when there is room, and when the pipe is told something.
    pub(crate) fn register(&self, waker: &core::task::Waker) {
        if let Some(pipe) = self.pipe {
            pipe.wakers.sender.register(waker);
        }
        self.shared.wake_on_room(self.life, waker);
    }

    /// Whether a task need not wait.
    pub(crate) fn is_ready(&self) -> bool {
        self.lossy
            || self.is_closed()
            || self.is_newly_cancelled()
            || self.shared.has_room(self.life)
    }

    /// Whether the pipe was cancelled, and the worker has not seen that before.
    pub(crate) fn is_newly_cancelled(&self) -> bool {
        let knew = self.knows.get();
        self.look().is_cancelled() && !knew
    }
}

impl<M, C: Encode<M>> Outlet<M> for StaticOutlet<C> {
    fn open(&mut self) -> Result<(), Disconnected> {
        if self.shared.is_open(self.life) { Ok(()) } else { Err(Disconnected) }
    }

    #[inline]
    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        if self.is_closed() {
            return Err(SendError::new(message, SendErrorKind::Closed));
        }
        let (element, original) = C::encode(message)?;
        match self.shared.push(self.life, self.connection, element) {
            Ok(()) => Ok(0),
            Err((_, SendErrorKind::Full)) if self.lossy && blocking == Blocking::Allowed => {
                self.missed = self.missed.saturating_add(1);
                Ok(1)
            }
            Err((element, kind)) => Err(SendError::new(element.recover(original), kind)),
        }
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        if self.shared.close_pipe(self.life, self.connection, reason, self.missed) {
            Ok(())
        } else {
            Err(Disconnected)
        }
    }

    fn told(&self) -> Told {
        self.look()
    }

    /// There is no unwinding, so no drop comes from a panic.
    fn panicking(&self) -> Option<Panic> {
        None
    }
}

impl<C: Element> fmt::Debug for StaticOutlet<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticOutlet").field("connection", &self.connection).finish_non_exhaustive()
    }
}
