//! The way back: what goes from the foreground to a worker's end of a pipe.
//!
//! A duplex pipe has a [`Receiver`] beside its sender. What the foreground sends arrives there, in
//! order; that it has cancelled or closed the pipe is seen by both.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU8, Ordering};
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::ConnectionId;
use crate::payload::Undecodable;

/// What the foreground has told the worker's end of a pipe so far.
///
/// It only ever grows: a pipe that was cancelled stays so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Told(u8);

impl Told {
    /// Nothing.
    pub const NOTHING: Self = Self(0);
    /// That the pipe's work is not wanted any more. The pipe stays open, so that the worker can
    /// report.
    pub const CANCELLED: Self = Self(1);
    /// That the pipe was closed. What is sent would be discarded.
    pub const CLOSED: Self = Self(2);
    /// That the foreground is about to stop.
    pub const STOPPING: Self = Self(4);

    /// Whether the pipe was cancelled. A foreground that is about to stop cancels all pipes.
    #[must_use]
    pub const fn is_cancelled(self) -> bool {
        self.0 & (Self::CANCELLED.0 | Self::STOPPING.0) != 0
    }

    /// Whether the pipe was closed.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        self.0 & Self::CLOSED.0 != 0
    }

    /// Whether the foreground is about to stop.
    #[must_use]
    pub const fn is_stopping(self) -> bool {
        self.0 & Self::STOPPING.0 != 0
    }

    /// All that either says.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Where one thread at a time stores what was [told](Told), and any thread looks, by one atomic
/// load.
#[derive(Debug, Default)]
pub struct ToldCell(AtomicU8);

impl ToldCell {
    /// Nothing was told.
    pub const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// Adds to what was told. Calls must not overlap: small processors have no atomic
    /// read-modify-write.
    pub fn add(&self, told: Told) {
        // Relaxed: the calls are serialized. Release: what was received before is seen by a
        // thread that sees this.
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before | told.0, Ordering::Release);
    }

    /// What was told.
    #[inline]
    pub fn get(&self) -> Told {
        Told(self.0.load(Ordering::Acquire))
    }
}

/// How long [`Commands::recv`] may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    Never,
    /// So long.
    AtMost(Duration),
    /// Until there is something to return.
    Forever,
}

/// Why there is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RecvError {
    /// None has come by now.
    Empty,
    /// All that have come were received, and the pipe was cancelled. A cancel may overtake commands,
    /// and the foreground may send more all the same: they can still be received.
    Cancelled,
    /// The foreground has closed the pipe. What had not been received by then is dropped.
    Closed,
    /// The foreground is gone.
    Disconnected,
    /// This process is a copy, made by `fork` without `exec`, of the one that the receiver belongs
    /// to.
    Forked,
    /// What has come is no command of the expected type. The commands behind it can still be
    /// received.
    Undecodable(Undecodable),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Empty => f.write_str("no command has come"),
            RecvError::Cancelled => f.write_str("the foreground has cancelled the pipe"),
            RecvError::Closed => f.write_str("the foreground has closed the pipe"),
            RecvError::Disconnected => f.write_str("the foreground is gone"),
            RecvError::Forked => {
                f.write_str("this process is a fork of the one that the receiver belongs to")
            }
            RecvError::Undecodable(undecodable) => undecodable.fmt(f),
        }
    }
}

impl core::error::Error for RecvError {}

/// A transport's worker end of one pipe's way back.
pub trait Commands<D> {
    /// Takes the next command, and waits for it as long as `wait` says where this host can wait;
    /// where it cannot, it does not.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] comes before commands that have come, [`RecvError::Cancelled`]
    /// and [`RecvError::Disconnected`] after them.
    fn recv(&mut self, wait: Wait) -> Result<D, RecvError>;

    /// What the foreground has told this pipe. A look, which costs no system call unless something
    /// has come.
    fn told(&self) -> Told;
}

/// The worker's end of a pipe's way back: receives what the foreground sends by its `Remote`.
///
/// ```
/// # use homing_core::{Commands, Receiver};
/// # fn run(order: u32) {}
/// # fn f<I: Commands<u32>>(mut orders: Receiver<u32, I>) {
/// // Ends when the pipe is cancelled or closed, or the foreground is gone.
/// while let Ok(order) = orders.recv() {
///     run(order);
/// }
/// # }
/// ```
///
/// A receiver may be dropped before its sender: what comes then is not received.
pub struct Receiver<D, I: Commands<D>> {
    pub(crate) commands: I,
    connection: ConnectionId,
    _command: PhantomData<fn() -> D>,
}

impl<D, I: Commands<D>> Receiver<D, I> {
    /// Wraps a transport's worker end. For transports.
    pub const fn new(connection: ConnectionId, commands: I) -> Self {
        Self { commands, connection, _command: PhantomData }
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn into_commands(self) -> I {
        self.commands
    }

    /// The pipe that this is the receiver of.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// Waits for the next command.
    ///
    /// # Errors
    ///
    /// When none will come: see [`RecvError`]. On a host that cannot wait,
    /// [`RecvError::Empty`] as [`try_recv`](Receiver::try_recv).
    pub fn recv(&mut self) -> Result<D, RecvError> {
        self.commands.recv(Wait::Forever)
    }

    /// Takes the next command if it has come. Never waits.
    ///
    /// # Errors
    ///
    /// [`RecvError::Empty`] when none has come, and others when none will.
    pub fn try_recv(&mut self) -> Result<D, RecvError> {
        self.commands.recv(Wait::Never)
    }

    /// Waits for the next command, at most as long as `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvError::Empty`] when none has come by then, and others when none will.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<D, RecvError> {
        self.commands.recv(Wait::AtMost(timeout))
    }

    /// Receives until there is an error, which is not returned.
    pub fn iter(&mut self) -> impl Iterator<Item = D> + '_ {
        core::iter::from_fn(|| self.recv().ok())
    }

    /// What has come already.
    pub fn try_iter(&mut self) -> impl Iterator<Item = D> + '_ {
        core::iter::from_fn(|| self.try_recv().ok())
    }

    /// Whether the foreground has cancelled this pipe, or is about to stop: by a look that costs
    /// no system call unless something has come.
    pub fn is_cancelled(&self) -> bool {
        self.commands.told().is_cancelled()
    }

    /// Whether the foreground has closed this pipe, by the same look.
    pub fn is_closed(&self) -> bool {
        self.commands.told().is_closed()
    }

    /// Whether the foreground is about to stop, by the same look.
    pub fn is_stopping(&self) -> bool {
        self.commands.told().is_stopping()
    }
}

impl<D, I: Commands<D>> fmt::Debug for Receiver<D, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("connection", &self.connection)
            .field("told", &self.commands.told())
            .finish_non_exhaustive()
    }
}

/// Names the question that a command asks: a part of the command, to which the worker sends the
/// answer by [`Sender::answer`](crate::Sender::answer).
///
/// Plain data: as JSON or postcard a number. Without an answer the question is answered with an
/// error when its pipe ends.
#[must_use = "the question is open until it is answered, or its pipe ends"]
#[derive(PartialEq, Eq)]
pub struct Reply<A> {
    question: u32,
    _answer: PhantomData<fn(A)>,
}

impl<A> Reply<A> {
    /// For the question with this number. For routers, and transports of one's own.
    pub const fn new(question: u32) -> Self {
        Self { question, _answer: PhantomData }
    }

    /// The question's number, which is of its pipe alone.
    pub const fn question(&self) -> u32 {
        self.question
    }
}

impl<A> fmt::Debug for Reply<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reply").field(&self.question).finish()
    }
}

/// Its schema has the type of the answer, too: a worker that would answer a question with another type
/// than the foreground expects is found by a check of the commands.
#[cfg(feature = "schema")]
impl<A: postcard_schema::Schema> postcard_schema::Schema for Reply<A> {
    const SCHEMA: &'static postcard_schema::schema::NamedType =
        &postcard_schema::schema::NamedType {
            name: "Reply",
            ty: <(u32, A) as postcard_schema::Schema>::SCHEMA.ty,
        };
}

impl<A> Serialize for Reply<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.question.serialize(serializer)
    }
}

impl<'de, A> Deserialize<'de> for Reply<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self::new)
    }
}
