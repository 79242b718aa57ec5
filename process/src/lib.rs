//! Worker processes for [Homing](https://crates.io/crates/homing), below any transport.
//!
//! * [`Doorbells`] watches the descriptors of many links at once, on the foreground's thread
//!   or on a monitor thread, and moves what waits there to where the links' inlets find it.
//! * A [byte queue](byte_queue) is between the thread that reads a link and the link's inlet;
//!   the pumps that fill it are here too.
//! * [`ChildProcess`] starts a process that inherits its link, learns how it ended, and reaps it.
//! * [`Inherited`] is what the worker process finds.
//!
//! A transport between processes implements [`ProcessTransport`] for the foreground's side, and
//! [`AdoptedLink`] for the worker's.
//!
//! On Unix a link's handle is a descriptor that the worker inherits under the number that it
//! has here; its name, and what tells it from any other descriptor, is in the worker's
//! environment (`HOMING_LINK`). Nothing is named in the file system.
//!
//! # The end of the foreground
//!
//! A worker process ends with its foreground, however that dies and whatever the worker does,
//! unless it was started to [run on](SpawnOptions::keep_running):
//!
//! | | Linux | other Unix | Windows |
//! |---|---|---|---|
//! | the worker has opened its link | killed by the kernel, and by a thread of its own | ended by a thread of its own | not yet |
//! | it is stopped, or has not opened its link | killed by the kernel | stays | stays |
//! | its children | with [a group of their own](SpawnOptions::own_process_group) | stay | stay |
//! | a wrapper that forks stands between ([allowed](SpawnOptions::adopt_through_wrappers)) | ended by a thread of its own once it has opened its link | the same | not yet |
//!
//! Not reached on Linux: a program that changes to a user that the foreground may not signal,
//! before it opens its link. The kernel's parent-death signal refers to a thread of the
//! foreground that is kept for it; workers may be started on any thread.
//!
//! # Starting
//!
//! A worker starts as the command says. Its link's handles are above 2, and are not inherited
//! further once the link is open. [`Inherited::take`] undoes what std's `Command` hands down:
//! signals that the foreground blocks or ignores. On Linux the command is started on a thread
//! with a descriptor table of its own, so that the children of other threads get nothing of the
//! link, and the foreground is not forked. std forks all the same for a command with a user,
//! groups or a `pre_exec`; Homing does on other Unix systems, and where a sandbox forbids
//! descriptor tables of one's own. When the program cannot be run and SIGCHLD is ignored, std
//! panics on that way: the panic is caught and becomes a [`StartError`], unless panics abort.
//!
//! # Differences between systems
//!
//! On Linux the end of a worker is a descriptor too (`pidfd`), and one thread watches all; a
//! thread per worker sleeps in the kernel as long as the worker lives, and has its descriptor
//! table. On other systems, and on kernels before 5.3, each worker process has a thread that
//! waits for it. On Windows anonymous pipes cannot be watched: their doorbells block, and each
//! has a thread that reads it.

#![deny(unsafe_code)]

mod adopted;
pub mod byte_queue;
mod child;
mod descriptor;
mod doorbell;
mod doorbells;
mod exit;
mod fork;
#[cfg(unix)]
mod guard;
#[allow(unsafe_code, reason = "adopts handles that are numbers in the environment")]
mod handles;
mod inherit;
mod link_waker;
mod options;
mod pump;
mod readers;
mod start_deadline;
mod start_error;
mod stderr;
#[cfg(unix)]
#[allow(unsafe_code, reason = "system calls that have no safe form elsewhere")]
mod sys;
mod system;
mod transport;

pub use adopted::{AdoptedLink, EncodedOutlet};
pub use child::ChildProcess;
pub use doorbell::Doorbell;
pub use doorbells::{Doorbells, Waker, WatchKey, spawn_pump};
pub use fork::{ForkGuard, forked};
pub use inherit::{InheritError, Inherited};
pub use link_waker::LinkWaker;
pub use options::SpawnOptions;
pub use pump::{BlockingPump, PumpStatus};
#[cfg(unix)]
pub use pump::{Interest, ReadyPump};
pub use readers::BlockingReader;
#[cfg(unix)]
pub use readers::DescriptorReader;
pub use start_error::StartError;
pub use transport::{Prepared, ProcessTransport};

/// A handle of the system's that a worker can inherit.
#[cfg(unix)]
pub type OwnedHandle = std::os::fd::OwnedFd;
/// A handle of the system's that a worker can inherit.
#[cfg(windows)]
pub type OwnedHandle = std::os::windows::io::OwnedHandle;
