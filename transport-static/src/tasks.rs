//! Waiting in tasks: for room, for commands, and for what a pipe is told.
//!
//! Whatever changes something does so first, and then looks for a task that waits. The task has
//! itself registered first, and then looks for the change. Between the two is a fence on either
//! side, so at least one of them finds the other.

use core::task::{Context, Poll, Waker};

use atomic_waker::AtomicWaker;
use homing_core::{
    AsyncCommands, AsyncOutlet, Blocking, Outgoing, Outlet, RecvError, SendError, SendErrorKind,
};

use crate::commands::StaticCommands;
use crate::element::Encode;
use crate::latest::LatestOutlet;
use crate::outlet::StaticOutlet;

/// How many tasks may wait for room on one link at no cost but theirs. When there are more, they are
/// woken in turn, and wait again.
const TASKS: usize = 4;

/// The tasks that wait for room on one link.
pub(crate) struct RoomWakers([Option<Waker>; TASKS]);

impl RoomWakers {
    pub(crate) const fn new() -> Self {
        Self([const { None }; TASKS])
    }

    /// Has a task woken when there is room. Returns one that is to be woken now.
    pub(crate) fn add(&mut self, waker: &Waker) -> Option<Waker> {
        let same = |place: &Option<Waker>| match place {
            Some(known) => known.will_wake(waker),
            None => false,
        };
        if self.0.iter().any(same) {
            return None;
        }
        // The longest wait is at the end.
        self.0.rotate_right(1);
        self.0.first_mut()?.replace(waker.clone())
    }

    /// Takes all out, to be woken.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Waker> + use<> {
        core::mem::replace(self, Self::new()).0.into_iter().flatten()
    }
}

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
