//! The core of [Homing](https://crates.io/crates/homing): what every transport, every event
//! loop and every host shares. It knows no threads, no clocks and no files, needs no
//! standard library and no allocator, and has no `unsafe` code.
//!
//! Applications want the crate `homing`. This one is for those who
//!
//! * write a **transport**: implement [`Inlet`], [`Outlet`], [`Carries`] and [`Transport`];
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
//! | `alloc` | tables that grow; [`Assembly`] and [`encode`] for links of bytes |
//! | `log` | warnings and debug records through `log` |
//! | `defmt` | the same through `defmt`, and `defmt::Format` for the public types |
//! | `task` | a pingee over the wakers of tasks, [`wake::TaskPinged`] |
//! | `critical-section` | atomics for cores without compare-and-swap |

#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
mod assembly;
mod counters;
#[cfg(feature = "alloc")]
pub mod encode;
mod event;
pub mod frame;
mod id;
pub mod inlet;
mod log;
mod overflow;
mod pinged;
mod receive;
mod refused;
mod router;
mod sender;
#[cfg(feature = "alloc")]
mod shipping;
mod state;
mod table;
mod ticket;
pub mod wake;

#[cfg(feature = "alloc")]
pub use assembly::{Assembly, MAX_PARTIAL};
pub use counters::{Counters, SenderCounters};
pub use event::{End, Event, Exit, Leaving, Refusal};
pub use id::{ConnectionId, LinkId, Nonce};
pub use inlet::{Arrival, Carries, Claim, Inlet, LinkEnd, NewLink, Parcel, Transport, Undecodable};
pub use overflow::Overflow;
pub use receive::{Accepted, Admit, Receive};
pub use refused::{AttachError, ClosePipeError, PipeError, PipeRefused};
pub use router::{FixedRouter, Lent, LinkEntry, PipeEntry, Polled, Router};
pub use sender::{Disconnected, Outlet, Patience, Reason, Scope, SendError, Sender, SenderError};
#[cfg(feature = "alloc")]
pub use shipping::Shipping;
pub use state::{RouterState, SenderState, WrongState};
#[cfg(feature = "alloc")]
pub use table::Growing;
pub use table::{Slot, Storage};
pub use ticket::{InvalidTicket, Ticket};
pub use wake::{Pingee, Pinger};
