//! Sending from tasks: what the [`Sender`] of a transport can do that wakes tasks.
//!
//! The transport brings an [`AsyncOutlet`], which needs no executor and no allocator: only the
//! [`Waker`](core::task::Waker) of the task that waits.

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};

use crate::close::CloseReason;
use crate::send_error::{Disconnected, SendError, SendErrorKind, SenderError};
use crate::sender::{AnswerOutlet, Outlet, Sender};
use crate::state::SenderState;
use crate::text::Text;
use crate::way_back::Reply;

/// An outlet that tasks can wait for.
///
/// A sender is used by one task at a time, so an outlet keeps the waker of the last call that
/// returned [`Poll::Pending`], and no other. It wakes that task when there may be room, when the
/// pipe is told something, and when the foreground is gone. To wake it for nothing is allowed.
///
/// No method blocks the thread, whatever the pipe's policy. So unlike [`Outlet::put`] they may
/// wait on the foreground's own thread too: only the task does.
///
/// # A transport that moves values
///
/// Most need no more than this: register the waker, then try.
///
/// ```
/// # use core::task::{Context, Poll};
/// # use homing_core::*;
/// # struct MyOutlet;
/// # impl MyOutlet { fn register(&self, cx: &Context<'_>) {} fn has_room(&self) -> bool { true } }
/// # impl Outlet<u32> for MyOutlet {
/// #     fn open(&mut self) -> Result<(), Disconnected> { Ok(()) }
/// #     fn put(&mut self, _: u32, _: Blocking) -> Result<u64, SendError<u32>> { Ok(0) }
/// #     fn close(&mut self, _: CloseReason) -> Result<(), Disconnected> { Ok(()) }
/// #     fn panicking(&self) -> Option<Panic> { None }
/// # }
/// impl AsyncOutlet<u32> for MyOutlet {
///     fn poll_put(
///         &mut self,
///         message: &mut Outgoing<u32>,
///         cx: &mut Context<'_>,
///     ) -> Poll<Result<u64, SendError<u32>>> {
///         self.register(cx);
///         message.try_with(|message| self.put(message, Blocking::Never))
///     }
///
///     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
///         self.register(cx);
///         if self.has_room() { Poll::Ready(()) } else { Poll::Pending }
///     }
/// }
/// ```
pub trait AsyncOutlet<M>: Outlet<M> {
    /// Hands a message over, or has the task woken when it should be called again.
    ///
    /// While the pipe's policy drops messages it is never pending. `Ok` says how many were
    /// dropped, as [`Outlet::put`] does.
    ///
    /// `message` holds the message at the first call, and is passed to each further one until
    /// the result is ready. An outlet may keep the message, as one does whose link has less room
    /// than a long message needs, and bring it onto the link bit by bit: it then marks it as
    /// [accepted](Outgoing::set_accepted). The message stays in `message` all the same, to come
    /// back with an error.
    ///
    /// # Errors
    ///
    /// As [`Outlet::put`], but for [`SendErrorKind::Full`].
    /// [`SendErrorKind::Cancelled`] and [`SendErrorKind::Closed`] also end a wait.
    fn poll_put(
        &mut self,
        message: &mut Outgoing<M>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u64, SendError<M>>>;

    /// Ready when there may be room for a short message, or a message would come back for another
    /// reason than want of room. Else the task is woken when it should be called again.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// The future that has sent an [accepted](Outgoing::set_accepted) message is dropped: takes it
    /// back, unless all of it is on the link. Returns whether it was sent.
    ///
    /// An outlet that accepts no messages early need not implement this.
    fn withdraw(&mut self) -> bool {
        false
    }

    /// Ends the pipe as [`Outlet::close`] does, and is ready when the foreground has been told.
    ///
    /// The first call finds a reason in `reason`, and takes it. From then on the end is not lost
    /// while the foreground lives, also if there is no further call: what finds no room yet is
    /// brought on at last when the outlet is dropped.
    ///
    /// The default is for outlets whose `close` never waits.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] when the foreground is gone.
    fn poll_close(
        &mut self,
        reason: &mut Option<CloseReason>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Disconnected>> {
        let _ = cx;
        Poll::Ready(reason.take().map_or(Ok(()), |reason| self.close(reason)))
    }
}

/// An [`AsyncOutlet`] that can carry answers of type `A`.
pub trait AsyncAnswerOutlet<A>: AnswerOutlet<A> {
    /// Hands over the answer to a question, as [`AsyncOutlet::poll_put`] does a message. No
    /// overflow policy drops it. An answer that was [accepted](Outgoing::set_accepted) is sent also
    /// if there is no further call.
    ///
    /// # Errors
    ///
    /// As [`AsyncOutlet::poll_put`].
    fn poll_answer(
        &mut self,
        question: u32,
        answer: &mut Outgoing<A>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<A>>>;
}

/// A message between two calls of [`AsyncOutlet::poll_put`].
pub struct Outgoing<M> {
    message: Option<M>,
    accepted: bool,
}

impl<M> Outgoing<M> {
    /// A message of which nothing is sent.
    pub const fn new(message: M) -> Self {
        Self { message: Some(message), accepted: false }
    }

    /// Passes the message to `put`, and is pending while it comes back as
    /// [`SendErrorKind::Full`].
    pub fn try_with<T>(
        &mut self,
        put: impl FnOnce(M) -> Result<T, SendError<M>>,
    ) -> Poll<Result<T, SendError<M>>> {
        // A future is not polled after it was ready.
        let Some(message) = self.message.take() else { return Poll::Pending };
        match put(message) {
            Err(error) if error.is_full() => {
                self.message = Some(error.into_message());
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }

    /// The message. `None` once it was taken out.
    pub fn message(&self) -> Option<&M> {
        self.message.as_ref()
    }

    /// Takes the message out.
    pub fn take(&mut self) -> Option<M> {
        self.message.take()
    }

    /// The message comes back with an error.
    pub fn fail<T>(&mut self, kind: SendErrorKind) -> Poll<Result<T, SendError<M>>> {
        match self.message.take() {
            Some(message) => Poll::Ready(Err(SendError::new(message, kind))),
            // As in `try_with`.
            None => Poll::Pending,
        }
    }

    /// Whether the outlet has accepted the message, and brings it onto the link.
    pub fn is_accepted(&self) -> bool {
        self.accepted
    }

    /// The outlet has accepted the message. A future that is dropped from now on calls
    /// [`AsyncOutlet::withdraw`].
    pub fn set_accepted(&mut self) {
        self.accepted = true;
    }
}

impl<M> fmt::Debug for Outgoing<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("accepted", &self.accepted).finish_non_exhaustive()
    }
}

/// Methods for tasks. None of them blocks the thread, and none needs a particular executor.
///
/// A future that is dropped before it was ready, as by a timeout or a `select!`, has sent its
/// message whole or not at all, and the sender goes on as before. A message that has found no
/// room was not sent.
impl<M, O: AsyncOutlet<M>> Sender<M, O> {
    /// As [`send`](Sender::send), but where that would block the thread, or give the message back
    /// for want of room, the task waits. It may do so on the foreground's own thread, too. Where the
    /// pipe's policy drops messages, it does not wait.
    ///
    /// Where the future is dropped before it was ready, [`counters`](Sender::counters) says whether
    /// the message was sent. It may have been where it was so long that it was put onto the link
    /// bit by bit.
    ///
    /// # Errors
    ///
    /// The message comes back, with the [`SendErrorKind`], which is never
    /// [`Full`](SendErrorKind::Full).
    pub async fn send_async(&mut self, message: M) -> Result<(), SendError<M>> {
        if self.state != SenderState::Open {
            return Err(SendError::new(message, SendErrorKind::NotOpen(self.state)));
        }
        let mut put = Put { sender: self, message: Outgoing::new(message) };
        poll_fn(|cx| put.poll(cx)).await
    }

    /// Waits until there may be room for a short message, or [`try_send`](Sender::try_send) would
    /// fail for another reason: the pipe was cancelled or closed, the foreground is gone, the
    /// sender is not open. For messages that are made when they can be sent.
    pub async fn ready(&mut self) {
        if self.state == SenderState::Open {
            poll_fn(|cx| self.outlet.poll_ready(cx)).await;
        }
    }

    /// As [`stop`](Sender::stop), but where that would block the thread, the task waits. The sender
    /// is closed also when the future is dropped before it was ready.
    ///
    /// # Errors
    ///
    /// [`SenderError::WrongState`] unless the sender is open.
    pub async fn stop_async(&mut self) -> Result<(), SenderError> {
        self.expect(SenderState::Open)?;
        self.close_async(CloseReason::Stopped).await;
        Ok(())
    }

    /// As [`fail`](Sender::fail), but where that would block the thread, the task waits. The sender
    /// is closed also when the future is dropped before it was ready.
    ///
    /// # Errors
    ///
    /// [`SenderError::WrongState`] when the sender is closed.
    pub async fn fail_async(&mut self, error: impl fmt::Display) -> Result<(), SenderError> {
        if self.state == SenderState::Closed {
            return self.expect(SenderState::Open);
        }
        self.close_async(CloseReason::Failed { message: Text::new(&error) }).await;
        Ok(())
    }

    /// As [`answer`](Sender::answer), but where that would block the thread, the task waits. Where
    /// the future is dropped before it was ready, the answer may still be sent.
    ///
    /// # Errors
    ///
    /// The answer comes back, with the [`SendErrorKind`].
    pub async fn answer_async<A>(&mut self, reply: Reply<A>, answer: A) -> Result<(), SendError<A>>
    where
        O: AsyncAnswerOutlet<A>,
    {
        if self.state != SenderState::Open {
            return Err(SendError::new(answer, SendErrorKind::NotOpen(self.state)));
        }
        let mut answer = Outgoing::new(answer);
        poll_fn(|cx| self.outlet.poll_answer(reply.question(), &mut answer, cx)).await
    }

    async fn close_async(&mut self, reason: CloseReason) {
        let mut reason = Some(reason);
        // The first poll takes the reason. A future that is never polled changes nothing.
        let state = &mut self.state;
        let outlet = &mut self.outlet;
        let closed = poll_fn(|cx| {
            *state = SenderState::Closed;
            outlet.poll_close(&mut reason, cx)
        });
        // The foreground may be gone.
        let _ = closed.await;
    }
}

/// A message on its way. When it is dropped before it has arrived, it is taken back.
struct Put<'a, M, O: AsyncOutlet<M>> {
    sender: &'a mut Sender<M, O>,
    message: Outgoing<M>,
}

impl<M, O: AsyncOutlet<M>> Put<'_, M, O> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<M>>> {
        let Poll::Ready(put) = self.sender.outlet.poll_put(&mut self.message, cx) else {
            return Poll::Pending;
        };
        self.message.accepted = false;
        self.sender.counters.dropped += put?;
        self.sender.counters.sent += 1;
        Poll::Ready(Ok(()))
    }
}

impl<M, O: AsyncOutlet<M>> Drop for Put<'_, M, O> {
    fn drop(&mut self) {
        if self.message.accepted && self.sender.outlet.withdraw() {
            self.sender.counters.sent += 1;
        }
    }
}
