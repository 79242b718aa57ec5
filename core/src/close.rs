//! How a sender ends its pipe: what a worker tells the foreground.

use serde::{Deserialize, Serialize};

use crate::event::{End, Lost, Panic};
use crate::text::Text;

/// How a sender ends its pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CloseReason {
    /// The sender was stopped.
    Stopped,
    /// The sender was dropped while it was open.
    Dropped,
    /// The worker failed, and said why.
    Failed {
        /// The error.
        message: Text,
    },
    /// A panic dropped the sender while it was open.
    Panicked(Panic),
    /// The sender was dropped before it was started.
    Abandoned,
}

/// A [`CloseReason`] without its texts: what the header of a frame holds.
///
/// The number of each kind is part of the wire formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CloseKind {
    /// [`CloseReason::Stopped`].
    Stopped,
    /// [`CloseReason::Panicked`].
    Panicked,
    /// [`CloseReason::Abandoned`].
    Abandoned,
    /// [`CloseReason::Dropped`].
    Dropped,
    /// [`CloseReason::Failed`].
    Failed,
}

impl CloseReason {
    /// What the receiver is told.
    pub fn end(self) -> End {
        match self {
            CloseReason::Stopped => End::Finished,
            CloseReason::Dropped => End::Dropped,
            CloseReason::Failed { message } => End::Failed { message },
            CloseReason::Panicked(panic) => End::Panicked(panic),
            CloseReason::Abandoned => End::Lost(Lost::default()),
        }
    }

    /// The reason without its texts.
    pub fn kind(&self) -> CloseKind {
        match self {
            CloseReason::Stopped => CloseKind::Stopped,
            CloseReason::Dropped => CloseKind::Dropped,
            CloseReason::Failed { .. } => CloseKind::Failed,
            CloseReason::Panicked(_) => CloseKind::Panicked,
            CloseReason::Abandoned => CloseKind::Abandoned,
        }
    }
}

impl From<CloseKind> for CloseReason {
    /// The reason with empty texts.
    fn from(kind: CloseKind) -> Self {
        match kind {
            CloseKind::Stopped => CloseReason::Stopped,
            CloseKind::Dropped => CloseReason::Dropped,
            CloseKind::Failed => CloseReason::Failed { message: Text::EMPTY },
            CloseKind::Panicked => CloseReason::Panicked(Panic::default()),
            CloseKind::Abandoned => CloseReason::Abandoned,
        }
    }
}
