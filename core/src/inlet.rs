//! The seam between a router and its transports.
//!
//! A transport makes *links*. A link is one physical connection from one worker; any number of
//! pipes share it. The foreground's end of a link is an [`Inlet`], from which the router
//! takes one [`Arrival`] after another; the worker's end makes an
//! [`Outlet`](crate::Outlet) for each pipe.
//!
//! # A complete transport
//!
//! The smallest useful one: both ends on one thread, over a queue in memory. It depends on
//! `homing-core` alone, as a transport of your own would.
//!
//! ```
//! use std::cell::RefCell;
//! use std::collections::VecDeque;
//! use std::convert::Infallible;
//! use std::rc::{Rc, Weak};
//!
//! use homing_core::*;
//!
//! /// What travels: a message of any type, or the end of a pipe.
//! enum Item {
//!     Message(ConnectionId, Box<dyn std::any::Any>),
//!     Stopped(ConnectionId, CloseReason),
//! }
//!
//! type Queue = Rc<RefCell<VecDeque<Item>>>;
//!
//! /// The foreground's end. `current` holds the message that is being taken.
//! struct LoopbackInlet {
//!     queue: Queue,
//!     current: Option<Box<dyn std::any::Any>>,
//! }
//!
//! impl Inlet for LoopbackInlet {
//!     fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
//!         let next = self.queue.borrow_mut().pop_front();
//!         Ok(match next {
//!             None => None,
//!             Some(Item::Stopped(connection, reason)) => {
//!                 Some(Arrival::Stopped { connection, end: reason.end() })
//!             }
//!             Some(Item::Message(connection, message)) => {
//!                 let message = &mut **self.current.insert(message);
//!                 Some(Arrival::Message { connection, payload: Payload::Value(message) })
//!             }
//!         })
//!     }
//! }
//!
//! /// The worker's end of one pipe.
//! struct LoopbackOutlet<P> {
//!     connection: ConnectionId,
//!     queue: Weak<RefCell<VecDeque<Item>>>,
//!     bell: Rc<P>,
//! }
//!
//! impl<M: 'static, P: Pinger> Outlet<M> for LoopbackOutlet<P> {
//!     fn open(&mut self) -> Result<(), Disconnected> {
//!         self.queue.upgrade().map(drop).ok_or(Disconnected)
//!     }
//!
//!     fn put(&mut self, message: M, _: Blocking) -> Result<u64, SendError<M>> {
//!         let Some(queue) = self.queue.upgrade() else {
//!             return Err(SendError::new(message, SendErrorKind::Disconnected));
//!         };
//!         if queue.borrow().len() >= 16 {
//!             return Err(SendError::new(message, SendErrorKind::Full));
//!         }
//!         // Push first, ring second. The receiver takes the `Option`'s content.
//!         queue.borrow_mut().push_back(Item::Message(self.connection, Box::new(Some(message))));
//!         self.bell.ping();
//!         Ok(0)
//!     }
//!
//!     fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
//!         let queue = self.queue.upgrade().ok_or(Disconnected)?;
//!         queue.borrow_mut().push_back(Item::Stopped(self.connection, reason));
//!         self.bell.ping();
//!         Ok(())
//!     }
//!
//!     fn panicking(&self) -> Option<Panic> {
//!         std::thread::panicking().then(Panic::default)
//!     }
//! }
//!
//! /// What the router keeps to make the pipes of this link.
//! struct LoopbackFactory<P> {
//!     queue: Weak<RefCell<VecDeque<Item>>>,
//!     bell: Rc<P>,
//! }
//!
//! impl<M: 'static, P: Pinger> MakeSender<M> for LoopbackFactory<P> {
//!     type Sender = Sender<M, LoopbackOutlet<P>>;
//!     type Codec = ByValue;
//!     // The holder of the sender may use it: nothing has to be claimed.
//!     const AUTHORIZATION: Authorization = Authorization::Trusted;
//!
//!     fn make_sender(&self, ticket: Ticket<M>) -> Self::Sender {
//!         let connection = ticket.connection();
//!         let (queue, bell) = (self.queue.clone(), self.bell.clone());
//!         Sender::new(connection, LoopbackOutlet { connection, queue, bell })
//!     }
//! }
//!
//! struct Loopback;
//!
//! impl<P: Pinger> Transport<P> for Loopback {
//!     type Factory = LoopbackFactory<P>;
//!     type Inlet = LoopbackInlet;
//!     type Doorbell = (); // it rings the bell that it is given
//!     type Error = Infallible;
//!
//!     fn link(&mut self, bell: P) -> Result<NewLink<Self::Factory, LoopbackInlet, ()>, Infallible> {
//!         let queue = Queue::default();
//!         let factory = LoopbackFactory { queue: Rc::downgrade(&queue), bell: Rc::new(bell) };
//!         Ok(NewLink { factory, inlet: LoopbackInlet { queue, current: None }, doorbell: () })
//!     }
//! }
//!
//! # struct Silent;
//! # impl Pinger for Silent { fn ping(&self) {} }
//! # let link = Loopback.link(Silent).unwrap();
//! # let (factory, mut inlet) = (link.factory, link.inlet);
//! # let connection = ConnectionId::from_parts(0, 0);
//! # let mut sender: Sender<u8, _> = factory.make_sender(Ticket::new(connection, Nonce::new(0)));
//! # sender.start().unwrap();
//! # sender.send(7).unwrap();
//! # match inlet.poll() {
//! #     Ok(Some(Arrival::Message { payload, .. })) => assert_eq!(payload.take(), Ok(7u8)),
//! #     _ => panic!("the message did not arrive"),
//! # };
//! ```

use crate::event::{End, Lost, ProtocolError};
use crate::id::{ConnectionId, Nonce};
use crate::message_type::MessageType;
use crate::payload::{Decode, Payload};
use crate::ticket::Ticket;
use crate::wake::Pinger;
use crate::way_back::Told;

/// The foreground's end of a link.
///
/// Dropping the inlet closes the link, and is all by which a worker learns that the foreground is
/// gone, has stopped, or has cut the link off: from then on `send` returns
/// [`Disconnected`](crate::SendErrorKind::Disconnected), also one that waits for room.
pub trait Inlet {
    /// Takes what arrived next, or `None` when there is nothing now.
    ///
    /// A poll never waits. What one call does is bounded, whatever a worker has written, and
    /// so is what it allocates.
    ///
    /// After `None`, a link that lets its bell ring calls
    /// [`WakeFlag::clear`](crate::wake::WakeFlag::clear) and looks once more, as
    /// [`wake`](crate::wake) describes; a router does that.
    ///
    /// # Errors
    ///
    /// The link's end: nothing can come any more. Everything that had been handed over was
    /// returned before. The inlet is not polled again, but dropped.
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd>;

    /// What tells the link's workers what the foreground has decided. `None` where they cannot be
    /// told. A router asks once, when the link is made.
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    fn notifier(&self) -> Option<alloc::sync::Arc<dyn crate::Notifier>> {
        None
    }
}

impl<I: Inlet + ?Sized> Inlet for &mut I {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        (**self).poll()
    }

    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    fn notifier(&self) -> Option<alloc::sync::Arc<dyn crate::Notifier>> {
        (**self).notifier()
    }
}

#[cfg(feature = "alloc")]
impl<I: Inlet + ?Sized> Inlet for alloc::boxed::Box<I> {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        (**self).poll()
    }

    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    fn notifier(&self) -> Option<alloc::sync::Arc<dyn crate::Notifier>> {
        (**self).notifier()
    }
}

/// What arrives over a link.
#[derive(Debug)]
#[non_exhaustive]
pub enum Arrival<'a> {
    /// A worker claims a pipe. Only on links whose pipes have to be claimed, see [`Authorization`].
    Started {
        /// The pipe.
        connection: ConnectionId,
        /// The secret that came with its ticket.
        nonce: Nonce,
        /// The type of the messages that the worker will send, as far as it says.
        message_type: MessageType<'a>,
    },
    /// A message.
    Message {
        /// The pipe it is for.
        connection: ConnectionId,
        /// The message, as it travelled.
        payload: Payload<'a>,
    },
    /// A sender left: no message of this pipe follows.
    Stopped {
        /// The pipe.
        connection: ConnectionId,
        /// What the receiver is told.
        end: End,
    },
    /// Messages of this pipe were dropped on the way, or lost by a link that cannot promise
    /// more.
    Missed {
        /// The pipe.
        connection: ConnectionId,
        /// How many.
        count: u64,
    },
    /// A part of a message that the inlet puts together, of which more follows. The router
    /// cuts the link off when the pipe is not open on it, so that no memory is kept for pipes
    /// that the worker was not given.
    Fragment {
        /// The pipe it is for.
        connection: ConnectionId,
    },
    /// The answer to a question that was asked with a command. A message of its pipe in all else.
    Answer {
        /// The pipe it is for.
        connection: ConnectionId,
        /// The question.
        question: u32,
        /// The answer, as it travelled.
        payload: Payload<'a>,
    },
    /// The worker has taken commands.
    Taken {
        /// Their pipe.
        connection: ConnectionId,
        /// How many since it last said so.
        commands: u64,
    },
    /// The foreground tells a worker's end of a pipe something. It arrives in workers only: a
    /// router cuts off a link over which it comes.
    Told {
        /// The pipe. All of the link, where there is none.
        connection: Option<ConnectionId>,
        /// What is new.
        told: Told,
    },
    /// Something that concerns no receiver. It makes one `poll` the work of one frame, however
    /// many of them a worker sends.
    Partial,
}

/// How a link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LinkEnd {
    /// The worker is gone, or has closed its end. Its open pipes are lost.
    Gone(Lost),
    /// What came is not what a correct worker sends. Its pipes are refused.
    Refused(ProtocolError),
}

impl LinkEnd {
    /// The worker is gone; nothing more is known.
    pub fn gone() -> Self {
        LinkEnd::Gone(Lost::default())
    }

    /// What the receivers of the link's open pipes are told.
    pub fn end(self) -> End {
        match self {
            LinkEnd::Gone(lost) => End::Lost(lost),
            LinkEnd::Refused(violation) => End::Refused(violation),
        }
    }
}

impl From<ProtocolError> for LinkEnd {
    fn from(violation: ProtocolError) -> Self {
        LinkEnd::Refused(violation)
    }
}

/// Makes links. The trait's module holds a complete implementation.
///
/// `P` is the bell that the foreground hands over: what the worker's end rings after it has
/// put something on a sleeping link, from whatever thread.
pub trait Transport<P: Pinger> {
    /// What makes the pipes of a link; it implements [`MakeSender`] for the types of messages
    /// that this transport can carry.
    type Factory;
    /// The foreground's end of a link.
    type Inlet: Inlet;
    /// What the foreground watches instead of being rung, where there is such a thing: a
    /// descriptor, in the terms of the foreground's host. `()` for a link that rings the
    /// bell.
    type Doorbell;
    /// Why a link could not be made.
    type Error: core::error::Error;

    /// Makes one link. `bell` is pinged after each push, and when the last of the worker's ends
    /// is gone.
    ///
    /// The calling thread is the foreground's, which polls the inlet: on it no sender of the link
    /// may ever wait.
    ///
    /// # Errors
    ///
    /// When the system gives no link.
    fn link(
        &mut self,
        bell: P,
    ) -> Result<NewLink<Self::Factory, Self::Inlet, Self::Doorbell>, Self::Error>;
}

/// The parts of a link that was just made.
#[derive(Debug)]
pub struct NewLink<R, I, D> {
    /// Makes its pipes.
    pub factory: R,
    /// Where its messages arrive.
    pub inlet: I,
    /// What is watched, if anything.
    pub doorbell: D,
}

/// Makes the worker's ends of pipes that carry messages of type `M`.
///
/// What a transport carries is a property of the pair: a channel carries every
/// `M: Send + 'static`, a transport of bytes every `M: Serialize + DeserializeOwned`.
pub trait MakeSender<M> {
    /// What goes to the worker: a sender, or the ticket for one.
    type Sender;

    /// What the foreground makes messages with, from what arrives.
    type Codec: Decode<M>;

    /// Whether the worker has to claim the pipes of this link.
    const AUTHORIZATION: Authorization;

    /// Makes the worker's end of a pipe.
    fn make_sender(&self, ticket: Ticket<M>) -> Self::Sender;
}

/// Whether pipes are claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// The holder of the sender may use it, on the link that it was made for.
    Trusted,
    /// A sender claims its pipe when it starts, with the ticket's nonce, for the link on
    /// which it does.
    Nonce,
}
