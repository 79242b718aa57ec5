//! The worker's side of a worker process.
//!
//! A process that [`Router::spawn`](crate::Router::spawn) has started inherits its link.
//! [`sender`] gives the sender of its first pipe, [`link`] makes more of tickets.
//!
//! ```no_run
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Progress { done: u32 }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut sender = homing::worker::sender::<Progress>()?;
//!     sender.start()?;
//!     sender.send(Progress { done: 1 })?;
//!     sender.stop()?;
//!     Ok(())
//! }
//! ```

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use homing_core::{Blocking, CloseReason, Disconnected, Outlet, SendError, SenderCounters, Ticket};
pub use homing_mux::{RawBytes, Reservation};
pub use homing_process::InheritError;
use homing_process::Inherited;
use serde::Serialize;

/// The sender of a worker process.
pub type Sender<M> = homing_core::Sender<M, WorkerOutlet>;

/// The same, whose messages can also be written piece by piece.
pub type ReservingSender<M> = homing_mux::ReservingSender<M, WorkerOutlet>;

/// The link of this process to the foreground that started it. Clones are handles of the
/// same link, and any thread may have one.
///
/// The link is held until the process ends, also when all handles are dropped.
#[derive(Clone, Debug)]
pub struct Link {
    end: End,
}

/// A worker's end, by transport.
#[derive(Clone, Debug)]
enum End {
    #[cfg(feature = "pipe")]
    Pipe(homing_transport_pipe::PipeHandle),
    #[cfg(all(feature = "shm", target_os = "linux"))]
    Shm(homing_transport_shm::ShmHandle),
}

/// What a process has inherited.
struct Worker {
    link: Link,
    ticket: String,
    /// The first ticket was taken.
    taken: AtomicBool,
}

static WORKER: OnceLock<Result<Worker, InheritError>> = OnceLock::new();

fn worker() -> Result<&'static Worker, InheritError> {
    WORKER.get_or_init(adopt).as_ref().map_err(|error| *error)
}

fn adopt() -> Result<Worker, InheritError> {
    let Inherited { transport, handles, limit, ticket } = Inherited::take()?;
    let end = match transport.as_str() {
        #[cfg(feature = "pipe")]
        homing_transport_pipe::NAME => homing_transport_pipe::adopt(handles, limit).map(End::Pipe),
        #[cfg(all(feature = "shm", target_os = "linux"))]
        homing_transport_shm::NAME => homing_transport_shm::adopt(handles, limit).map(End::Shm),
        _ => return Err(InheritError::NoSuchTransport),
    };
    let end = end.map_err(|_| InheritError::NoSuchHandle)?;
    Ok(Worker { link: Link { end }, ticket, taken: AtomicBool::new(false) })
}

/// The link of this worker process.
///
/// # Errors
///
/// [`InheritError::NotAWorker`] when the process was not started as a worker, by which a
/// program that starts itself as a worker tells what it is; and others when the link cannot
/// be had.
pub fn link() -> Result<Link, InheritError> {
    Ok(worker()?.link.clone())
}

/// The sender of this worker's first pipe. It can be taken once.
///
/// `M` must be the type of messages that the foreground expects.
///
/// # Errors
///
/// As [`link`]; and [`InheritError::Taken`] when it was taken before.
pub fn sender<M: Serialize>() -> Result<Sender<M>, InheritError> {
    let worker = worker()?;
    Ok(worker.link.sender(worker.take_ticket()?))
}

/// As [`sender`], for messages that can also be written piece by piece to where they travel.
///
/// # Errors
///
/// As [`sender`].
pub fn bytes_sender<M: RawBytes>() -> Result<ReservingSender<M>, InheritError> {
    let worker = worker()?;
    Ok(worker.link.bytes_sender(worker.take_ticket()?))
}

impl Worker {
    fn take_ticket<M>(&self) -> Result<Ticket<M>, InheritError> {
        let ticket = self.ticket.parse().map_err(|_| InheritError::Malformed)?;
        // Relaxed: who comes second gets nothing that would have to be visible.
        if self.taken.swap(true, Ordering::Relaxed) {
            return Err(InheritError::Taken);
        }
        Ok(ticket)
    }
}

impl Link {
    /// The sender that this ticket is for. A ticket is good for one sender.
    pub fn sender<M: Serialize>(&self, ticket: Ticket<M>) -> Sender<M> {
        Sender::new(ticket.connection(), self.outlet(&ticket))
    }

    /// As [`sender`](Link::sender), for messages that can also be written piece by piece to
    /// where they travel.
    pub fn bytes_sender<M: RawBytes>(&self, ticket: Ticket<M>) -> ReservingSender<M> {
        let outlet = self.outlet(&ticket);
        let target = match &outlet.0 {
            #[cfg(feature = "pipe")]
            Kind::Pipe(outlet) => outlet.reserve_target(),
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Kind::Shm(outlet) => outlet.reserve_target(),
        };
        ReservingSender::new(Sender::new(ticket.connection(), outlet), target)
    }

    fn outlet<M>(&self, ticket: &Ticket<M>) -> WorkerOutlet {
        WorkerOutlet(match &self.end {
            #[cfg(feature = "pipe")]
            End::Pipe(handle) => Kind::Pipe(handle.outlet(ticket)),
            #[cfg(all(feature = "shm", target_os = "linux"))]
            End::Shm(handle) => Kind::Shm(handle.outlet(ticket)),
        })
    }
}

/// The worker's end of one pipe, whatever the transport that the foreground has chosen.
#[derive(Debug)]
pub struct WorkerOutlet(Kind);

#[derive(Debug)]
enum Kind {
    #[cfg(feature = "pipe")]
    Pipe(homing_transport_pipe::PipeOutlet),
    #[cfg(all(feature = "shm", target_os = "linux"))]
    Shm(homing_transport_shm::ShmOutlet),
}

/// Calls a method of the transport's outlet. Its own default methods are not good enough for
/// a transport that overrides them, so each is passed on.
macro_rules! forward {
    ($outlet:expr, $method:ident ( $($argument:ident),* )) => {
        match $outlet {
            #[cfg(feature = "pipe")]
            Kind::Pipe(outlet) => Outlet::<M>::$method(outlet, $($argument),*),
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Kind::Shm(outlet) => Outlet::<M>::$method(outlet, $($argument),*),
        }
    };
}

#[deny(clippy::missing_trait_methods)]
impl<M: Serialize> Outlet<M> for WorkerOutlet {
    fn open(&mut self) -> Result<(), Disconnected> {
        forward!(&mut self.0, open())
    }

    #[inline]
    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        forward!(&mut self.0, put(message, blocking))
    }

    fn put_all(
        &mut self,
        messages: &mut dyn Iterator<Item = M>,
        counters: &mut SenderCounters,
    ) -> Result<(), SendError<M>> {
        forward!(&mut self.0, put_all(messages, counters))
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        forward!(&mut self.0, close(reason))
    }

    fn is_panicking(&self) -> bool {
        forward!(&self.0, is_panicking())
    }
}
