//! The foreground's end of a pipe, as far as routing is concerned.

use crate::id::Nonce;
use crate::message_type::MessageType;

/// What the router keeps for each pipe: the foreground's receiver, as far as routing is
/// concerned.
pub trait Authorize {
    /// Whether a worker that knows this nonce may claim the pipe. No worker may, unless this
    /// is implemented: [trusted](crate::Router::trusted_pipe) pipes are not claimed.
    fn authorizes(&self, nonce: Nonce) -> bool {
        let _ = nonce;
        false
    }

    /// The type of messages that the receiver expects. A worker that claims the pipe for another
    /// type is cut off. Nothing is compared unless this is implemented.
    fn message_type(&self) -> MessageType<'static> {
        MessageType::UNCHECKED
    }
}

/// A receiver that a [`Session`](crate::Session) passes messages to. It is a handle: a clone
/// is a handle of the same receiver.
#[cfg(feature = "alloc")]
pub trait Receive: Authorize + Clone {
    /// Takes a message out of its payload and keeps it, to be handled when the session has
    /// returned: the payload is the inlet's, and a handler may poll that inlet again.
    ///
    /// # Errors
    ///
    /// When the payload holds no message of the right type; the link is cut off then.
    fn accept(
        &self,
        payload: &mut crate::payload::Payload<'_>,
    ) -> Result<Delivery, crate::Undecodable>;

    /// Takes an answer out of its payload and keeps it, as [`accept`](Receive::accept) does.
    ///
    /// # Errors
    ///
    /// When the question was not asked, or the payload is no answer to it; the link is cut off
    /// then.
    fn accept_answer(
        &self,
        question: u32,
        payload: &mut crate::payload::Payload<'_>,
    ) -> Result<Delivery, crate::ProtocolError> {
        let _ = (question, payload);
        Err(crate::ProtocolError::OutOfTurn)
    }

    /// A worker has claimed the pipe, over this link.
    ///
    /// # Errors
    ///
    /// When the pipe cannot be used over that link, which is cut off then.
    fn note_started(&self, link: crate::LinkId) -> Result<(), crate::ProtocolError> {
        let _ = link;
        Ok(())
    }

    /// The worker has taken so many commands of this pipe.
    ///
    /// # Errors
    ///
    /// When that is more than there was to take; the link is cut off then.
    fn note_taken(&self, commands: u64) -> Result<(), crate::ProtocolError> {
        let _ = commands;
        Err(crate::ProtocolError::OutOfTurn)
    }
}

/// When a message that a receiver has accepted is handled.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Before anything else is taken off the link.
    Immediate,
    /// When the link has been drained.
    Deferred {
        /// The number of waiting messages that this one replaced.
        superseded: u64,
    },
}
