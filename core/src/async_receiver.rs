//! Receiving in tasks: what the [`Receiver`] of a transport can do that wakes tasks.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;

use crate::way_back::{Commands, Receiver, RecvError};

/// A worker's end of one pipe's way back that tasks can wait for.
///
/// A receiver is used by one task at a time, so an implementor keeps the waker of the last call
/// that returned [`Poll::Pending`], and no other. It wakes that task when a command has come, when
/// the pipe is told something, and when the foreground is gone. To wake it for nothing is allowed.
pub trait AsyncCommands<D>: Commands<D> {
    /// Takes the next command, or has the task woken when one has come. It does not block the
    /// thread. A command is taken only by a call that returns it.
    ///
    /// # Errors
    ///
    /// As [`Commands::recv`], but for [`RecvError::Empty`].
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<D, RecvError>>;
}

/// Methods for tasks. They do not block the thread, and need no particular executor.
impl<D, I: AsyncCommands<D>> Receiver<D, I> {
    /// As [`recv`](Receiver::recv), but the task waits, not the thread. It may do so on the
    /// foreground's own thread, too.
    ///
    /// A future that is dropped before it was ready, as by a timeout or a `select!`, has taken no
    /// command.
    ///
    /// # Errors
    ///
    /// When no command will come: see [`RecvError`]. Never [`RecvError::Empty`].
    pub async fn recv_async(&mut self) -> Result<D, RecvError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`recv_async`](Receiver::recv_async), for futures that are written by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<D, RecvError>> {
        self.commands.poll_recv(cx)
    }
}

/// Yields what [`iter`](Receiver::iter) would, and ends where that ends.
impl<D, I: AsyncCommands<D> + Unpin> Stream for Receiver<D, I> {
    type Item = D;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<D>> {
        self.get_mut().commands.poll_recv(cx).map(Result::ok)
    }
}
