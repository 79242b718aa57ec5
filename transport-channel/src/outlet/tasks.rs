//! Sending from tasks.

use std::task::{Context, Poll};

use homing_core::{AsyncAnswerOutlet, AsyncOutlet, Blocking, Outgoing, Outlet as _, SendError};

use super::{ChannelOutlet, QueueWriter};

impl<M: Send + 'static> ChannelOutlet<M> {
    /// Has the task woken when there is room, and when the pipe is told something. It looks
    /// afterwards.
    fn register(&self, cx: &Context<'_>) {
        let connection = self.on_link.connection;
        self.notice.wake_on_change(cx.waker());
        match &self.queue {
            QueueWriter::Shared(queue) => queue.wake_on_room(connection, cx.waker()),
            QueueWriter::Duplex(queue) => queue.wake_on_room(connection, cx.waker()),
            // They always have room.
            QueueWriter::Private(_) | QueueWriter::LossyDuplex(_) => {}
        }
    }

    /// Calls `put` until it finds room, and has the task woken while it does not.
    fn poll_with<T, A>(
        &mut self,
        message: &mut Outgoing<T>,
        cx: &Context<'_>,
        put: impl Fn(&mut Self, T) -> Result<A, SendError<T>>,
    ) -> Poll<Result<A, SendError<T>>> {
        let polled = message.try_with(|message| put(self, message));
        if polled.is_ready() {
            return polled;
        }
        self.register(cx);
        let polled = message.try_with(|message| put(self, message));
        if polled.is_pending()
            && let Some(kind) = self.notice.interruption()
        {
            return message.fail(kind);
        }
        polled
    }

    fn is_full(&self) -> bool {
        match &self.queue {
            _ if self.on_link.overflow.is_lossy() => false,
            QueueWriter::Shared(queue) => queue.is_full(),
            QueueWriter::Duplex(queue) => queue.is_full(),
            QueueWriter::Private(_) | QueueWriter::LossyDuplex(_) => false,
        }
    }
}

impl<M: Send + 'static> AsyncOutlet<M> for ChannelOutlet<M> {
    fn poll_put(
        &mut self,
        message: &mut Outgoing<M>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u64, SendError<M>>> {
        // A policy that drops messages never waits.
        let blocking = match self.on_link.overflow.is_lossy() {
            true => Blocking::Allowed,
            false => Blocking::Never,
        };
        self.poll_with(message, cx, |outlet, message| outlet.put(message, blocking))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_full() {
            return Poll::Ready(());
        }
        self.register(cx);
        match self.is_full() && !self.notice.has_news() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

impl<M: Send + 'static, A: Send + 'static> AsyncAnswerOutlet<A> for ChannelOutlet<M> {
    fn poll_answer(
        &mut self,
        question: u32,
        answer: &mut Outgoing<A>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<A>>> {
        self.poll_with(answer, cx, |outlet, answer| {
            outlet.put_answer(question, answer, Blocking::Never)
        })
    }
}
