//! The transport of [Homing](https://crates.io/crates/homing) for microcontrollers: links from
//! interrupt handlers and tasks to the main loop, which is the foreground. No operating
//! system, no allocator.
//!
//! A link is a `static`, with one of heapless' single-producer single-consumer queues in it.
//!
//! ```
//! use homing_core::wake::PollPingee;
//! use homing_core::{Authorize, FixedRouter, Overflow, Polled, Router};
//! use homing_transport_static::{StaticSender, ValueInlet, ValueLink};
//!
//! struct Reading(u16);
//!
//! /// The receivers: names, of which the main loop knows what they do.
//! enum To { Display }
//! impl Authorize for To {}
//!
//! static PINGED: PollPingee = PollPingee::new();
//! static TIMER: ValueLink<Reading, 8> = ValueLink::new();
//!
//! let mut router: FixedRouter<ValueInlet<Reading>, To, 1, 1> = Router::fixed();
//! router.start()?;
//! let (factory, inlet) = TIMER.split(&PINGED)?;
//! let link = router.attach(inlet)?;
//! let pipe = router.trusted_pipe(link, To::Display)?;
//!
//! // This goes to the interrupt handler.
//! let mut sender: StaticSender<Reading> = factory.sender(pipe, Overflow::GiveBack)?;
//! sender.start()?;
//! sender.send(Reading(21))?;
//!
//! // And this is what the main loop does, when it is not asleep.
//! let mut shown = 0;
//! while PINGED.take() {
//!     loop {
//!         match router.poll_with(link, |To::Display, payload| {
//!             let Reading(celsius) = payload.take()?;
//!             shown = celsius;
//!             Ok(())
//!         }) {
//!             Polled::Empty => break,
//!             Polled::Ended(lent, end) => { /* the sender was stopped */ }
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!(shown, 21);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The guide, with the whole firmware and what it costs, is `docs/embedded.md` in the
//! repository.
//!
//! # What travels
//!
//! A [`ValueLink`] has messages of one type, which move. A [`BytesLink`] carries every type
//! that serde knows, each pipe its own, as bytes of a fixed capacity (postcard).
//!
//! # Who may send
//!
//! Any number of pipes share a link. Their senders may be in tasks and in interrupt handlers
//! of any priority: the workers' side of a link stands under a
//! [critical section](critical_section), of which the firmware provides the implementation,
//! usually by a feature of its chip's crate. A push is all that happens in it. The main loop
//! takes none: it never masks an interrupt.
//!
//! Nothing ever waits. A [`send`](homing_core::Sender::send) without room returns
//! [`Full`](homing_core::SendErrorKind::Full): an interrupt handler that waited for the main loop,
//! on the main loop's own core, would wait for ever. Every pipe has one place of the queue
//! set aside for its end, so that a sender can close on a full link.
//!
//! # The way back
//!
//! A duplex pipe has a [`CommandQueue`] of its own, from the main loop to the worker. The main loop
//! keeps a [`StaticRemote`], which sends commands, cancels and closes; the worker has a
//! [`StaticReceiver`] beside its sender.
//!
//! ```
//! # use homing_core::wake::PollPingee;
//! # use homing_core::{Authorize, FixedRouter, Overflow, Router};
//! # use homing_transport_static::{CommandQueue, ValueInlet, ValueLink};
//! # struct To;
//! # impl Authorize for To {}
//! # static PINGED: PollPingee = PollPingee::new();
//! static TIMER: ValueLink<u16, 8> = ValueLink::new();
//! static RATES: CommandQueue<u32, 4> = CommandQueue::new();
//!
//! # let mut router: FixedRouter<ValueInlet<u16>, To, 1, 1> = Router::fixed();
//! # router.start()?;
//! # let (factory, inlet) = TIMER.split(&PINGED)?;
//! # let link = router.attach(inlet)?;
//! # let pipe = router.trusted_pipe(link, To)?;
//! let (mut remote, mut rates, mut readings) =
//!     factory.duplex::<u32, u16, 4>(pipe, Overflow::GiveBack, &RATES)?;
//! readings.start()?;
//!
//! // The main loop.
//! remote.send(500)?;
//! // The interrupt handler.
//! assert_eq!(rates.try_recv(), Ok(500));
//! assert!(!readings.is_cancelled());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `critical-section` | atomics for cores without compare-and-swap, such as thumbv6m and riscv32imc |
//! | `defmt` | `defmt::Format` for the public types |
//! | `task` | `send_async`, `recv_async` and the like, for tasks of any executor |

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod command_queue;
mod commands;
mod element;
mod factory;
mod handler_cell;
mod inlet;
mod item;
mod latest;
mod link;
mod outlet;
mod remote;
mod room_wakers;
mod shared;
#[cfg(feature = "task")]
mod tasks;

pub use command_queue::CommandQueue;
pub use commands::{StaticCommands, StaticReceiver};
pub use element::{Bytes, Element, Encode, Moved};
pub use factory::{DuplexEnds, MakeSenderError, StaticFactory};
pub use handler_cell::HandlerCell;
pub use inlet::StaticInlet;
pub use latest::{LatestFactory, LatestInlet, LatestLink, LatestOutlet, LatestSender};
pub use link::{AlreadySplit, StaticLink};
pub use outlet::{StaticOutlet, StaticSender};
pub use remote::StaticRemote;

/// A link whose messages, all of type `M`, move. Its queue has `N - 1` places.
pub type ValueLink<M, const N: usize> = StaticLink<Moved<M>, N>;

/// A link whose messages travel as at most `CAPACITY` bytes. Its queue has `N - 1` places.
pub type BytesLink<const CAPACITY: usize, const N: usize> = StaticLink<Bytes<CAPACITY>, N>;

/// The foreground's end of a [`ValueLink`].
pub type ValueInlet<M> = StaticInlet<Moved<M>>;

/// The foreground's end of a [`BytesLink`].
pub type BytesInlet<const CAPACITY: usize> = StaticInlet<Bytes<CAPACITY>>;
