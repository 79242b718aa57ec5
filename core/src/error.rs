//! Why a router refused to add or to close something.

use core::fmt;

use crate::state::RouterState;

/// Why a link was not added. The inlet comes back.
pub enum AttachError<I> {
    /// The router does not run.
    NotRunning(I),
    /// The table of links is full.
    TableFull(I),
}

impl<I> fmt::Debug for AttachError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AttachError::NotRunning(_) => "NotRunning",
            AttachError::TableFull(_) => "TableFull",
        })
    }
}

impl<I> fmt::Display for AttachError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttachError::NotRunning(_) => RouterState::Stopped.fmt(f),
            AttachError::TableFull(_) => f.write_str("the table of links is full"),
        }
    }
}

impl<I> core::error::Error for AttachError<I> {}

/// A pipe that was not made, and why. The receiver comes back.
pub struct PipeError<R> {
    receiver: R,
    kind: PipeErrorKind,
}

impl<R> PipeError<R> {
    pub(crate) fn new(receiver: R, kind: PipeErrorKind) -> Self {
        Self { receiver, kind }
    }

    /// Why it was not made.
    pub fn kind(&self) -> PipeErrorKind {
        self.kind
    }

    /// The receiver.
    pub fn into_receiver(self) -> R {
        self.receiver
    }
}

impl<R> fmt::Debug for PipeError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<R> fmt::Display for PipeError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<R> core::error::Error for PipeError<R> {}

/// Why a pipe was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PipeErrorKind {
    /// The router does not run.
    NotRunning,
    /// The link has ended, or is of another router.
    NoSuchLink,
    /// The routing table is full.
    TableFull,
    /// The system gave no random bytes for the pipe's ticket, without which it could be
    /// guessed.
    NoRandomBytes,
    /// The link's transport has no way back, which a duplex pipe needs.
    NoWayBack,
}

impl fmt::Display for PipeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PipeErrorKind::NotRunning => RouterState::Stopped.fmt(f),
            PipeErrorKind::NoSuchLink => f.write_str("the link has ended"),
            PipeErrorKind::TableFull => f.write_str("the routing table is full"),
            PipeErrorKind::NoRandomBytes => {
                f.write_str("the system gave no random bytes for the pipe's ticket")
            }
            PipeErrorKind::NoWayBack => f.write_str(
                "the link's transport has no way back from the foreground to the worker, which a \
                 duplex pipe needs",
            ),
        }
    }
}

impl core::error::Error for PipeErrorKind {}

/// Why a pipe was not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ClosePipeError {
    /// The router does not run.
    NotRunning,
    /// The pipe has ended, was closed before, or is of another router.
    NoSuchPipe,
}

impl fmt::Display for ClosePipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClosePipeError::NotRunning => RouterState::Stopped.fmt(f),
            ClosePipeError::NoSuchPipe => {
                f.write_str("no such pipe: it has ended, was closed, or is of another router")
            }
        }
    }
}

impl core::error::Error for ClosePipeError {}
