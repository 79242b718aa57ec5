//! What a receiver is told: messages, and how it ended.

use core::fmt;
use core::time::Duration;

use crate::message_type::TypeMismatch;
use crate::payload::Undecodable;
use crate::text::Text;

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
    pub fn ended(&self) -> Option<&End> {
        match self {
            Event::Message(_) => None,
            Event::Ended(end) => Some(end),
        }
    }
}

/// How a pipe ended. Displayed, it is a text that a user can read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum End {
    /// The sender was stopped: everything that it sent has arrived.
    Finished,
    /// The sender was dropped without having been stopped, as by an early return. What it had
    /// sent has arrived.
    Dropped,
    /// The worker reported an error. What it had sent before has arrived.
    Failed {
        /// The error.
        message: Text,
    },
    /// The worker panicked while the sender was open. What it had sent before has arrived.
    Panicked(Panic),
    /// The worker is gone: it died, exited without ending the pipe, or dropped the sender
    /// without having started it. What it had handed over has arrived.
    Lost(Lost),
    /// The link was cut off, because something came over it that no correct worker sends.
    Refused(ProtocolError),
    /// The foreground closed the pipe, or stopped the router.
    Closed,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Finished => f.write_str("finished"),
            End::Dropped => f.write_str("the worker dropped its sender without stopping it"),
            End::Failed { message } => {
                f.write_str("the worker failed")?;
                after_colon(message, f)
            }
            End::Panicked(panic) => panic.fmt(f),
            End::Lost(lost) => lost.fmt(f),
            End::Refused(violation) => write!(f, "the link was cut off: {violation}"),
            End::Closed => f.write_str("closed by the foreground"),
        }
    }
}

fn after_colon(text: &Text, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if text.is_empty() { Ok(()) } else { write!(f, ": {text}") }
}

/// A panic of a worker.
///
/// The texts are empty where they cannot be had: when the panic was raised by
/// [`resume_unwind`](https://doc.rust-lang.org/std/panic/fn.resume_unwind.html), or the
/// program has replaced the panic hook without calling the previous one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Panic {
    /// What the panic said.
    pub message: Text,
    /// Where it happened, as `src/main.rs:7:5`. At most
    /// [`MAX_LOCATION`](Panic::MAX_LOCATION) bytes.
    pub location: Text,
}

impl Panic {
    /// The longest location in bytes.
    pub const MAX_LOCATION: usize = 255;

    /// A panic with this message, at this place.
    pub fn new(message: impl fmt::Display, location: impl fmt::Display) -> Self {
        let location = Text::bounded(location, Self::MAX_LOCATION);
        Self { message: Text::new(message), location }
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the worker panicked")?;
        if !self.location.is_empty() {
            write!(f, " at {}", self.location)?;
        }
        after_colon(&self.message, f)
    }
}

/// A worker that is gone without having ended its pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Lost {
    /// How its process ended, where it has one that this foreground has started.
    pub exit: Option<Exit>,
    /// Whether it had opened its link. A process that ends without is most likely no worker:
    /// the wrong program, or one that failed before it asked for its sender.
    pub opened: bool,
    /// The time that it had been given to open its link, where it was killed because it had not
    /// by then.
    pub start_deadline: Option<Duration>,
    /// The last lines of its standard error, where they were asked for.
    pub stderr: Text,
}

impl Default for Lost {
    /// A worker of which nothing else is known.
    fn default() -> Self {
        Self { exit: None, opened: true, start_deadline: None, stderr: Text::EMPTY }
    }
}

impl Lost {
    /// A worker that has not opened its link.
    pub fn unopened() -> Self {
        Self::default().not_opened()
    }

    /// The same, of a worker that has not opened its link.
    #[must_use]
    pub fn not_opened(self) -> Self {
        Self { opened: false, ..self }
    }

    /// The same, with how the process ended.
    #[must_use]
    pub fn with_exit(self, exit: Option<Exit>) -> Self {
        Self { exit, ..self }
    }

    /// The same, of a worker that was killed because it had not opened its link in time.
    #[must_use]
    pub fn with_start_deadline(self, start_deadline: Option<Duration>) -> Self {
        Self { start_deadline, ..self }
    }

    /// The same, with the last lines of the worker's standard error.
    #[must_use]
    pub fn with_stderr(self, stderr: Text) -> Self {
        Self { stderr, ..self }
    }
}

impl From<Exit> for Lost {
    fn from(exit: Exit) -> Self {
        Self::default().with_exit(Some(exit))
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.start_deadline, self.opened, self.exit) {
            (Some(after), ..) => {
                write!(f, "the worker did not open its link within {after:?} and was killed")?
            }
            (None, false, _) => f.write_str("the worker ended without opening its link")?,
            (None, true, Some(_)) => f.write_str("the worker ended without stopping its sender")?,
            (None, true, None) => f.write_str("the worker is gone")?,
        }
        if let Some(exit) = self.exit {
            write!(f, " ({exit})")?;
        }
        after_colon(&self.stderr, f)
    }
}

/// How a worker process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Exit {
    /// The process returned this exit code.
    Code(i32),
    /// This signal killed the process.
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    Undecodable(Undecodable),
    /// The worker started a pipe with messages of another type than its receiver's. Only where
    /// both ends say what their type is, see [`MessageType`](crate::MessageType).
    TypeMismatch(TypeMismatch),
    /// The worker named a pipe that was not given to it, or knew the wrong nonce.
    NotYours,
    /// The worker started a pipe twice, or sent on one after stopping it.
    OutOfTurn,
    /// The worker started a duplex pipe over a link that has no way back.
    NoWayBack,
    /// The worker rang its doorbell over and over, and had written nothing.
    EmptyRings,
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
            ProtocolError::Undecodable(undecodable) => undecodable.fmt(f),
            ProtocolError::TypeMismatch(mismatch) => mismatch.fmt(f),
            ProtocolError::NotYours => f.write_str("a pipe that was not given to this worker"),
            ProtocolError::NoWayBack => {
                f.write_str("a duplex pipe was started over a link that has no way back")
            }
            ProtocolError::OutOfTurn => f.write_str("a pipe that was started twice or not open"),
            ProtocolError::EmptyRings => f.write_str("a doorbell that rings without data"),
            ProtocolError::Broken => f.write_str("the link could not be read"),
        }
    }
}

impl core::error::Error for ProtocolError {}
