//! The core of [Homing](https://crates.io/crates/homing): what every transport, every event
//! loop and every host shares. It knows no threads, no clocks and no files, needs no
//! standard library and no allocator, and has no `unsafe` code.
//!
//! Applications want the crate `homing`. This one is for those who
//!
//! * write a **transport**: implement [`Inlet`], [`Outlet`], [`MakeSender`] and [`Transport`];
//!   the module [`inlet`] holds a complete one;
//! * write a **pingee** for an event loop: implement [`Pinger`] and [`Pingee`]; see
//!   [`wake`];
//! * have **no operating system**: [`Router`] and [`Sender`] run on arrays.
//!
//! Either kind of implementation is proven with the crate `homing-conformance`.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `alloc` | tables that grow |
//! | `log` | warnings and debug records through `log` |
//! | `defmt` | the same through `defmt`, and `defmt::Format` for the public types |
//! | `schema` | fingerprints of types, [`MessageType::of`](MessageType), with `postcard-schema` |
//! | `task` | a pingee over the wakers of tasks, [`wake::TaskPingee`] |
//! | `critical-section` | atomics for cores without compare-and-swap |

#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

mod async_receiver;
mod async_sender;
mod close;
pub mod codec;
mod counters;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
mod downlink;
mod error;
mod event;
mod id;
pub mod inlet;
mod log;
mod message_type;
mod overflow;
mod payload;
mod poll_pingee;
mod receiver;
mod router;
mod send_error;
mod sender;
mod state;
mod table;
mod text;
mod ticket;
pub mod wake;
mod way_back;

pub use async_receiver::AsyncCommands;
pub use async_sender::{AsyncAnswerOutlet, AsyncOutlet, Outgoing};
pub use close::{CloseKind, CloseReason};
pub use codec::{DecodeLimits, EncodeError};
pub use counters::{Counters, SenderCounters};
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub use downlink::{
    Downlink, Duplex, EncodedRemote, EncodingRemote, MakeDuplex, Notifier, OpenTicket, RemoteEnd,
};
pub use error::{AttachError, ClosePipeError, PipeError, PipeErrorKind};
pub use event::{End, Event, Exit, Lost, Panic, ProtocolError};
pub use id::{ConnectionId, LinkId, Nonce};
pub use inlet::{Arrival, Authorization, Inlet, LinkEnd, MakeSender, NewLink, Transport};
pub use message_type::{MessageType, TypeMismatch};
pub use overflow::Overflow;
pub use payload::{ByValue, Decode, Payload, Postcard, Undecodable};
#[cfg(feature = "schema")]
pub use postcard_schema::{self, Schema};
pub use receiver::Authorize;
#[cfg(feature = "alloc")]
pub use receiver::{Delivery, Receive};
pub use router::{Detached, FixedRouter, LinkEntry, PipeEntry, Polled, Router};
#[cfg(feature = "alloc")]
pub use router::{Session, SessionStep, SharedInlet};
pub use send_error::{Disconnected, SendError, SendErrorKind, SenderError};
#[cfg(feature = "alloc")]
pub use sender::erased::{AnyAsyncSender, AnyReceiver, AnySender};
pub use sender::{AnswerOutlet, Blocking, Outlet, Sender};
pub use state::{RouterState, SenderState, WrongState};
#[cfg(feature = "alloc")]
pub use table::GrowableStorage;
pub use table::{Slot, Storage};
pub use text::Text;
pub use ticket::{InvalidTicket, Ticket};
pub use wake::{Pingee, Pinger};
pub use way_back::{Commands, Receiver, RecvError, Reply, Told, ToldCell, Wait};
