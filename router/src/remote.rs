//! The foreground's end of a pipe's way back.

mod tasks;

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use homing_core::{Decode, Postcard, RemoteEnd, Reply, SendError, SendErrorKind};

use crate::pipe::PipeId;
use crate::questions::{AskError, Questions};

/// The foreground's end of a duplex pipe's way back: sends commands of type `D` to the worker.
///
/// Nothing here waits. Commands arrive in order, unless the worker dies or the pipe is closed or
/// ends. What was accepted and not taken is bounded by the pipe's
/// [capacity](crate::PipeOptions::command_capacity). When the pipe has ended, or was closed, every
/// command comes back.
///
/// Clones are of the same pipe. A `Remote` belongs to the foreground's thread; a
/// [`handle`](Remote::handle) of it can be used on any. Dropping all of them closes nothing.
///
/// `C` is the router's context, `K` what decodes answers: [`Postcard`] for worker processes and
/// all links of bytes, [`ByValue`](homing_core::ByValue) for channels.
pub struct Remote<C: 'static, D, K = Postcard> {
    end: Arc<dyn RemoteEnd<D>>,
    questions: Rc<Questions<C>>,
    pipe: PipeId,
    _codec: PhantomData<fn(K)>,
}

impl<C: 'static, D, K> Remote<C, D, K> {
    pub(crate) fn new(
        end: Arc<dyn RemoteEnd<D>>,
        questions: Rc<Questions<C>>,
        pipe: PipeId,
    ) -> Self {
        Self { end, questions, pipe, _codec: PhantomData }
    }

    /// Sends a command.
    ///
    /// # Errors
    ///
    /// The command comes back: [`SendErrorKind::Full`] when the capacity is used up by commands
    /// that the worker has not taken, [`SendErrorKind::Closed`] when the pipe was closed or has
    /// ended, [`SendErrorKind::Disconnected`] when the worker is gone, and others when it cannot
    /// be encoded or is too large.
    pub fn send(&self, command: D) -> Result<(), SendError<D>> {
        self.end.send(command)
    }

    /// Tells the worker that the pipe's work is not wanted any more: it sees it by a look, and is
    /// woken where it waits. The pipe stays open, so that the worker can report. Commands can still
    /// be sent. Once is enough.
    pub fn cancel(&self) {
        self.end.cancel();
    }

    /// Asks a question: sends the command that `make` makes of a [`Reply`], by which the worker
    /// names the question when it answers.
    ///
    /// When this returns `Ok`, `handler` is called exactly once, on the foreground's thread when
    /// it dispatches: with the answer, in order with the pipe's messages, or with an
    /// [`AskError`] before the pipe's handler is told the end. A router that is dropped without
    /// having been stopped calls no handler.
    ///
    /// An answer that is not of type `A` cuts the worker's link off, as a message of another
    /// type does. A worker that goes on without answering keeps the question open: see
    /// [`ask_within`](Remote::ask_within).
    ///
    /// # Errors
    ///
    /// As [`send`](Remote::send). The handler is dropped then, and not called.
    pub fn ask<A>(
        &self,
        make: impl FnOnce(Reply<A>) -> D,
        handler: impl FnOnce(&mut C, Result<A, AskError>) + 'static,
    ) -> Result<(), SendError<D>>
    where
        A: 'static,
        K: Decode<A> + 'static,
    {
        self.ask_until(None, make, handler)
    }

    /// As [`ask`](Remote::ask), with a deadline: when the worker has not answered `timeout` after
    /// this call, `handler` is called with [`AskError::TimedOut`]. The pipe stays open, and an
    /// answer that comes late is dropped. The worker is not told: it may be in the middle of the
    /// answer.
    ///
    /// # Errors
    ///
    /// As [`send`](Remote::send). The handler is dropped then, and not called.
    pub fn ask_within<A>(
        &self,
        timeout: Duration,
        make: impl FnOnce(Reply<A>) -> D,
        handler: impl FnOnce(&mut C, Result<A, AskError>) + 'static,
    ) -> Result<(), SendError<D>>
    where
        A: 'static,
        K: Decode<A> + 'static,
    {
        self.ask_until(Some(timeout), make, handler)
    }

    fn ask_until<A>(
        &self,
        timeout: Option<Duration>,
        make: impl FnOnce(Reply<A>) -> D,
        handler: impl FnOnce(&mut C, Result<A, AskError>) + 'static,
    ) -> Result<(), SendError<D>>
    where
        A: 'static,
        K: Decode<A> + 'static,
    {
        // The question is open before it is sent: the code that encodes the command may dispatch.
        let Some(number) = self.questions.open::<A, K, _>(handler) else {
            return Err(SendError::new(make(Reply::new(0)), SendErrorKind::Closed));
        };
        if let Some(timeout) = timeout {
            self.questions.set_deadline(number, timeout);
        }
        let sent = self.end.send(make(Reply::new(number)));
        if sent.is_err() {
            drop(self.questions.take(number));
        }
        sent
    }

    /// How many accepted commands the worker has not taken, as far as that is known. When the pipe
    /// has ended, so many were lost.
    pub fn untaken(&self) -> u64 {
        self.end.untaken()
    }

    /// The pipe, to close it.
    pub fn pipe(&self) -> PipeId {
        self.pipe
    }

    /// A handle for other threads.
    pub fn handle(&self) -> RemoteHandle<D> {
        RemoteHandle { end: Arc::clone(&self.end), pipe: self.pipe }
    }
}

impl<C: 'static, D, K> Clone for Remote<C, D, K> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.end), Rc::clone(&self.questions), self.pipe)
    }
}

impl<C: 'static, D, K> fmt::Debug for Remote<C, D, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("pipe", &self.pipe)
            .field("untaken", &self.untaken())
            .finish_non_exhaustive()
    }
}

/// Sends commands to a worker from any thread of the foreground's process. See
/// [`Remote::handle`]. Nothing here waits.
pub struct RemoteHandle<D> {
    end: Arc<dyn RemoteEnd<D>>,
    pipe: PipeId,
}

impl<D> RemoteHandle<D> {
    /// As [`Remote::send`].
    ///
    /// # Errors
    ///
    /// As [`Remote::send`].
    pub fn send(&self, command: D) -> Result<(), SendError<D>> {
        self.end.send(command)
    }

    /// As [`Remote::cancel`].
    pub fn cancel(&self) {
        self.end.cancel();
    }

    /// As [`Remote::untaken`].
    pub fn untaken(&self) -> u64 {
        self.end.untaken()
    }

    /// The pipe.
    pub fn pipe(&self) -> PipeId {
        self.pipe
    }
}

impl<D> Clone for RemoteHandle<D> {
    fn clone(&self) -> Self {
        Self { end: Arc::clone(&self.end), pipe: self.pipe }
    }
}

impl<D> fmt::Debug for RemoteHandle<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandle").field("pipe", &self.pipe).finish_non_exhaustive()
    }
}
