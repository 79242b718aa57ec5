//! Why a sender could not be started or stopped, and why a message was not sent.

use core::fmt;

use crate::codec::EncodeError;
use crate::state::{SenderState, WrongState};

/// The foreground is gone: what is sent would not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Disconnected;

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the foreground is gone")
    }
}

impl core::error::Error for Disconnected {}

/// Why a sender could not be started or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SenderError {
    /// The sender's state does not allow it.
    WrongState(WrongState<SenderState>),
    /// The link has no room for the end now. Only of [`try_stop`](crate::Sender::try_stop), after which
    /// the sender is open still.
    Full,
    /// The foreground is gone.
    Disconnected,
}

impl From<Disconnected> for SenderError {
    fn from(Disconnected: Disconnected) -> Self {
        SenderError::Disconnected
    }
}

impl fmt::Display for SenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SenderError::WrongState(wrong) => wrong.fmt(f),
            SenderError::Full => f.write_str("the sender was not stopped: the link is full"),
            SenderError::Disconnected => Disconnected.fmt(f),
        }
    }
}

impl core::error::Error for SenderError {}

/// A message that was not sent, and why.
///
/// Its `Debug` needs nothing of the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<M> {
    message: M,
    kind: SendErrorKind,
}

impl<M> SendError<M> {
    /// Gives `message` back with a reason. For transports.
    pub const fn new(message: M, kind: SendErrorKind) -> Self {
        Self { message, kind }
    }

    /// Why it was not sent.
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// The message.
    pub fn into_message(self) -> M {
        self.message
    }

    /// Whether there was no room for it.
    pub fn is_full(&self) -> bool {
        self.kind == SendErrorKind::Full
    }

    /// Whether the foreground has closed the pipe.
    pub fn is_closed(&self) -> bool {
        self.kind == SendErrorKind::Closed
    }

    /// Whether the foreground has cancelled the pipe while the message waited.
    pub fn is_cancelled(&self) -> bool {
        self.kind == SendErrorKind::Cancelled
    }

    /// Whether the foreground is gone.
    pub fn is_disconnected(&self) -> bool {
        self.kind == SendErrorKind::Disconnected
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<M> core::error::Error for SendError<M> {}

impl From<EncodeError> for SendErrorKind {
    fn from(reason: EncodeError) -> Self {
        match reason {
            EncodeError::TooLarge { len, max } => SendErrorKind::TooLarge { len, max },
            reason => SendErrorKind::Unencodable { reason },
        }
    }
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The sender is not open.
    NotOpen(SenderState),
    /// The link has no room for it now.
    Full,
    /// The message is longer than the link's limit; not a byte of it was written.
    TooLarge {
        /// The message's encoded length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The message cannot be encoded: it nests too deep, or its `Serialize` implementation
    /// failed, or is one that the wire format cannot carry.
    Unencodable {
        /// Why not.
        reason: EncodeError,
    },
    /// The foreground has closed the pipe and goes on without it. Another pipe of the same
    /// worker can still be used.
    Closed,
    /// The message would have to wait for room, and the foreground has cancelled the pipe, which
    /// the worker did not know. The pipe is open: messages can still be sent, and wait.
    Cancelled,
    /// The foreground is gone. On the way back: the worker is.
    Disconnected,
    /// This process was forked, without `exec`, from the one that the sender belongs to. The
    /// original's sender is not affected.
    Forked,
}

impl fmt::Display for SendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendErrorKind::NotOpen(state) => write!(f, "the message was not sent: {state}"),
            SendErrorKind::Full => f.write_str("the message was not sent: the link is full"),
            SendErrorKind::TooLarge { len, max } => {
                write!(f, "the message was not sent: it has {len} bytes, at most {max} are allowed")
            }
            SendErrorKind::Unencodable { reason } => {
                write!(f, "the message was not sent: it cannot be encoded: {reason}")
            }
            SendErrorKind::Closed => {
                f.write_str("the message was not sent: the foreground has closed the pipe")
            }
            SendErrorKind::Cancelled => f.write_str(
                "the message was not sent: the foreground has cancelled the pipe while it waited",
            ),
            SendErrorKind::Forked => f.write_str(
                "the message was not sent: this process is a fork of the one that the sender \
                 belongs to",
            ),
            SendErrorKind::Disconnected => {
                f.write_str("the message was not sent: the foreground is gone")
            }
        }
    }
}
