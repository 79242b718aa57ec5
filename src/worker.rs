//! The worker's side of a worker process.
//!
//! A process that [`Router::spawn`](crate::Router::spawn) has started inherits its link.
//! [`run`] is a whole worker: it starts the sender of the first pipe, ends it as the work ends,
//! and sets the exit code. [`sender`] is that sender by itself, [`link`] makes more of tickets, also
//! for a worker that was [started without a first pipe](crate::SpawnBuilder::link).
//! Where the foreground has commands for the worker, [`run_duplex`] and [`duplex`] give a receiver
//! beside the sender. A program whose foreground has a transport of its own [registers](register)
//! that transport first.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Progress { done: u32 }
//!
//! fn main() -> ExitCode {
//!     homing::worker::run::<Progress, _>(|sender| -> Result<(), Box<dyn std::error::Error>> {
//!         sender.send(Progress { done: 1 })?;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # What a message may be
//!
#![doc = include_str!("../docs/messages.md")]

mod adopted;
#[cfg(feature = "schema")]
pub mod checked;
mod duplex;
mod outlet;
mod registry;
mod run;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use homing_core::Ticket;
pub use homing_mux::{RawBytes, Reservation};
pub use homing_process::InheritError;
use homing_process::{ForkGuard, Inherited};
pub use run::{run, run_duplex};
use serde::Serialize;

use self::adopted::Adopted;
pub use self::duplex::{Receiver, WorkerCommands, duplex};
use self::outlet::Kind;
pub use self::outlet::WorkerOutlet;
pub use self::registry::{AlreadyRegistered, register};

/// The sender of a worker process.
pub type Sender<M> = homing_core::Sender<M, WorkerOutlet>;

/// The same, whose messages can also be written piece by piece.
pub type ReservingSender<M> = homing_mux::ReservingSender<M, WorkerOutlet>;

/// The link of this process to the foreground that started it. Clones are handles of the
/// same link, and any thread may have one.
///
/// The link is held until the process ends, also when all handles are dropped.
#[derive(Clone, Debug)]
pub struct WorkerLink {
    backend: Backend,
}

/// A worker's end, by transport. Those of Homing's own are dispatched statically, for speed.
#[derive(Clone, Debug)]
enum Backend {
    #[cfg(feature = "pipe")]
    Pipe(homing_transport_pipe::PipeHandle),
    #[cfg(all(feature = "shm", target_os = "linux"))]
    Shm(homing_transport_shm::ShmHandle),
    Adopted(Adopted),
}

/// What a process has inherited, once its link was adopted.
struct WorkerState {
    link: WorkerLink,
    /// `None` where the worker was started without a first pipe.
    ticket: Option<String>,
    /// The first ticket was taken.
    taken: AtomicBool,
}

static WORKER: OnceLock<WorkerState> = OnceLock::new();

/// What was inherited and is not adopted yet, or why that is not possible. `None` until this is
/// asked for.
static INHERITED: Mutex<Option<Result<Inherited, InheritError>>> = Mutex::new(None);

fn worker() -> Result<&'static WorkerState, InheritError> {
    if let Some(worker) = WORKER.get() {
        return Ok(worker);
    }
    let mut inherited = INHERITED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(worker) = WORKER.get() {
        // Another thread has adopted the link meanwhile.
        return Ok(worker);
    }
    match inherited.take().unwrap_or_else(Inherited::take) {
        Ok(link) => match adopt(link) {
            Ok(worker) => Ok(WORKER.get_or_init(|| worker)),
            Err(NotAdopted { error, link }) => {
                *inherited = Some(link.ok_or(error));
                Err(error)
            }
        },
        Err(error) => {
            *inherited = Some(Err(error));
            Err(error)
        }
    }
}

#[cfg(any(feature = "pipe", all(feature = "shm", target_os = "linux")))]
fn config(limit: usize, depth: u32) -> homing_mux::MuxConfig {
    let decode_limits = homing_core::DecodeLimits::new().depth(depth);
    homing_mux::MuxConfig::new().limit(limit).decode_limits(decode_limits)
}

/// A link that was not adopted. It comes back where another attempt may succeed.
struct NotAdopted {
    error: InheritError,
    link: Option<Inherited>,
}

fn adopt(inherited: Inherited) -> Result<WorkerState, NotAdopted> {
    let Inherited { transport, handles, limit, depth, ticket } = inherited;
    let backend = match transport.as_str() {
        #[cfg(feature = "pipe")]
        homing_transport_pipe::NAME => {
            homing_transport_pipe::adopt(handles, config(limit, depth)).map(Backend::Pipe)
        }
        #[cfg(all(feature = "shm", target_os = "linux"))]
        homing_transport_shm::NAME => {
            homing_transport_shm::adopt(handles, config(limit, depth)).map(Backend::Shm)
        }
        name => match registry::take(name) {
            Some(adopt) => {
                let guard = ForkGuard::new();
                adopt(handles, limit)
                    .map(|link| Backend::Adopted(Adopted { link, limit, depth, guard }))
            }
            None => {
                let link = Some(Inherited { transport, handles, limit, depth, ticket });
                return Err(NotAdopted { error: InheritError::NoSuchTransport, link });
            }
        },
    };
    match backend {
        Ok(backend) => {
            let link = WorkerLink { backend };
            Ok(WorkerState { link, ticket, taken: AtomicBool::new(false) })
        }
        Err(_) => Err(NotAdopted { error: InheritError::NoSuchHandle, link: None }),
    }
}

/// The link of this worker process.
///
/// # Errors
///
/// [`InheritError::NotAWorker`] when the process was not started as a worker, by which a
/// program that starts itself as a worker tells what it is;
/// [`InheritError::NoSuchTransport`] when the foreground's transport is neither built in nor
/// [registered](register), after which the link can be asked for again; and others when the
/// link cannot be had.
pub fn link() -> Result<WorkerLink, InheritError> {
    Ok(worker()?.link.clone())
}

/// The sender of this worker's first pipe. It can be taken once.
///
/// `M` must be the type of messages that the foreground expects.
///
/// When the sender is dropped without having been started, its pipe ends with the process, as
/// lost with the exit code.
///
/// # Errors
///
/// As [`link`]; [`InheritError::NoFirstPipe`] when the worker was
/// [started without one](crate::SpawnBuilder::link); and [`InheritError::Taken`] when it was taken
/// before.
pub fn sender<M: Serialize>() -> Result<Sender<M>, InheritError> {
    let worker = worker()?;
    Ok(worker.first_sender(worker.take_ticket()?))
}

/// As [`sender`], for messages that can also be written piece by piece to where they travel.
///
/// # Errors
///
/// As [`sender`]; and [`InheritError::Unsupported`] on a link of a [registered](register)
/// transport, on which [`sender`] still gives the sender of the pipe.
pub fn bytes_sender<M: RawBytes>() -> Result<ReservingSender<M>, InheritError> {
    worker()?.first_bytes_sender(|ticket| ticket)
}

impl WorkerState {
    fn first_sender<M: Serialize>(&self, ticket: Ticket<M>) -> Sender<M> {
        Sender::new(ticket.connection(), self.link.outlet(ticket, true))
    }

    fn first_bytes_sender<M: RawBytes>(
        &self,
        with: impl FnOnce(Ticket<M>) -> Ticket<M>,
    ) -> Result<ReservingSender<M>, InheritError> {
        if matches!(self.link.backend, Backend::Adopted(_)) {
            return Err(InheritError::Unsupported);
        }
        self.link.reserving_sender(with(self.take_ticket()?), true)
    }

    fn take_ticket<U, D>(&self) -> Result<Ticket<U, D>, InheritError> {
        let ticket = self.ticket.as_deref().ok_or(InheritError::NoFirstPipe)?;
        let ticket = ticket.parse().map_err(|_| InheritError::Malformed)?;
        // Relaxed: the second caller gets nothing that would have to be visible.
        if self.taken.swap(true, Ordering::Relaxed) {
            return Err(InheritError::Taken);
        }
        Ok(ticket)
    }
}

impl WorkerLink {
    /// The sender that this ticket is for. A ticket is good for one sender.
    pub fn sender<M: Serialize>(&self, ticket: Ticket<M>) -> Sender<M> {
        Sender::new(ticket.connection(), self.outlet(ticket, false))
    }

    /// As [`sender`](WorkerLink::sender), for messages that can also be written piece by piece to
    /// where they travel.
    ///
    /// # Errors
    ///
    /// [`InheritError::Unsupported`] on a link of a [registered](register) transport.
    pub fn bytes_sender<M: RawBytes>(
        &self,
        ticket: Ticket<M>,
    ) -> Result<ReservingSender<M>, InheritError> {
        self.reserving_sender(ticket, false)
    }

    #[cfg_attr(
        not(any(feature = "pipe", all(feature = "shm", target_os = "linux"))),
        allow(unreachable_code, unused_variables, reason = "only registered transports are left")
    )]
    fn reserving_sender<M: RawBytes>(
        &self,
        ticket: Ticket<M>,
        is_first: bool,
    ) -> Result<ReservingSender<M>, InheritError> {
        let connection = ticket.connection();
        let outlet = self.outlet(ticket, is_first);
        let target = match &outlet.kind {
            #[cfg(feature = "pipe")]
            Kind::Pipe(outlet) => outlet.reserve_target(),
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Kind::Shm(outlet) => outlet.reserve_target(),
            Kind::Adopted(_) => return Err(InheritError::Unsupported),
        };
        Ok(ReservingSender::new(Sender::new(connection, outlet), target))
    }

    fn outlet<M, D>(&self, ticket: Ticket<M, D>, is_first: bool) -> WorkerOutlet {
        let kind = match &self.backend {
            #[cfg(feature = "pipe")]
            Backend::Pipe(handle) => Kind::Pipe(handle.outlet(&ticket)),
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Backend::Shm(handle) => Kind::Shm(handle.outlet(&ticket)),
            Backend::Adopted(link) => Kind::Adopted(link.outlet(ticket)),
        };
        WorkerOutlet { kind, is_first }
    }
}
