//! The foreground's end of a pipe, as far as routing is concerned.

use crate::id::Nonce;
use crate::inlet::{Payload, Undecodable};

/// What the router keeps for each pipe: the foreground's receiver, as far as routing is
/// concerned.
pub trait Authorize {
    /// Whether a worker that knows this nonce may claim the pipe. Nobody, unless it is
    /// implemented: pipes that are [granted](crate::Router::trusted_pipe) are not claimed.
    fn authorizes(&self, nonce: Nonce) -> bool {
        let _ = nonce;
        false
    }
}

/// A receiver that keeps a message until it is checked out.
pub trait Receive: Authorize {
    /// Takes a message out of its payload and keeps it, to be handled when the receiver is
    /// checked out.
    ///
    /// # Errors
    ///
    /// When the payload holds no message of the right type; the link is cut off then.
    fn accept(&mut self, payload: Payload<'_>) -> Result<Delivery, Undecodable>;
}

/// What becomes of a message that a receiver has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is to be handled now: the receiver is checked out.
    Immediate,
    /// It can wait until the link has been drained, when
    /// [`Router::check_out`](crate::Router::check_out) is called.
    Deferred {
        /// The number of waiting messages that it replaced.
        superseded: u64,
    },
}
