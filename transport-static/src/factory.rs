//! Makes the senders of a link.

use core::fmt;

use homing_core::{
    Authorization, ConnectionId, Decode, MakeSender, Overflow, Payload, Receiver, Sender, Ticket,
    Undecodable,
};

use crate::command_queue::{CommandQueue, DuplexPipe};
use crate::commands::{StaticCommands, StaticReceiver};
use crate::element::{Element, Encode};
use crate::outlet::{StaticOutlet, StaticSender};
use crate::remote::StaticRemote;
use crate::shared::{Life, Shared};

/// The ends of a duplex pipe: that of the main loop, and those of the worker.
pub type DuplexEnds<D, M, C> = (StaticRemote<D>, StaticReceiver<D>, StaticSender<M, C>);

/// Makes the senders of a link. A copy is the same factory.
pub struct StaticFactory<C: Element> {
    shared: &'static Shared<C>,
    life: Life,
}

impl<C: Element> StaticFactory<C> {
    pub(crate) const fn new(shared: &'static Shared<C>, life: Life) -> Self {
        Self { shared, life }
    }

    /// Makes the sender of a pipe that a router has made for this link, with
    /// [`trusted_pipe`](homing_core::Router::trusted_pipe). It can be moved to any task or
    /// interrupt handler.
    ///
    /// Under [`Overflow::GiveBack`] a send without room gives the message back. Under [`Overflow::DropNewest`] the message is dropped; how many were
    /// is counted by the sender, and by the router when the sender has closed.
    ///
    /// # Errors
    ///
    /// When no place can be set aside for the pipe's end, or under a policy that cannot be kept:
    /// nothing waits here but tasks, which do so under `GiveBack`, and what lies in the queue
    /// belongs to the foreground. [`LatestLink`](crate::LatestLink) has the latest message.
    pub fn sender<M>(
        &self,
        connection: ConnectionId,
        overflow: Overflow,
    ) -> Result<StaticSender<M, C>, MakeSenderError>
    where
        C: Encode<M>,
    {
        self.make_sender_of(connection, overflow, None)
    }

    /// Makes the three ends of a duplex pipe: that of the main loop, and the receiver and the sender,
    /// which go to a task or an interrupt handler. `commands` is the pipe's own.
    ///
    /// # Errors
    ///
    /// As [`sender`](Self::sender), and when the queue of commands belongs to another pipe.
    pub fn duplex<D: Send, M, const K: usize>(
        &self,
        connection: ConnectionId,
        overflow: Overflow,
        commands: &'static CommandQueue<D, K>,
    ) -> Result<DuplexEnds<D, M, C>, MakeSenderError>
    where
        C: Encode<M>,
    {
        let pipe = &commands.pipe;
        let sender = self.make_sender_of(connection, overflow, Some(pipe))?;
        // A sender that is dropped here has the pipe end as lost.
        let (producer, consumer) = commands.split().ok_or(MakeSenderError::CommandsTaken)?;
        let receiver = Receiver::new(connection, StaticCommands::new(consumer, pipe));
        Ok((StaticRemote::new(producer, pipe, connection), receiver, sender))
    }

    fn make_sender_of<M>(
        &self,
        connection: ConnectionId,
        overflow: Overflow,
        pipe: Option<&'static DuplexPipe>,
    ) -> Result<StaticSender<M, C>, MakeSenderError>
    where
        C: Encode<M>,
    {
        let lossy = match overflow {
            Overflow::GiveBack => false,
            Overflow::DropNewest => true,
            other => return Err(MakeSenderError::Overflow(other)),
        };
        // Without a foreground it finds that out when it starts.
        if self.shared.set_aside(self.life) == Some(false) {
            return Err(MakeSenderError::NoRoom);
        }
        let outlet = StaticOutlet::new(self.shared, self.life, connection, lossy, pipe);
        Ok(Sender::new(connection, outlet))
    }
}

impl<M, C: Encode<M>> Decode<M> for StaticFactory<C> {
    fn decode(payload: Payload<'_>) -> Result<M, Undecodable> {
        C::decode(payload)
    }
}

impl<M, C: Encode<M>> MakeSender<M> for StaticFactory<C> {
    type Sender = Result<StaticSender<M, C>, MakeSenderError>;
    type Codec = Self;
    /// The holder of the sender may use it.
    const AUTHORIZATION: Authorization = Authorization::Trusted;

    fn make_sender(&self, ticket: Ticket<M>) -> Self::Sender {
        self.sender(ticket.connection(), ticket.overflow())
    }
}

impl<C: Element> Clone for StaticFactory<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Element> Copy for StaticFactory<C> {}

impl<C: Element> fmt::Debug for StaticFactory<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticFactory").finish_non_exhaustive()
    }
}

/// Why no sender was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MakeSenderError {
    /// Each pipe takes one place of the link's queue for its end, and none is free now.
    NoRoom,
    /// This policy cannot be kept here.
    Overflow(Overflow),
    /// The queue of commands belongs to another pipe.
    CommandsTaken,
}

impl fmt::Display for MakeSenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MakeSenderError::NoRoom => "the link has no room for the end of another pipe",
            MakeSenderError::CommandsTaken => "the queue of commands belongs to another pipe",
            MakeSenderError::Overflow(_) => "the link cannot keep this overflow policy",
        })
    }
}

impl core::error::Error for MakeSenderError {}
