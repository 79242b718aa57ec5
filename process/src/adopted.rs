//! The worker's side of a transport of one's own.

use homing_core::{Blocking, CloseReason, Disconnected, SendErrorKind, Ticket};

/// The worker's end of a link, in a process that inherited it.
///
/// A transport implements this and [`EncodedOutlet`] for its worker's side, as it implements
/// [`ProcessTransport`](crate::ProcessTransport) for the foreground's. The worker's program
/// registers it by the name that [`Prepared`](crate::Prepared) has: with
/// `homing::worker::register`, whose documentation has a complete transport.
///
/// Such a link has no way back yet: the worker's end of a duplex pipe cannot be made on it.
pub trait AdoptedLink: Send + Sync + 'static {
    /// Makes the worker's end of one pipe: of the [connection](Ticket::connection) that the
    /// ticket names, claimed with its [nonce](Ticket::nonce), under its
    /// [policy](Ticket::overflow). The types of its messages do not matter here.
    fn outlet(&self, ticket: Ticket<()>) -> Box<dyn EncodedOutlet>;
}

/// The worker's end of one pipe, which takes messages that are encoded.
///
/// Its promises are those of [`Outlet`](homing_core::Outlet), and so is the order of calls:
/// `open` at most once, `put` between `open` and `close`, `close` exactly once unless `open`
/// failed. A `close` without an `open` comes from a sender that was dropped before it was
/// started.
pub trait EncodedOutlet: Send {
    /// Claims the pipe.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] when the foreground is gone.
    fn open(&mut self) -> Result<(), Disconnected>;

    /// Hands one message over, and says how many were dropped for it under the overflow
    /// policy: itself or older ones. The message is no longer than the link's limit.
    ///
    /// # Errors
    ///
    /// [`SendErrorKind::Full`] when there is no room and the policy or `blocking` says not to
    /// wait, and [`SendErrorKind::Disconnected`] when the foreground is gone. Nothing was sent
    /// then, not even in part.
    fn put(&mut self, encoded: &[u8], blocking: Blocking) -> Result<u64, SendErrorKind>;

    /// Says that no message will come any more, and why. Waits for room if it must. Only a pipe
    /// that was claimed can be ended, so a `close` without an `open` claims the pipe first.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] when the foreground is gone.
    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected>;

    /// As [`close`](EncodedOutlet::close), but never waits: returns false where it would, and the
    /// pipe is open still. The default closes, for a transport whose `close` never waits.
    ///
    /// # Errors
    ///
    /// As [`close`](EncodedOutlet::close).
    fn try_close(&mut self, reason: CloseReason) -> Result<bool, Disconnected> {
        self.close(reason).map(|()| true)
    }
}
