//! What a receiver is told: messages, and how it ended.

use core::fmt;

use serde::{Deserialize, Serialize};

/// What arrives at the foreground's end of a pipe.
///
/// Any number of messages, then exactly one [`Event::Ended`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event<M> {
    /// A message from the sender.
    Message(M),
    /// Nothing more will come.
    Ended(End),
}

impl<M> Event<M> {
    /// The message, if it is one.
    pub fn message(self) -> Option<M> {
        match self {
            Event::Message(message) => Some(message),
            Event::Ended(_) => None,
        }
    }

    /// How the pipe ended, if it did.
    pub fn ended(&self) -> Option<End> {
        match self {
            Event::Message(_) => None,
            Event::Ended(end) => Some(*end),
        }
    }
}

/// How a pipe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum End {
    /// The sender stopped: everything that it sent has arrived.
    Finished,
    /// The worker panicked while the sender was open. What it had sent before has arrived.
    Panicked,
    /// The worker is gone without having stopped the sender: it died, or it never started
    /// the sender. What it had handed over has arrived.
    Lost(Option<Exit>),
    /// The link was cut off, because something came over it that no honest worker sends.
    Refused(ProtocolError),
    /// The foreground closed the pipe, or stopped the router.
    Closed,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Finished => f.write_str("finished"),
            End::Panicked => f.write_str("the worker panicked"),
            End::Lost(None) => f.write_str("the worker is gone"),
            End::Lost(Some(exit)) => write!(f, "the worker is gone ({exit})"),
            End::Refused(violation) => write!(f, "the link was cut off: {violation}"),
            End::Closed => f.write_str("closed by the foreground"),
        }
    }
}

/// How a worker process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Exit {
    /// It returned this exit code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Why a link was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ProtocolError {
    /// The bytes are no frame of this protocol.
    Malformed,
    /// The worker speaks this other version of the protocol.
    Version(u8),
    /// A frame or a message is longer than was agreed.
    TooLarge {
        /// Its length in bytes.
        len: u64,
        /// The most that was agreed, in bytes.
        max: u64,
    },
    /// A message does not decode as its receiver's type.
    Undecodable,
    /// It named a pipe that was not given to this worker, or knew the wrong nonce.
    NotYours,
    /// It started a pipe twice, or sent on one after stopping it.
    OutOfTurn,
    /// Reading the link failed.
    Broken,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProtocolError::Malformed => f.write_str("malformed bytes"),
            ProtocolError::Version(version) => write!(f, "unknown protocol version {version}"),
            ProtocolError::TooLarge { len, max } => {
                write!(f, "{len} bytes where at most {max} are allowed")
            }
            ProtocolError::Undecodable => f.write_str("a message of another type"),
            ProtocolError::NotYours => f.write_str("a pipe that was not given to this worker"),
            ProtocolError::OutOfTurn => f.write_str("a pipe that was started twice or not open"),
            ProtocolError::Broken => f.write_str("the link could not be read"),
        }
    }
}

impl core::error::Error for ProtocolError {}

/// How a sender leaves its pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CloseReason {
    /// It was stopped, or dropped while open.
    Stopped,
    /// It was dropped while open by a panic.
    Panicked,
    /// It was dropped without having been started.
    Abandoned,
}

impl CloseReason {
    /// What the receiver is told.
    pub fn end(self) -> End {
        match self {
            CloseReason::Stopped => End::Finished,
            CloseReason::Panicked => End::Panicked,
            CloseReason::Abandoned => End::Lost(None),
        }
    }
}
