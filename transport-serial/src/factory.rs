//! Makes the pipes of a serial line.

use std::fmt;
use std::sync::Arc;

use homing_core::{
    Authorization, ConnectionId, Duplex, EncodingRemote, MakeDuplex, MakeSender, MessageType,
    Postcard, Ticket,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::downlink::SerialDownlink;
use crate::inlet::{PortState, Ports};
use crate::port::Port;
use crate::received::Received;

/// Makes the pipes of one serial line. What is told of them is [`Received`], of messages of any
/// type that serde can read.
///
/// The pipe that is made first is port 0, the next one is port 1, and so on; the chip's
/// firmware knows that beforehand. A chip has no ticket, and a line is one worker: it may use
/// all pipes of its link, and no others.
pub struct SerialFactory {
    pub(crate) ports: Ports,
    /// Of a line with a way back.
    pub(crate) downlink: Option<SerialDownlink>,
}

impl SerialFactory {
    fn add_port(&self, connection: ConnectionId, expected: MessageType<'static>) -> u32 {
        let mut ports = self.ports.borrow_mut();
        // A port without a number could not be heard; there is no memory for so many.
        let port = u32::try_from(ports.len()).unwrap_or(u32::MAX);
        ports.push(PortState::new(connection, expected));
        port
    }
}

impl<M: DeserializeOwned> MakeSender<Received<M>> for SerialFactory {
    /// By which the chip names the pipe.
    type Sender = Port;
    type Codec = Postcard;

    const AUTHORIZATION: Authorization = Authorization::Trusted;

    fn make_sender(&self, ticket: Ticket<Received<M>>) -> Port {
        Port(self.add_port(ticket.connection(), ticket.message_type()))
    }
}

impl<D: Serialize, M: DeserializeOwned> MakeDuplex<D, Received<M>> for SerialFactory {
    /// By which the chip names the pipe.
    type Ends = Port;

    /// `None` when the line has no [writer](crate::Serial::writer).
    fn make_duplex(
        &self,
        ticket: Ticket<Received<M>, D>,
        capacity: usize,
    ) -> Option<Duplex<Port, D>> {
        let downlink = self.downlink.as_ref()?;
        let connection = ticket.connection();
        let port = self.add_port(connection, ticket.message_type());
        let remote = EncodingRemote::new(&downlink.on_port(port), connection, capacity);
        Some(Duplex::new(Port(port), Arc::new(remote)))
    }
}

impl fmt::Debug for SerialFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialFactory").finish_non_exhaustive()
    }
}
