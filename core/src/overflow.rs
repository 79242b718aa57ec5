//! What happens to a message for which there is no room.

use serde::{Deserialize, Serialize};

/// What a pipe does with a message for which its link has no room.
///
/// Chosen for each pipe when it is made, and carried by its sender or ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Overflow {
    /// `send` waits until there is room. Nothing is lost. The default.
    #[default]
    Wait,
    /// `send` gives the message back as [`Full`](crate::SendErrorKind::Full).
    GiveBack,
    /// The new message is dropped and counted; `send` returns `Ok`.
    DropNewest,
    /// The oldest message of this pipe that still waits is dropped and counted.
    DropOldest,
    /// Only the newest message waits; an older one that still does is dropped and counted,
    /// and the receiver never sees a backlog. For progress.
    LatestWins,
}

impl Overflow {
    /// Whether a message may be dropped under this policy.
    pub fn is_lossy(self) -> bool {
        !matches!(self, Overflow::Wait | Overflow::GiveBack)
    }
}
