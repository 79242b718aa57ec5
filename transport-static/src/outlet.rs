//! The worker's end of one pipe.

use core::fmt;

use homing_core::{
    Blocking, CloseReason, ConnectionId, Disconnected, Outlet, Panic, SendError, SendErrorKind,
    Sender,
};

use crate::element::{Element, Encode, Moved};
use crate::factory::Shared;

/// The sender of a pipe on a link: on a [`ValueLink`](crate::ValueLink) of `M`, unless said
/// otherwise.
pub type StaticSender<M, C = Moved<M>> = Sender<M, StaticOutlet<C>>;

/// The worker's end of one pipe.
pub struct StaticOutlet<C: Element> {
    shared: &'static Shared<C>,
    connection: ConnectionId,
    /// Whether a message without room is dropped.
    lossy: bool,
    /// How many were.
    missed: u32,
}

impl<C: Element> StaticOutlet<C> {
    pub(crate) fn new(shared: &'static Shared<C>, connection: ConnectionId, lossy: bool) -> Self {
        Self { shared, connection, lossy, missed: 0 }
    }
}

impl<M, C: Encode<M>> Outlet<M> for StaticOutlet<C> {
    fn open(&mut self) -> Result<(), Disconnected> {
        if self.shared.is_open() { Ok(()) } else { Err(Disconnected) }
    }

    #[inline]
    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        let (element, original) = C::encode(message)?;
        match self.shared.push(self.connection, element) {
            Ok(()) => Ok(0),
            Err((_, SendErrorKind::Full)) if self.lossy && blocking == Blocking::Allowed => {
                self.missed = self.missed.saturating_add(1);
                Ok(1)
            }
            Err((element, kind)) => Err(SendError::new(element.recover(original), kind)),
        }
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        if self.shared.close_pipe(self.connection, reason, self.missed) {
            Ok(())
        } else {
            Err(Disconnected)
        }
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
