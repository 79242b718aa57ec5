//! Worker processes for [Homing](https://crates.io/crates/homing), below any transport.
//!
//! * [`Doorbells`] watches the descriptors of many links at once, on the foreground's thread
//!   or on a monitor thread, and moves what waits there to where the links' inlets find it.
//! * A [byte queue](byte_queue) is between the thread that reads a link and the link's inlet;
//!   the pumps that fill it are here too.
//! * [`Worker`] starts a process that inherits its link, learns how it ended, and reaps it.
//! * [`Inherited`] is what the worker process finds.
//!
//! A transport between processes implements [`ProcessTransport`] for the foreground's side, and
//! [`AdoptedLink`] for the worker's.
//!
//! On Unix a link's handle is a descriptor that the worker inherits under the number that it
//! has here; its name, and what tells it from any other descriptor, is in the worker's
//! environment (`HOMING_LINK`). Nothing is named in the file system.
//!
//! # Differences between systems
//!
//! On Linux the end of a worker is a descriptor too (`pidfd`), and one thread watches all.
//! On other systems, and on kernels before 5.3, each worker process has a thread that waits
//! for it. On Windows anonymous pipes cannot be watched: their doorbells block, and each has a
//! thread that reads it.

#![deny(unsafe_code)]

mod adopted;
pub mod byte_queue;
mod doorbell;
mod doorbells;
mod exit;
#[allow(unsafe_code, reason = "adopts handles that are numbers in the environment")]
mod handles;
mod launch;
mod link_waker;
mod pump;
mod readers;
mod transport;
mod worker;

pub use adopted::{AdoptedLink, EncodedOutlet};
pub use doorbell::Doorbell;
pub use doorbells::{Doorbells, Waker, WatchKey, spawn_pump};
pub use launch::Worker;
pub use link_waker::LinkWaker;
#[cfg(unix)]
pub use pump::ReadyPump;
pub use pump::{BlockingPump, PumpStatus};
pub use readers::BlockingReader;
#[cfg(unix)]
pub use readers::DescriptorReader;
pub use transport::{Prepared, ProcessTransport};
pub use worker::{InheritError, Inherited};

/// A handle of the system's that a worker can inherit.
#[cfg(unix)]
pub type OwnedHandle = std::os::fd::OwnedFd;
/// A handle of the system's that a worker can inherit.
#[cfg(windows)]
pub type OwnedHandle = std::os::windows::io::OwnedHandle;
