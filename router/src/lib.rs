//! The router of [Homing](https://crates.io/crates/homing) for hosts with threads.
//!
//! A [`Router`] lives on the foreground's thread. [`Router::link`] joins worker threads to
//! it, [`Router::spawn`] worker processes; a [`Link`] makes pipes, whose messages are handed
//! to closures on the foreground's thread or wait in a [`Mailbox`]. A duplex pipe also has a
//! [`Remote`], which sends commands to the worker, cancels it and asks it questions.
//!
//! This crate knows no transport and no event loop. A transport implements the traits of
//! `homing-core` and, to reach processes, that of `homing-process`. An event loop is joined
//! by [`LoopBinding`]: it either watches a [`DoorbellSet`], or is pinged. Either way it then calls
//! [`Router::dispatch`].
//!
//! Applications get all of it through the crate `homing`.
//!
//! # Logs
//!
//! Records go to the crate `log`, under three targets, and name the worker, its process id, the
//! pipe and the link that they concern:
//!
//! | target | record | level |
//! |---|---|---|
//! | `homing::worker` | a worker was started, or has ended, and how | info |
//! | | a worker cannot be killed or reaped | error |
//! | `homing::pipe` | a worker process has started a pipe, or a pipe has ended, and how | debug |
//! | `homing::link` | a link was cut off, and why | warn |
//! | | a link has ended | debug |
//!
//! Programs that use `tracing` get them by the crate `tracing-log`, which
//! `tracing_subscriber::fmt::init()` sets up by default.

#![forbid(unsafe_code)]

mod activity;
mod add_pipe;
mod alarm;
mod alarm_thread;
mod backpressure;
mod budget;
mod dispatch;
mod duplex;
mod error;
mod events;
mod exit_inlet;
mod handler;
mod interrupt;
mod link;
mod link_pass;
mod loop_binding;
mod mailbox;
mod monitor;
mod ping_target;
mod pipe;
mod pipe_options;
mod questions;
mod reap;
mod receiver;
mod remote;
mod router;
mod router_handle;
mod spawn;
mod spin;
mod state;
mod stop;
mod ticket_remote;
mod tickets;
mod until;
mod waiting;
mod wake;
mod weak;
mod worker;

pub use alarm::Alarm;
pub use budget::Budget;
pub use dispatch::Dispatched;
pub use error::{LinkError, RouteError, SpawnError, StopError, TryRouteError};
pub use homing_process::LinkWaker;
pub use interrupt::RouteInterrupt;
pub use link::{DuplexPipe, Link};
pub use loop_binding::{DoorbellSet, LoopBinding};
pub use mailbox::{Capacity, Mailbox};
pub use pipe::PipeId;
pub use pipe_options::PipeOptions;
pub use questions::AskError;
pub use reap::Unreaped;
pub use remote::{Remote, RemoteHandle};
pub use router::Router;
pub use router_handle::RouterHandle;
pub use spawn::SpawnBuilder;
pub use weak::WeakRouter;
pub use worker::{Process, Worker};
