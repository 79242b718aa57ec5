//! Sending from tasks.
//!
//! A message that finds no space is queued for the thread that flushes, as messages are that a
//! policy keeps. Its task is woken when it is written.

use std::sync::Arc;
use std::task::{Context, Poll};

use homing_core::{
    AsyncAnswerOutlet, AsyncOutlet, Blocking, CloseReason, ConnectionId, Disconnected, Outgoing,
    Outlet as _, SendError, SendErrorKind, Told, codec,
};
use serde::Serialize;

use super::MuxOutlet;
use crate::message::Encoded;
use crate::mux::Mux;
use crate::send_queue::Withdrawn;
use crate::sink::FrameSink;

impl<S: FrameSink> Mux<S> {
    /// Ready when nothing of a pipe is queued or pending any more. Else the task is woken when that
    /// is so, or one of the link's pipes is told something.
    fn poll_flushed(
        self: &Arc<Self>,
        connection: ConnectionId,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Disconnected>> {
        let is_left = self.with(|scheduler, _| match scheduler.disconnected {
            true => Err(Disconnected),
            false => Ok(scheduler.set_task(connection, cx.waker())),
        })?;
        if !is_left {
            return Poll::Ready(Ok(()));
        }
        self.flush_in_background(cx);
        Poll::Pending
    }

    /// Has a thread flush. Where the system gives none, the task does, as often as it is polled.
    fn flush_in_background(self: &Arc<Self>, cx: &mut Context<'_>) {
        if !self.flush_later() {
            // A peer that is gone is found by the next poll.
            let _ = self.flush_now();
            cx.waker().wake_by_ref();
        }
    }
}

impl<S: FrameSink> MuxOutlet<S> {
    /// What the pipe was told that its worker does not know.
    fn news(&self) -> Option<SendErrorKind> {
        let (_, pipe) = self.pipe.as_ref()?;
        let told = pipe.told();
        (told != self.heard.get()).then(|| kind(told))
    }

    /// Writes a message if there is space, and queues it otherwise. Whether it was written.
    fn write_or_queue<M: Serialize>(&mut self, message: &M) -> Result<bool, SendErrorKind> {
        self.check()?;
        let bounds = self.mux.bounds;
        let encoded = self.template.encode::<M, S>(message, bounds, &mut self.short)?;
        let (frame, body) = match &encoded {
            Encoded::Short(short) => (short.frame(&self.short), short.body(&self.short)),
            Encoded::Long(long) => (long.frame(), long.body()),
        };
        // What was queued by a future that was leaked comes first.
        let is_atomic = body.len() <= self.mux.max_atomic_body;
        if is_atomic && self.mux.try_write_fast(&self.bias, frame).map_err(disconnected)? {
            return Ok(true);
        }
        if let Some(kind) = self.news() {
            self.hear();
            return Err(kind);
        }
        let body = body.to_vec();
        let queued = self.mux.with(|scheduler, _| match scheduler.disconnected {
            true => Err(Disconnected),
            false => {
                scheduler.queue_message(self.connection, body);
                Ok(())
            }
        });
        queued.map_err(disconnected)?;
        self.has_queued = true;
        Ok(false)
    }

    /// Takes the message back that was queued. Whether it was sent all the same.
    fn take_back(&mut self) -> bool {
        self.has_queued = false;
        let connection = self.connection;
        let withdrawn = self.mux.with(|scheduler, _| Ok(scheduler.withdraw(connection)));
        if withdrawn == Ok(Withdrawn::Begun) {
            self.mux.abort_fragments(connection);
            self.mux.flush_later();
        }
        withdrawn == Ok(Withdrawn::Sent)
    }
}

impl<M: Serialize, S: FrameSink> AsyncOutlet<M> for MuxOutlet<S> {
    fn poll_put(
        &mut self,
        message: &mut Outgoing<M>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u64, SendError<M>>> {
        if self.overflow.is_lossy() {
            return message.try_with(|message| self.put(message, Blocking::Allowed));
        }
        if !message.is_accepted() {
            let Some(new) = message.message() else { return Poll::Pending };
            match self.write_or_queue(new) {
                Ok(true) => return Poll::Ready(Ok(0)),
                Ok(false) => message.set_accepted(),
                Err(kind) => return message.fail(kind),
            }
        }
        match self.mux.poll_flushed(self.connection, cx) {
            Poll::Ready(Ok(())) => {
                self.has_queued = false;
                return Poll::Ready(Ok(0));
            }
            Poll::Ready(Err(Disconnected)) => return message.fail(SendErrorKind::Disconnected),
            Poll::Pending => {}
        }
        // After the task was set: what the pipe is told from now on wakes it.
        match self.news() {
            Some(_) if self.take_back() => Poll::Ready(Ok(0)),
            Some(kind) => {
                self.hear();
                message.fail(kind)
            }
            None => Poll::Pending,
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(len) = self.found_full else { return Poll::Ready(()) };
        let (connection, waits) = (self.connection, self.waits_for_space);
        let is_ready = self.news().is_some()
            || self.mux.with(|scheduler, _| {
                if scheduler.disconnected || (waits && !scheduler.waiters.waits_for_space(connection)) {
                    return Ok(true);
                }
                scheduler.waiters.wait_for_space(connection, len, cx.waker());
                Ok(false)
            }) != Ok(false)
            // Once more: what the pipe is told from now on wakes the task.
            || self.news().is_some();
        self.waits_for_space = !is_ready;
        if is_ready {
            self.found_full = None;
            return Poll::Ready(());
        }
        self.mux.flush_in_background(cx);
        Poll::Pending
    }

    fn withdraw(&mut self) -> bool {
        self.take_back()
    }

    fn poll_close(
        &mut self,
        reason: &mut Option<CloseReason>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Disconnected>> {
        if let Some(reason) = reason.take()
            && let Some(frames) = self.end(reason)?
        {
            self.mux.send_later(self.connection, frames)?;
        }
        self.mux.poll_flushed(self.connection, cx)
    }
}

impl<A: Serialize, S: FrameSink> AsyncAnswerOutlet<A> for MuxOutlet<S> {
    fn poll_answer(
        &mut self,
        question: u32,
        answer: &mut Outgoing<A>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<A>>> {
        if !answer.is_accepted() {
            let Some(new) = answer.message() else { return Poll::Pending };
            if let Err(kind) = self.queue_answer(question, new) {
                return answer.fail(kind);
            }
            answer.set_accepted();
        }
        match self.mux.poll_flushed(self.connection, cx) {
            Poll::Ready(Err(Disconnected)) => answer.fail(SendErrorKind::Disconnected),
            polled => polled.map(|_| Ok(())),
        }
    }
}

impl<S: FrameSink> MuxOutlet<S> {
    /// Queues the answer to a question, and writes it if there is space.
    fn queue_answer<A: Serialize>(&self, question: u32, answer: &A) -> Result<(), SendErrorKind> {
        self.check()?;
        let (connection, bounds) = (self.connection, self.mux.bounds);
        let mut encoded = Vec::new();
        codec::append(answer, bounds.len, bounds.depth, &mut encoded)?;
        let queued = self.mux.with(|scheduler, sink| {
            scheduler.queue_answer(connection, question, encoded);
            scheduler.write_left(sink).map(drop)
        });
        queued.map_err(disconnected)
    }
}

fn kind(told: Told) -> SendErrorKind {
    if told.is_closed() { SendErrorKind::Closed } else { SendErrorKind::Cancelled }
}

fn disconnected(Disconnected: Disconnected) -> SendErrorKind {
    SendErrorKind::Disconnected
}
