//! Types of messages that are compared when a pipe starts. Feature `schema`.
//!
//! Bytes say nothing about what they are. A worker and a foreground that were built from different
//! versions of a message may read wrong values of each other, without an error: two fields that
//! were swapped, a `u32` that was an `i32`. A *checked* pipe finds out when the worker starts its
//! sender, before any message: the worker says a fingerprint of its type's schema, and the
//! foreground compares it with that of its own.
//!
//! The message derives [`Schema`], with the crate
//! [`postcard-schema`](https://docs.rs/postcard-schema) (its features `derive` and `use-std`) among
//! the program's dependencies, and both ends say one word more:
//!
//! ```no_run
//! use std::process::Command;
//!
//! use homing::pipe::Pipe;
//! use homing::{Event, PipeOptions, Router, SpawnError};
//! use postcard_schema::Schema;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Schema)]
//! struct Progress { done: u32, total: u32 }
//!
//! // In the foreground.
//! fn spawn(router: &Router<Vec<Progress>>) -> Result<(), SpawnError> {
//!     router.spawn(Pipe::new(), Command::new("worker")).pipe_with(
//!         PipeOptions::checked(),
//!         |app: &mut Vec<Progress>, event: Event<Progress>| match event {
//!             Event::Message(progress) => app.push(progress),
//!             // "… expected app::Progress (07c1…), found worker::Progress (96e5…)"
//!             Event::Ended(end) => println!("{end}"),
//!         },
//!     )?;
//!     Ok(())
//! }
//!
//! // In the worker.
//! fn work() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut sender = homing::worker::checked::sender::<Progress>()?;
//!     sender.start()?;
//!     sender.send(Progress { done: 1, total: 2 })?;
//!     Ok(sender.stop()?)
//! }
//! ```
//!
//! Further pipes of a worker are checked by [`Ticket::checked`](crate::Ticket::checked):
//! `link.sender(ticket.checked())`.
//!
//! The commands of a duplex pipe are compared with its messages, as the pair of both types:
//! `duplex_with(PipeOptions::checked(), …)` in the foreground, and
//! [`worker::checked::duplex`](crate::worker::checked::duplex()) in the worker. A
//! [`Reply`](crate::Reply) in a command stands for the type of its answer, too.
//!
//! # What is compared
//!
//! | foreground | worker | |
//! |---|---|---|
//! | checked | checked, of the same fingerprint | goes on |
//! | checked | checked, of another fingerprint | refused |
//! | checked | unchecked | refused: the foreground has asked for it |
//! | unchecked | checked or unchecked | goes on, nothing is compared |
//!
//! A worker that is refused is cut off: all pipes of its link end as
//! [`Refused`](crate::End::Refused) with a [`TypeMismatch`], which names both types, and the worker
//! learns by [`Disconnected`](crate::Disconnected). Another link is not affected.
//!
//! The fingerprint is that of `postcard-schema`. Two types have the same if they have the same
//! fields and variants, with the same names, in the same order, and of the same types; the names of
//! the types themselves are not compared.
//!
//! * The schema is derived from the Rust type. Of serde's attributes it knows `rename` alone:
//!   what [cannot travel](crate::worker#what-a-message-may-be) is not found by it.
//! * A type that contains itself, as a tree does, has no schema.
//! * On links of values both ends have one type, and nothing is compared.
//! * On serial lines the chip takes its sender from `Line::checked_sender` (feature `schema` of the
//!   crate `homing-transport-serial`), and only the pipe ends. Its first frame may be lost like any
//!   other: then nothing is compared until the chip is reset.

pub use homing_core::{MessageType, TypeMismatch};
pub use postcard_schema::{self, Schema};
