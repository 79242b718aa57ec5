//! What a receiver hears over a serial line.

use core::fmt;

/// What arrives at the receiver of a serial line: a message, or the news that some are lost.
///
/// It is the message type of every pipe of such a line, so that no receiver overlooks a gap. A
/// pipe under [`LatestWins`](homing_core::Overflow::LatestWins) may never see one: a message
/// that comes after it takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<M> {
    /// A message.
    Message(M),
    /// Messages between the last and the next one were lost.
    Gap(Gap),
}

impl<M> Heard<M> {
    /// The message, if it is one.
    pub fn message(self) -> Option<M> {
        match self {
            Heard::Message(message) => Some(message),
            Heard::Gap(_) => None,
        }
    }
}

/// Messages of a pipe that were sent and did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// How many, as far as is known.
    pub lost: u32,
    /// The firmware has begun anew: `lost` counts the messages of its new run. How many of the
    /// run before were lost at its end is not known.
    pub restarted: bool,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = if self.lost == 1 { "message" } else { "messages" };
        write!(f, "{} {messages}", self.lost)?;
        if self.restarted { f.write_str(", and the firmware has begun anew") } else { Ok(()) }
    }
}
