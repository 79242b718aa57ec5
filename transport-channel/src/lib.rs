//! The in-process transport of [Homing](https://crates.io/crates/homing): links from the
//! threads of this process to its foreground, over crossbeam's queues.
//!
//! Messages move as values. Nothing is serialised, and a message need only be
//! `Send + 'static`.
//!
//! Applications get it through the crate `homing`. On its own it is used as any transport:
//!
//! ```
//! use homing_core::*;
//! use homing_transport_channel::{Channel, Sender};
//!
//! struct Bell; // would wake the event loop
//! impl Pinger for Bell {
//!     fn ping(&self) {}
//! }
//!
//! let Ok(NewLink { factory, mut inlet, .. }) = Channel::new().link(Bell);
//! // A router would name the pipe.
//! let ticket = Ticket::new(ConnectionId::from_parts(0, 0), Nonce::new(0));
//! let mut sender: Sender<String> = factory.make_sender(ticket);
//!
//! std::thread::spawn(move || {
//!     sender.start()?;
//!     sender.send("done".to_string()).map_err(|_| Disconnected)?;
//!     sender.stop()
//! })
//! .join()
//! .unwrap()?;
//!
//! match inlet.poll() {
//!     Ok(Some(Arrival::Message { payload, .. })) => {
//!         assert_eq!(payload.take(), Ok("done".to_string()));
//!     }
//!     other => panic!("{other:?}"),
//! }
//! assert!(matches!(inlet.poll(), Ok(Some(Arrival::Stopped { end: End::Finished, .. }))));
//! # Ok::<(), SenderError>(())
//! ```
//!
//! # How a link is built
//!
//! A link has one bounded queue for each type of message; the pipes of that type share it, so
//! an idle pipe has no queue of its own. A pipe whose overflow policy drops *older* messages
//! has a private queue, as its sender must find only its own messages there.
//!
//! Everything rare travels on one unbounded queue beside them, the link's *controls*: that a
//! queue was made, that a sleeping queue has messages, that a sender has closed. A sender can
//! therefore close without waiting, even when its queue is full and even on the foreground's
//! own thread.
//!
//! A message costs its sender a push and one swap of the queue's own
//! [`WakeFlag`](homing_core::wake::WakeFlag). Only the first message after the queue was found
//! empty costs a control and a ring of the bell.
//!
//! A duplex pipe has a queue of its own for its commands, which grows as they come, within a bound
//! in number: the pipe's capacity in bytes divided by the size of a command, which counts 16 bytes
//! at least. Its messages share a queue with those of other duplex pipes of their type, and answers
//! are among them.
//!
//! Whether a pipe was closed or cancelled its sender sees by one atomic load. One that waits for
//! room is woken by it, and so is a receiver that waits for a command.
//!
//! When the inlet is dropped, as by a router that stops, its queues are closed and the
//! messages and commands in them dropped, however many senders are left.

#![forbid(unsafe_code)]

mod bounded;
mod channel;
mod commands;
mod control;
mod deferred_closes;
mod factory;
mod inlet;
mod link;
mod lossy;
mod notice;
mod notices;
mod on_link;
mod outlet;
mod queue;
mod reader;
mod up;
mod waker_list;

#[cfg(test)]
mod tests;

pub use channel::Channel;
pub use commands::{ChannelCommands, CommandReceiver as Receiver};
pub use factory::ChannelFactory;
pub use inlet::ChannelInlet;
pub use outlet::{ChannelOutlet, Sender};
