//! Links to worker processes over pairs of connected sockets that keep the boundaries of
//! datagrams (`SOCK_SEQPACKET`). Each datagram is one frame of Homing's wire format, without
//! the length prefix that a stream needs.
//!
//! The foreground gives [`Datagrams`] to `Router::spawn`. The worker's program
//! [registers](register) the other side before it asks for its link.
//!
//! A link has no queue in the worker's process, so a message that was handed over cannot be
//! taken back: `DropOldest` and `LatestWins` wait, as `Wait` does, and nothing is lost.

mod foreground;
mod worker;

pub use foreground::Datagrams;
pub use worker::{DatagramLink, register};

/// The transport's name, on both sides.
pub const NAME: &str = "datagrams";

/// The most bytes of one message.
const LIMIT: usize = 16 * 1024 * 1024;
