//! The worker's end of a pipe.
//!
//! [`Sender`] is the state machine, the same on every transport. What it drives is an
//! [`Outlet`]: the transport's worker end, which takes the messages of one pipe and puts
//! them on the link.

#[cfg(feature = "alloc")]
pub(crate) mod erased;

use core::fmt;
use core::marker::PhantomData;

use crate::close::CloseReason;
use crate::counters::SenderCounters;
use crate::event::Panic;
use crate::id::ConnectionId;
use crate::send_error::{Disconnected, SendError, SendErrorKind, SenderError};
use crate::state::{SenderState, WrongState};
use crate::text::Text;
use crate::way_back::{Reply, Told};

/// A transport's worker end of one pipe.
///
/// Implementors keep these promises; the conformance suite checks them.
///
/// * A message for which [`put`](Outlet::put) returned `Ok` has been handed over: it arrives
///   even if the worker is killed the next instant. (Under a policy that drops messages,
///   `Ok` also covers a message that was dropped and counted.)
/// * A message that it returned in an error was not sent, not even in part.
/// * Order is kept.
/// * Nothing waits on the foreground's own thread, and nothing waits at all under
///   [`Blocking::Never`].
///
/// The state machine above it calls `open` at most once, `put` only between `open` and
/// `close`, and `close` or `fail` exactly once, or in their place
/// [`try_close`](Outlet::try_close) until it returns true, unless `open` failed: then it calls nothing
/// more. A `close` or `fail` without an `open` comes from a sender that was dropped, or failed,
/// before it was started.
pub trait Outlet<M> {
    /// Opens the pipe on the link.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] when the foreground is gone.
    fn open(&mut self) -> Result<(), Disconnected>;

    /// Hands one message over, and says how many were dropped for it under the overflow
    /// policy: itself or older ones.
    ///
    /// # Errors
    ///
    /// The message comes back, with the reason. The reason is never
    /// [`SendErrorKind::NotOpen`], which is the state machine's.
    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>>;

    /// Ends the pipe: no message follows. Waits for room if necessary, except on the
    /// foreground's own thread; the end is never lost while the foreground lives.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] when the foreground is gone.
    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected>;

    /// As [`close`](Outlet::close), but never waits: returns false where it would, and the pipe is
    /// open still. For a sender that was started.
    ///
    /// The default closes, for a transport whose `close` never waits. One whose `close` may wait
    /// overrides it.
    ///
    /// # Errors
    ///
    /// As [`close`](Outlet::close).
    fn try_close(&mut self, reason: CloseReason) -> Result<bool, Disconnected> {
        self.close(reason).map(|()| true)
    }

    /// Ends the pipe with [`CloseReason::Failed`]. A transport that can write the error
    /// down where there is no allocator overrides it.
    ///
    /// # Errors
    ///
    /// As [`close`](Outlet::close).
    fn fail(&mut self, error: &dyn fmt::Display) -> Result<(), Disconnected> {
        self.close(CloseReason::Failed { message: Text::new(error) })
    }

    /// What the foreground has told this pipe: a look, which costs no system call unless something
    /// has come. Nothing, where the transport has no way back.
    fn told(&self) -> Told {
        Told::NOTHING
    }

    /// The panic that is unwinding the calling thread, if one is. Its texts may be empty.
    /// Where there are no threads or no unwinding, `None`.
    ///
    /// On hosts with the standard library, `homing_panic::current` returns it with its texts.
    fn panicking(&self) -> Option<Panic>;

    /// Hands over all that `messages` yields, in order, waiting as the policy says. A
    /// transport that can hand many over at once does it here.
    ///
    /// # Errors
    ///
    /// As [`put`](Outlet::put), for the first message that could not be handed over; what
    /// comes after it stays in the iterator.
    fn put_all(
        &mut self,
        messages: &mut dyn Iterator<Item = M>,
        counters: &mut SenderCounters,
    ) -> Result<(), SendError<M>> {
        for message in messages {
            counters.dropped += self.put(message, Blocking::Allowed)?;
            counters.sent += 1;
        }
        Ok(())
    }
}

/// An outlet that can carry answers of type `A`.
pub trait AnswerOutlet<A> {
    /// Hands over the answer to a question, in order with the pipe's messages. No overflow policy
    /// drops it.
    ///
    /// # Errors
    ///
    /// The answer comes back, with the reason.
    fn answer(&mut self, question: u32, answer: A) -> Result<(), SendError<A>>;
}

/// Whether [`Outlet::put`] may wait for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// As the pipe's [`Overflow`](crate::Overflow) policy says.
    Allowed,
    /// Not at all: where the policy would wait, the message comes back as
    /// [`SendErrorKind::Full`].
    Never,
}

/// The sending half of a pipe: [`Initial`](SenderState::Initial), then
/// [`Open`](SenderState::Open), then [`Closed`](SenderState::Closed).
///
/// Only [`stop`](Sender::stop) ends the pipe as [`End::Finished`](crate::End::Finished). A
/// sender that is dropped while open, as by an early return with `?`, ends it as
/// [`End::Dropped`](crate::End::Dropped); by a panic, as
/// [`End::Panicked`](crate::End::Panicked); before it was started, as
/// [`End::Lost`](crate::End::Lost). [`fail`](Sender::fail) says what went wrong, and
/// [`scope`](Sender::scope) chooses among all of these by the result of a closure.
///
/// A sender may be moved to another thread where its transport allows it; its methods take
/// `&mut self`, so it is used from one thread at a time.
#[must_use = "a sender that is dropped ends its pipe"]
pub struct Sender<M, O: Outlet<M>> {
    pub(crate) outlet: O,
    connection: ConnectionId,
    pub(crate) state: SenderState,
    pub(crate) counters: SenderCounters,
    _message: PhantomData<fn(M)>,
}

impl<M, O: Outlet<M>> Sender<M, O> {
    /// Wraps a transport's worker end. For transports; applications get their senders from
    /// a router or from a ticket.
    pub const fn new(connection: ConnectionId, outlet: O) -> Self {
        Self {
            outlet,
            connection,
            state: SenderState::Initial,
            counters: SenderCounters { sent: 0, dropped: 0 },
            _message: PhantomData,
        }
    }

    /// The pipe that this is the sender of.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// The sender's state.
    pub fn state(&self) -> SenderState {
        self.state
    }

    /// What was sent and dropped so far.
    pub fn counters(&self) -> SenderCounters {
        self.counters
    }

    /// The counters, to count what is handed over past [`send`](Sender::send). For transports.
    pub fn counters_mut(&mut self) -> &mut SenderCounters {
        &mut self.counters
    }

    /// Opens the sender. To be called once, before anything is sent.
    ///
    /// # Errors
    ///
    /// [`SenderError::WrongState`] unless the sender is initial;
    /// [`SenderError::Disconnected`] when the foreground is gone, in which case the sender is
    /// closed.
    pub fn start(&mut self) -> Result<(), SenderError> {
        self.expect(SenderState::Initial)?;
        // Closed first: an outlet that fails to open is not to be told of a close.
        self.state = SenderState::Closed;
        self.outlet.open()?;
        self.state = SenderState::Open;
        Ok(())
    }

    /// Hands a message over. When it returns `Ok`, the message arrives even if this worker
    /// is killed the next instant.
    ///
    /// When the link has no room, the pipe's [`Overflow`](crate::Overflow) policy decides;
    /// the default is to wait. On the foreground's own thread nothing ever waits: there the
    /// message comes back as [`SendErrorKind::Full`].
    ///
    /// # Errors
    ///
    /// The message comes back, with the [`SendErrorKind`].
    pub fn send(&mut self, message: M) -> Result<(), SendError<M>> {
        self.put(message, Blocking::Allowed)
    }

    /// As [`send`](Sender::send), but never waits: where it would, the message comes back as
    /// [`SendErrorKind::Full`].
    ///
    /// # Errors
    ///
    /// The message comes back, with the [`SendErrorKind`].
    pub fn try_send(&mut self, message: M) -> Result<(), SendError<M>> {
        self.put(message, Blocking::Never)
    }

    /// Sends everything that `messages` yields, in order. On transports of bytes this is
    /// much cheaper for each message than [`send`](Sender::send): many are handed over at
    /// once. They are all handed over when it returns `Ok`.
    ///
    /// # Errors
    ///
    /// As [`send`](Sender::send), for the first message that could not be handed over. When
    /// the foreground is gone, earlier ones may have been lost with it. What comes after it
    /// stays in an iterator that is passed by `&mut`.
    pub fn send_all<I>(&mut self, messages: I) -> Result<(), SendError<M>>
    where
        I: IntoIterator<Item = M>,
    {
        let mut messages = messages.into_iter();
        if self.state != SenderState::Open {
            return match messages.next() {
                Some(message) => Err(SendError::new(message, SendErrorKind::NotOpen(self.state))),
                None => Ok(()),
            };
        }
        self.outlet.put_all(&mut messages, &mut self.counters)
    }

    /// Answers a question that the foreground has asked with a command. The answer arrives in
    /// order with the pipe's messages, and waits for room as one.
    ///
    /// # Errors
    ///
    /// The answer comes back, with the [`SendErrorKind`].
    pub fn answer<A>(&mut self, reply: Reply<A>, answer: A) -> Result<(), SendError<A>>
    where
        O: AnswerOutlet<A>,
    {
        if self.state != SenderState::Open {
            return Err(SendError::new(answer, SendErrorKind::NotOpen(self.state)));
        }
        self.outlet.answer(reply.question(), answer)
    }

    /// Whether the foreground has cancelled this pipe, or is about to stop. A look, which costs
    /// no system call unless something has come: a worker can take one in its innermost loop.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.outlet.told().is_cancelled()
    }

    /// Whether the foreground has closed this pipe: the next [`send`](Sender::send) is
    /// [`SendErrorKind::Closed`]. The same look.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.outlet.told().is_closed()
    }

    /// Whether the foreground is about to stop. The same look.
    #[inline]
    pub fn is_stopping(&self) -> bool {
        self.outlet.told().is_stopping()
    }

    /// Closes the sender: the receiver is told [`End::Finished`](crate::End::Finished) after
    /// the last message. When the foreground is gone there is no receiver to tell, and the
    /// sender is closed all the same: a router that stops is no error of its workers.
    ///
    /// # Errors
    ///
    /// [`SenderError::WrongState`] unless the sender is open.
    pub fn stop(&mut self) -> Result<(), SenderError> {
        self.expect(SenderState::Open)?;
        self.state = SenderState::Closed;
        // The foreground may be gone.
        let _ = self.outlet.close(CloseReason::Stopped);
        Ok(())
    }

    /// As [`stop`](Sender::stop), but never waits: where the link has no room for the end, the sender
    /// stays open, and this can be called again. A serial line's sender waits as its writer does, as
    /// in [`try_send`](Sender::try_send).
    ///
    /// # Errors
    ///
    /// [`SenderError::Full`] when it would have to wait, and as [`stop`](Sender::stop).
    pub fn try_stop(&mut self) -> Result<(), SenderError> {
        self.expect(SenderState::Open)?;
        if self.outlet.try_close(CloseReason::Stopped) == Ok(false) {
            return Err(SenderError::Full);
        }
        // It is closed, or the foreground is gone.
        self.state = SenderState::Closed;
        Ok(())
    }

    /// Closes the sender with an error: the receiver is told
    /// [`End::Failed`](crate::End::Failed) with its text, after the last message. The text is
    /// what `error` displays in the alternate form (`{:#}`), at most
    /// [`Text::MAX`](crate::Text::MAX) bytes of it. When the foreground is gone, the sender
    /// is closed all the same.
    ///
    /// A sender can also fail before it was started.
    ///
    /// # Errors
    ///
    /// [`SenderError::WrongState`] when the sender is closed.
    pub fn fail(&mut self, error: impl fmt::Display) -> Result<(), SenderError> {
        if self.state == SenderState::Closed {
            return self.expect(SenderState::Open);
        }
        self.state = SenderState::Closed;
        // The foreground may be gone.
        let _ = self.outlet.fail(&error);
        Ok(())
    }

    /// Starts the sender, runs `work`, and closes the sender as `work` ends: it
    /// [stops](Sender::stop) on `Ok`, [fails](Sender::fail) with the error on `Err`, and
    /// reports a panic, which goes on. What `work` has closed itself stays as it is.
    ///
    /// ```
    /// # use homing_core::{Outlet, Sender, SenderError};
    /// # use core::fmt;
    /// # fn f<O: Outlet<u32>>(sender: &mut Sender<u32, O>) -> Result<(), Box<dyn std::error::Error>> {
    /// sender.scope(|sender| -> Result<(), Box<dyn std::error::Error>> {
    ///     sender.send("7".parse()?)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The error of `work`; as [`start`](Sender::start) when the sender cannot be started, in
    /// which case `work` is not called.
    pub fn scope<T, E>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E>
    where
        E: fmt::Display + From<SenderError>,
    {
        /// Closes the sender when `work` panics.
        struct Scope<'a, M, O: Outlet<M>>(&'a mut Sender<M, O>);

        impl<M, O: Outlet<M>> Drop for Scope<'_, M, O> {
            fn drop(&mut self) {
                self.0.leave();
            }
        }

        self.start()?;
        let scope = Scope(self);
        let result = work(scope.0);
        if scope.0.state == SenderState::Open {
            match &result {
                Ok(_) => scope.0.stop()?,
                Err(error) => scope.0.fail(error)?,
            }
        }
        result
    }

    fn put(&mut self, message: M, blocking: Blocking) -> Result<(), SendError<M>> {
        if self.state != SenderState::Open {
            return Err(SendError::new(message, SendErrorKind::NotOpen(self.state)));
        }
        self.counters.dropped += self.outlet.put(message, blocking)?;
        self.counters.sent += 1;
        Ok(())
    }

    pub(crate) fn expect(&self, state: SenderState) -> Result<(), SenderError> {
        if self.state == state {
            Ok(())
        } else {
            Err(SenderError::WrongState(WrongState { state: self.state }))
        }
    }

    /// Closes the sender when it is dropped, or when a scope panics.
    fn leave(&mut self) {
        let reason = match self.state {
            SenderState::Closed => return,
            SenderState::Initial => CloseReason::Abandoned,
            SenderState::Open => {
                self.outlet.panicking().map_or(CloseReason::Dropped, CloseReason::Panicked)
            }
        };
        self.state = SenderState::Closed;
        // The foreground may be gone.
        let _ = self.outlet.close(reason);
    }
}

impl<M, O: Outlet<M>> Drop for Sender<M, O> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<M, O: Outlet<M>> fmt::Debug for Sender<M, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("connection", &self.connection)
            .field("state", &self.state)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
