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
//!     Ok::<(), SenderError>(()) // dropped, the sender stops
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
//! A link has one bounded queue, a *lane*, for each type of message; the pipes of that type
//! share it, so an idle pipe has no queue of its own. A pipe whose overflow policy drops
//! *older* messages does have a lane of its own, as its sender must find only its own
//! messages there.
//!
//! Everything rare travels on one unbounded queue beside them, the link's *events*: that a
//! lane was made, that a sleeping lane has messages, that a sender left. A sender can
//! therefore leave without waiting, even a full lane and even on the foreground's own
//! thread.
//!
//! A message costs its sender a push and one swap of the lane's own
//! [`WakeFlag`](homing_core::wake::WakeFlag). Only the first message after the lane was found empty
//! costs an event and a ring of the bell.

#![forbid(unsafe_code)]

mod channel;
mod ends;
mod event;
mod factory;
mod inlet;
mod lane;
mod link;
mod outlet;
mod source;

#[cfg(test)]
mod tests;

pub use channel::Channel;
pub use factory::ChannelFactory;
pub use inlet::ChannelInlet;
pub use outlet::{ChannelOutlet, Sender};
