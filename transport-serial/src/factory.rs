//! Makes the pipes of a serial line.

use std::fmt;

use homing_core::{Authorization, MakeSender, Postcard, Ticket};
use serde::de::DeserializeOwned;

use crate::inlet::{PortState, Ports};
use crate::port::Port;
use crate::received::Received;

/// Makes the pipes of one serial line. What is told of them is [`Received`], of messages of any
/// type that serde can read.
///
/// The pipe that is made first is port 0, the next one is port 1, and so on; the chip's
/// firmware knows that beforehand. A chip has no ticket, and a line is one worker: it may use
/// all pipes of its link, and no others.
pub struct SerialFactory(pub(crate) Ports);

impl<M: DeserializeOwned> MakeSender<Received<M>> for SerialFactory {
    /// By which the chip names the pipe.
    type Sender = Port;
    type Codec = Postcard;

    const AUTHORIZATION: Authorization = Authorization::Trusted;

    fn make_sender(&self, ticket: Ticket<Received<M>>) -> Port {
        let mut ports = self.0.borrow_mut();
        // A port without a number could not be heard; there is no memory for so many.
        let port = u32::try_from(ports.len()).unwrap_or(u32::MAX);
        ports.push(PortState::new(ticket.connection(), ticket.message_type()));
        Port(port)
    }
}

impl fmt::Debug for SerialFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialFactory").finish_non_exhaustive()
    }
}
