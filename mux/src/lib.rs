//! What all transports of bytes of [Homing](https://crates.io/crates/homing) share: one
//! multiplexer, generic over a [`FrameSink`].
//!
//! A transport of bytes brings a configuration, a sink that writes bytes to its link without
//! waiting, and an inlet that reads them on the other side. Everything in between is here:
//!
//! | module | what |
//! |---|---|
//! | [`frame`] | headers and frames; `WIRE.md` is their normative description |
//! | [`Reassembler`] | from frames to arrivals, for inlets |
//! | [`sink`] | the seam, with a complete implementation in its documentation |
//! | [`MuxHandle`] | one side of a link, which makes the senders of its pipes |
//! | [`MuxOutlet`] | one pipe: framing, the overflow policies, batches |
//! | [`MuxDownlink`] | the foreground's side of a way back: commands that wait for the worker |
//! | [`WayBack`], [`MuxCommands`] | the worker's side: one inlet for all its receivers |
//! | [`ReservingSender`] | messages that are written piece by piece |
//! | `testing` | the test suite for sinks, with the feature `testing` |
//!
//! # How senders share a link
//!
//! All pipes of a link write to one sink, a frame at a time, under a lock that is held for
//! that write only. The sink never blocks under it: a sender that may wait for space waits
//! without the lock. So a pipe that never waits is not held up by one that does.
//!
//! A sink may write a part of a frame. The rest is kept, and the next sender writes it before
//! its own frame. So are frames that must not be lost and cannot wait, such as the end of a
//! pipe on a thread that must not block. When no sender may come to write them, a thread
//! does (`homing-flush`), which lives as long as something is left.
//!
//! A task must not block. Its message is queued where there is no space, and the same thread writes it
//! and wakes the task. What comes by the way back is waited for by a thread (`homing-recv`) from the
//! first task on that waits for a command, until the link is dropped.
//!
//! A message longer than one frame travels in fragments, between which other pipes send. How
//! many bytes of such messages are on the way is bounded, on both sides.
//!
//! Nothing here knows which side is the foreground's: there is this side and its *peer*. The
//! thread that must never wait is part of the [configuration](MuxConfig).

#![forbid(unsafe_code)]

mod batch;
mod biased_lock;
mod close_reason;
mod commands;
mod downlink;
mod factory;
mod flush;
mod fragment_budget;
pub mod frame;
mod handle;
mod message;
mod mux;
mod outlet;
mod pending;
mod reassembler;
mod reserve;
mod scheduler;
mod send_queue;
pub mod sink;
#[cfg(feature = "testing")]
pub mod testing;
mod waiters;
mod way_back;
#[cfg(test)]
mod wire_examples;

pub use commands::{MuxCommands, MuxReceiver};
pub use downlink::MuxDownlink;
pub use factory::MuxFactory;
pub use fragment_budget::FragmentBudget;
pub use handle::{MuxConfig, MuxHandle, WeakMuxHandle};
pub use outlet::{MuxOutlet, MuxSender};
pub use reassembler::{MAX_LINK_OVERHEAD, MAX_PARTIAL, Reassembler};
pub use reserve::{RawBytes, Reservation, ReserveTarget, ReservingSender};
pub use sink::{FrameSink, Written};
pub use way_back::{WayBack, WayBackSource};
