//! Waiting in tasks: for room, for commands, and for what a pipe is told.
//!
//! Whatever changes something does so first, and then looks for a task that waits. The task has
//! itself registered first, and then looks for the change. Between the two is a fence on either
//! side, so at least one of them finds the other.

use core::task::{Context, Poll};

use atomic_waker::AtomicWaker;
use homing_core::{
    AsyncCommands, AsyncOutlet, Blocking, Outgoing, Outlet, RecvError, SendError, SendErrorKind,
};

use crate::commands::StaticCommands;
use crate::element::Encode;
use crate::latest::LatestOutlet;
use crate::outlet::StaticOutlet;

/// The tasks that wait for what the foreground sends and tells: those of both ends of a pipe.
pub(crate) struct PipeWakers {
    pub(crate) receiver: AtomicWaker,
    pub(crate) sender: AtomicWaker,
}

impl PipeWakers {
    pub(crate) const fn new() -> Self {
        Self { receiver: AtomicWaker::new(), sender: AtomicWaker::new() }
    }

    pub(crate) fn wake(&self) {
        self.receiver.wake();
        self.sender.wake();
    }
}

impl<D: Send> AsyncCommands<D> for StaticCommands<D> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<D, RecvError>> {
        match self.take() {
            Err(RecvError::Empty) => {}
            taken => return Poll::Ready(taken),
        }
        self.pipe.wakers.receiver.register(cx.waker());
        match self.take() {
            Err(RecvError::Empty) => Poll::Pending,
            taken => Poll::Ready(taken),
        }
    }
}

impl<M, C: Encode<M>> AsyncOutlet<M> for StaticOutlet<C> {
    /// Waits for room under [`Overflow::GiveBack`](homing_core::Overflow::GiveBack) as well.
    fn poll_put(
        &mut self,
        message: &mut Outgoing<M>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u64, SendError<M>>> {
        let polled = message.try_with(|message| self.put(message, Blocking::Allowed));
        if polled.is_ready() {
            return polled;
        }
        self.register(cx.waker());
        let polled = message.try_with(|message| self.put(message, Blocking::Allowed));
        if polled.is_pending() && self.is_newly_cancelled() {
            return message.fail(SendErrorKind::Cancelled);
        }
        polled
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_ready() {
            return Poll::Ready(());
        }
        self.register(cx.waker());
        if self.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// It always has room.
impl<M: Send> AsyncOutlet<M> for LatestOutlet<M> {
    fn poll_put(
        &mut self,
        message: &mut Outgoing<M>,
        _: &mut Context<'_>,
    ) -> Poll<Result<u64, SendError<M>>> {
        message.try_with(|message| self.put(message, Blocking::Never))
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
