//! The foreground's end of a pipe, as far as routing is concerned.

use crate::id::Nonce;
use crate::inlet::{Parcel, Undecodable};

/// What the router keeps for each pipe: the foreground's receiver, as far as routing is
/// concerned.
pub trait Admit {
    /// Whether a worker that knows this nonce may claim the pipe. Nobody, unless it is
    /// implemented: pipes that are [granted](crate::Router::granted_pipe) are not claimed.
    fn admits(&self, nonce: Nonce) -> bool {
        let _ = nonce;
        false
    }
}

/// A receiver that keeps a message until it is lent out.
pub trait Receive: Admit {
    /// Takes a message out of its parcel and keeps it, to be handled when the receiver is
    /// lent out.
    ///
    /// # Errors
    ///
    /// When the parcel holds no message of the right type; the link is cut off then.
    fn accept(&mut self, parcel: Parcel<'_>) -> Result<Accepted, Undecodable>;
}

/// What becomes of a message that a receiver has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is to be handled now: the receiver is lent out.
    Now,
    /// It can wait until the link has been drained, when [`Router::lend`](crate::Router::lend) is called; it may
    /// have replaced one that waited. The number of messages that it replaced.
    Later(u64),
}
