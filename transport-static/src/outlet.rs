//! The worker's end of one pipe.

use core::fmt;

use homing_core::{
    ConnectionId, Disconnected, Leaving, Outlet, Patience, Reason, SendError, Sender,
};

use crate::cargo::{Cargo, Carry, Moved};
use crate::road::Far;

/// The sender of a pipe on a link: on a [`ValueLink`](crate::ValueLink) of `M`, unless said
/// otherwise.
pub type StaticSender<M, C = Moved<M>> = Sender<M, StaticOutlet<C>>;

/// The worker's end of one pipe.
pub struct StaticOutlet<C: Cargo> {
    far: &'static Far<C>,
    connection: ConnectionId,
    /// Whether a message without room is dropped.
    lossy: bool,
    /// How many were.
    missed: u32,
}

impl<C: Cargo> StaticOutlet<C> {
    pub(crate) fn new(far: &'static Far<C>, connection: ConnectionId, lossy: bool) -> Self {
        Self { far, connection, lossy, missed: 0 }
    }
}

impl<M, C: Carry<M>> Outlet<M> for StaticOutlet<C> {
    fn open(&mut self) -> Result<(), Disconnected> {
        if self.far.is_open() { Ok(()) } else { Err(Disconnected) }
    }

    #[inline]
    fn put(&mut self, message: M, patience: Patience) -> Result<u64, SendError<M>> {
        let (cargo, kept) = C::load(message)?;
        match self.far.push(self.connection, cargo) {
            Ok(()) => Ok(0),
            Err((_, Reason::Full)) if self.lossy && patience == Patience::Policy => {
                self.missed = self.missed.saturating_add(1);
                Ok(1)
            }
            Err((cargo, reason)) => Err(SendError::new(cargo.restore(kept), reason)),
        }
    }

    fn close(&mut self, leaving: Leaving) -> Result<(), Disconnected> {
        if self.far.leave(self.connection, leaving, self.missed) {
            Ok(())
        } else {
            Err(Disconnected)
        }
    }

    /// There is no unwinding.
    fn is_panicking(&self) -> bool {
        false
    }
}

impl<C: Cargo> fmt::Debug for StaticOutlet<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticOutlet").field("connection", &self.connection).finish_non_exhaustive()
    }
}
