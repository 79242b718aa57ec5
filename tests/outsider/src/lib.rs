//! What authors of other crates can build on [Homing](homing), with its public names only: the
//! proof of `docs/transports.md`, and of the seams. The public suites pass on all of it.
//!
//! | module | what | suites |
//! |---|---|---|
//! | [`threads`] | a transport between threads, over a queue of its own | `transport_suite!`, `inlet_suite!` |
//! | [`datagrams`] | a transport to worker processes, over sockets that keep datagrams | `process_suite!` |
//! | [`tcp`] | a sink of the multiplexer, over a stream of bytes | `sink_suite!`, `transport_suite!`, `inlet_suite!`, `process_suite!` |
//! | [`poll_loop`] | an event loop that Homing has no adapter for | `pingee_suite!`, `event_loop_suite!` |

#[cfg(unix)]
pub mod datagrams;
pub mod poll_loop;
#[cfg(unix)]
pub mod tcp;
pub mod threads;

/// The guide's code, with what this crate depends on.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/transports.md")]
mod guide {}
