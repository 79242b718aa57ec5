//! A sender before it is started, as plain data.

use core::fmt::{self, Write as _};
use core::marker::PhantomData;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{ConnectionId, Nonce};
use crate::message_type::MessageType;
use crate::overflow::Overflow;

/// A sender before it is started, as plain data: this is what goes to a worker process.
///
/// A ticket can be serialised with serde, or written as a word of ASCII and parsed from it, and
/// handed over in whatever way the application has: an argument, an environment variable, a
/// line on the worker's standard input. Its holder may claim the pipe, once; it contains no
/// address and no handle, and is worth nothing outside the router's own workers.
///
/// `Up` is the type of the messages that go to the foreground. `Down` is that of messages
/// which come from it; `()` says that the pipe has no such direction.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Ticket<Up, Down = ()> {
    connection: ConnectionId,
    nonce: Nonce,
    overflow: Overflow,
    /// It does not travel: each end of the pipe has a type of its own.
    #[serde(skip)]
    message_type: MessageType<'static>,
    #[serde(skip)]
    _messages: PhantomData<fn(Up) -> Down>,
}

impl<Up, Down> Ticket<Up, Down> {
    /// Writes a ticket for a pipe. For routers.
    pub const fn new(connection: ConnectionId, nonce: Nonce) -> Self {
        let (overflow, message_type) = (Overflow::Wait, MessageType::UNCHECKED);
        Self { connection, nonce, overflow, message_type, _messages: PhantomData }
    }

    /// Sets what the sender does when there is no room.
    pub const fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Sets what the sender says about the type of its messages when it claims the pipe. It is
    /// forgotten when the ticket is written down.
    pub const fn with_message_type(mut self, message_type: MessageType<'static>) -> Self {
        self.message_type = message_type;
        self
    }

    /// The sender says of which type its messages are when it claims the pipe, and of which type the
    /// commands are that it takes: a fingerprint of the schemas of `Up` and `Down`, and their names. A
    /// foreground that means other types ends the pipe then, before any message is sent.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn checked(self) -> Self
    where
        Up: postcard_schema::Schema,
        Down: postcard_schema::Schema,
    {
        self.with_message_type(MessageType::of_pipe::<Up, Down>())
    }

    /// The pipe.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// The secret.
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// What the sender does when there is no room.
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// What the sender says about the type of its messages.
    pub fn message_type(&self) -> MessageType<'static> {
        self.message_type
    }

    /// The same pipe for messages of other types: for a ticket whose types were lost on its
    /// way. Messages that do not decode as the receiver's type get the link cut off. What
    /// was to be [said about the type](Ticket::message_type) is forgotten.
    pub fn cast<OtherUp, OtherDown>(self) -> Ticket<OtherUp, OtherDown> {
        Ticket::new(self.connection, self.nonce).with_overflow(self.overflow)
    }
}

impl<Up, Down> fmt::Debug for Ticket<Up, Down> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("connection", &self.connection)
            .field("overflow", &self.overflow)
            .finish_non_exhaustive()
    }
}

/// The most bytes that a ticket has when encoded: two numbers of 32 bits, 16 bytes of nonce,
/// and a policy.
const MAX_ENCODED: usize = 5 + 5 + 16 + 1;

/// What a written ticket begins with: the format and its version.
const PREFIX: &str = "homing2-";

impl<Up, Down> fmt::Display for Ticket<Up, Down> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; MAX_ENCODED];
        let bytes = postcard::to_slice(self, &mut bytes).map_err(|_| fmt::Error)?;
        f.write_str(PREFIX)?;
        for byte in bytes {
            for digit in [*byte >> 4, *byte & 15] {
                f.write_char(char::from_digit(digit.into(), 16).unwrap_or('?'))?;
            }
        }
        Ok(())
    }
}

impl<Up, Down> FromStr for Ticket<Up, Down> {
    type Err = InvalidTicket;

    fn from_str(text: &str) -> Result<Self, InvalidTicket> {
        let mut digits = text.strip_prefix(PREFIX).ok_or(InvalidTicket)?.chars();
        let mut bytes = [0; MAX_ENCODED];
        let mut len = 0;
        while let Some(high) = digits.next() {
            let high = high.to_digit(16).ok_or(InvalidTicket)?;
            let low = digits.next().and_then(|low| low.to_digit(16)).ok_or(InvalidTicket)?;
            *bytes.get_mut(len).ok_or(InvalidTicket)? = (high << 4 | low) as u8;
            len += 1;
        }
        match postcard::take_from_bytes(bytes.get(..len).ok_or(InvalidTicket)?) {
            Ok((ticket, [])) => Ok(ticket),
            _ => Err(InvalidTicket),
        }
    }
}

/// A text that is no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTicket;

impl fmt::Display for InvalidTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a ticket")
    }
}

impl core::error::Error for InvalidTicket {}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn a_ticket_survives_being_written() {
        let ticket: Ticket<u8> =
            Ticket::new(ConnectionId::from_parts(u32::MAX, u32::MAX), Nonce::new(u128::MAX))
                .with_overflow(Overflow::LatestWins);
        let read: Ticket<u8> = ticket.to_string().parse().unwrap();
        assert_eq!(read.connection(), ticket.connection());
        assert_eq!(read.nonce(), ticket.nonce());
        assert_eq!(read.overflow(), ticket.overflow());
    }

    #[test]
    fn a_ticket_for_two_directions_survives_being_written() {
        let ticket: Ticket<u8, u16> = Ticket::new(ConnectionId::from_parts(1, 2), Nonce::new(3));
        let read: Ticket<u8, u16> = ticket.to_string().parse().unwrap();
        assert_eq!(read.nonce(), ticket.nonce());
        let up_only: Ticket<u8> = read.cast();
        assert_eq!(up_only.connection(), ticket.connection());
    }

    #[test]
    fn debug_shows_nothing_of_the_nonce() {
        let debug = |bits| {
            let ticket = Ticket::<u8>::new(ConnectionId::from_parts(1, 2), Nonce::new(bits));
            std::format!("{ticket:?}")
        };
        assert_eq!(debug(0), debug(u128::MAX));
    }

    #[test]
    fn other_texts_are_refused() {
        let good = Ticket::<u8>::new(ConnectionId::from_parts(1, 2), Nonce::new(3)).to_string();
        let cut = &good[..good.len() - 2];
        let long = good.clone() + "00";
        let huge = PREFIX.to_string() + &"00".repeat(1000);
        for text in [
            "",
            "homing2-",
            "homing2-0",
            "homing2-zz",
            "homing2-é",
            "homing1-01020300",
            cut,
            &long,
            &huge,
        ] {
            assert!(text.parse::<Ticket<u8>>().is_err(), "{text}");
        }
    }
}
