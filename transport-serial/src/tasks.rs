//! Waiting in tasks, on the chip: for commands. A sender waits in its writer.

use core::ops::Deref;
use core::task::{Context, Poll, Waker};

use atomic_waker::AtomicWaker;
use embedded_io::Write;
use homing_core::{
    AnswerOutlet, AsyncAnswerOutlet, AsyncCommands, AsyncOutlet, Blocking, Commands, Outgoing,
    Outlet, RecvError, SendError, Wait,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::commands::SerialCommands;
use crate::inboxes::{Inboxes, WayBack};
use crate::line::Line;
use crate::outlet::SerialOutlet;
use crate::received::Received;

/// How many tasks a receive buffer wakes at no cost but theirs. When more pipes are waited for, those
/// that share a place wake one another.
const TASKS: usize = 4;

/// The tasks that wait for frames, of each pipe one.
pub(crate) struct FrameWakers([AtomicWaker; TASKS]);

impl FrameWakers {
    pub(crate) const fn new() -> Self {
        Self([const { AtomicWaker::new() }; TASKS])
    }

    pub(crate) fn register(&self, pipe: usize, waker: &Waker) {
        let Some(place) = self.0.get(pipe % TASKS) else { return };
        match place.take() {
            Some(other) if !other.will_wake(waker) => other.wake(),
            _ => {}
        }
        place.register(waker);
    }

    /// For the interrupt handler.
    pub(crate) fn wake(&self) {
        self.0.iter().for_each(AtomicWaker::wake);
    }
}

impl<D, L, W, const N: usize, const RING: usize, const PIPES: usize, const BYTES: usize>
    AsyncCommands<Received<D>> for SerialCommands<L>
where
    D: DeserializeOwned,
    L: Deref<Target = Line<W, N, Inboxes<RING, PIPES, BYTES>>>,
    W: Write,
{
    /// The tasks of one line are on one executor.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received<D>, RecvError>> {
        match self.recv(Wait::Never) {
            Err(RecvError::Empty) => {}
            received => return Poll::Ready(received),
        }
        self.wake_on_frame(cx.waker());
        match self.recv(Wait::Never) {
            Err(RecvError::Empty) => Poll::Pending,
            received => Poll::Ready(received),
        }
    }
}

/// The writer waits, and blocks the task's executor for so long: a writer of bytes that does not
/// wait has a buffer of its own.
impl<M, L, W, const N: usize, B> AsyncOutlet<M> for SerialOutlet<L>
where
    M: Serialize,
    L: Deref<Target = Line<W, N, B>>,
    W: Write,
    B: WayBack,
{
    fn poll_put(
        &mut self,
        message: &mut Outgoing<M>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u64, SendError<M>>> {
        let polled = message.try_with(|message| self.put(message, Blocking::Allowed));
        once_more(&polled, cx);
        polled
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl<A, L, W, const N: usize, const RING: usize, const PIPES: usize, const BYTES: usize>
    AsyncAnswerOutlet<A> for SerialOutlet<L>
where
    A: Serialize,
    L: Deref<Target = Line<W, N, Inboxes<RING, PIPES, BYTES>>>,
    W: Write,
{
    fn poll_answer(
        &mut self,
        question: u32,
        answer: &mut Outgoing<A>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<A>>> {
        let polled = answer.try_with(|answer| self.answer(question, answer));
        once_more(&polled, cx);
        polled
    }
}

/// A line that is in use by a caller of this one is free when that has returned.
fn once_more<T>(polled: &Poll<T>, cx: &Context<'_>) {
    if polled.is_pending() {
        cx.waker().wake_by_ref();
    }
}
