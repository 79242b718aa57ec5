//! What is chosen for one pipe.

use std::fmt;
use std::marker::PhantomData;

use homing_core::{MessageType, Overflow};

/// How many bytes of commands a duplex pipe keeps for a worker that does not take them.
const DEFAULT_COMMANDS: usize = 1 << 20;

/// What is chosen for one pipe of messages of type `M` and, where it is a duplex pipe, commands of
/// type `D`. An [`Overflow`] converts into it.
///
/// # Checked pipes
///
/// With the feature `schema`, the type of the messages can be checked when the worker starts its
/// sender, see [`checked`](PipeOptions::checked).
#[must_use = "options are for a pipe"]
pub struct PipeOptions<M, D = ()> {
    overflow: Overflow,
    message_type: MessageType<'static>,
    command_capacity: usize,
    _types: PhantomData<fn(M) -> D>,
}

impl<M, D> PipeOptions<M, D> {
    /// Senders wait when there is no room, and the type of the messages is not checked.
    pub const fn new() -> Self {
        Self {
            overflow: Overflow::Wait,
            message_type: MessageType::UNCHECKED,
            command_capacity: DEFAULT_COMMANDS,
            _types: PhantomData,
        }
    }

    /// Checks when the worker starts its sender that both ends mean the same type: a fingerprint
    /// of the type's schema travels with the worker's claim of the pipe. A worker of another
    /// type, or one whose sender is not checked, is cut off before it has sent anything: its
    /// pipes end as [`Refused`](homing_core::End::Refused) with
    /// [`TypeMismatch`](homing_core::ProtocolError::TypeMismatch), which names both types.
    ///
    /// The worker checks its sender by [`Ticket::checked`](homing_core::Ticket::checked) or, for
    /// its first pipe, by a function of the module `worker::checked` of the crate `homing`.
    ///
    /// The commands of a duplex pipe are checked with the messages, as a pair of types.
    ///
    /// On links of values, whose messages have one type on both ends, nothing is compared.
    #[cfg(feature = "schema")]
    pub fn checked() -> Self
    where
        M: homing_core::Schema,
        D: homing_core::Schema,
    {
        Self::new().message_type(MessageType::of_pipe::<M, D>())
    }

    /// Says what senders do when there is no room.
    pub const fn overflow(self, overflow: Overflow) -> Self {
        Self { overflow, ..self }
    }

    /// Says of which type the worker's messages have to be, and those of commands: for fingerprints that are made in
    /// another way than [`checked`](PipeOptions::checked) does.
    pub const fn message_type(self, message_type: MessageType<'static>) -> Self {
        Self { message_type, ..self }
    }

    /// Sets how many bytes of commands a duplex pipe keeps that its worker has not taken; 1 MiB
    /// unless it is set. When that is used up, a command comes back as
    /// [`Full`](homing_core::SendErrorKind::Full). A single command may be longer.
    ///
    /// On links of bytes a command counts its encoded length and 16 bytes; on a channel the size
    /// of its type, and 16 bytes at least. Pipes that have no way back do not use it.
    pub const fn command_capacity(self, bytes: usize) -> Self {
        Self { command_capacity: bytes, ..self }
    }

    pub(crate) fn commands(self) -> usize {
        self.command_capacity
    }

    pub(crate) fn parts(self) -> (Overflow, MessageType<'static>) {
        (self.overflow, self.message_type)
    }
}

impl<M, D> Default for PipeOptions<M, D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M, D> From<Overflow> for PipeOptions<M, D> {
    fn from(overflow: Overflow) -> Self {
        Self::new().overflow(overflow)
    }
}

impl<M, D> Clone for PipeOptions<M, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, D> Copy for PipeOptions<M, D> {}

impl<M, D> fmt::Debug for PipeOptions<M, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeOptions")
            .field("overflow", &self.overflow)
            .field("message_type", &self.message_type)
            .field("command_capacity", &self.command_capacity)
            .finish()
    }
}
