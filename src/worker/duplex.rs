//! Duplex pipes: the receiver beside a worker's sender.

use std::fmt;
use std::task::{Context, Poll};

use homing_core::{AsyncCommands, Commands, RecvError, Ticket, Told, Wait};
#[cfg(any(feature = "pipe", all(feature = "shm", target_os = "linux")))]
use homing_mux::MuxCommands;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Backend, InheritError, Sender, WorkerLink, worker};

/// The receiver of a worker process: of what the foreground sends by its `Remote`.
pub type Receiver<D> = homing_core::Receiver<D, WorkerCommands<D>>;

/// Both ends of this worker's first pipe, where the foreground has made that a duplex pipe. They
/// can be taken once, by this or by [`sender`](super::sender).
///
/// `U` and `D` must be the types of messages and of commands that the foreground expects. The
/// sender is still to be started; the receiver is not.
///
/// ```no_run
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize)]
/// enum Order { Render(u32) }
/// # #[derive(Serialize, Deserialize)]
/// # struct Tile;
/// # fn render(row: u32) -> Tile { Tile }
///
/// let (mut orders, mut sender) = homing::worker::duplex::<Order, Tile>()?;
/// sender.start()?;
/// // Ends when the pipe is cancelled or closed, or the foreground is gone.
/// while let Ok(Order::Render(rows)) = orders.recv() {
///     for row in 0..rows {
///         if sender.is_cancelled() {
///             break;
///         }
///         sender.send(render(row))?;
///     }
/// }
/// sender.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`sender`](super::sender); and [`InheritError::Unsupported`] on a link of a
/// [registered](super::register) transport, on which [`sender`](super::sender) still gives the
/// sender of the pipe.
pub fn duplex<D, U>() -> Result<(Receiver<D>, Sender<U>), InheritError>
where
    D: DeserializeOwned,
    U: Serialize,
{
    first_duplex(|ticket| ticket)
}

/// As [`duplex`], with a ticket that `with` has changed.
pub(super) fn first_duplex<D, U>(
    with: impl FnOnce(Ticket<U, D>) -> Ticket<U, D>,
) -> Result<(Receiver<D>, Sender<U>), InheritError>
where
    D: DeserializeOwned,
    U: Serialize,
{
    let worker = worker()?;
    if matches!(worker.link.backend, Backend::Adopted(_)) {
        return Err(InheritError::Unsupported);
    }
    worker.link.ends(with(worker.take_ticket()?), true)
}

impl WorkerLink {
    /// The receiver and the sender that the ticket of a duplex pipe is for. A ticket is good for
    /// one of each.
    ///
    /// # Errors
    ///
    /// [`InheritError::Unsupported`] on a link of a [registered](super::register) transport.
    pub fn duplex<D, U>(
        &self,
        ticket: Ticket<U, D>,
    ) -> Result<(Receiver<D>, Sender<U>), InheritError>
    where
        D: DeserializeOwned,
        U: Serialize,
    {
        self.ends(ticket, false)
    }

    #[cfg_attr(
        not(any(feature = "pipe", all(feature = "shm", target_os = "linux"))),
        allow(unreachable_code, unused_variables, reason = "only registered transports are left")
    )]
    fn ends<D, U>(
        &self,
        ticket: Ticket<U, D>,
        is_first: bool,
    ) -> Result<(Receiver<D>, Sender<U>), InheritError>
    where
        D: DeserializeOwned,
        U: Serialize,
    {
        let kind = match &self.backend {
            #[cfg(feature = "pipe")]
            Backend::Pipe(handle) => Kind::Pipe(handle.commands(&ticket)),
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Backend::Shm(handle) => Kind::Shm(handle.commands(&ticket)),
            Backend::Adopted(_) => return Err(InheritError::Unsupported),
        };
        let connection = ticket.connection();
        let sender = Sender::new(connection, self.outlet(ticket, is_first));
        Ok((Receiver::new(connection, WorkerCommands { kind }), sender))
    }
}

/// The worker's end of one pipe's way back, whatever the transport that the foreground has chosen.
pub struct WorkerCommands<D> {
    kind: Kind<D>,
}

enum Kind<D> {
    #[cfg(feature = "pipe")]
    Pipe(MuxCommands<D, homing_transport_pipe::PipeSink>),
    #[cfg(all(feature = "shm", target_os = "linux"))]
    Shm(MuxCommands<D, homing_transport_shm::ShmSink>),
    /// There is no transport that has a way back.
    #[cfg(not(any(feature = "pipe", all(feature = "shm", target_os = "linux"))))]
    #[allow(dead_code, reason = "only registered transports are left")]
    Never(std::convert::Infallible, std::marker::PhantomData<fn() -> D>),
}

macro_rules! forward {
    ($kind:expr, $method:ident ( $($argument:ident),* )) => {
        match $kind {
            #[cfg(feature = "pipe")]
            Kind::Pipe(commands) => commands.$method($($argument),*),
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Kind::Shm(commands) => commands.$method($($argument),*),
            #[cfg(not(any(feature = "pipe", all(feature = "shm", target_os = "linux"))))]
            Kind::Never(never, _) => match *never {},
        }
    };
}

#[cfg_attr(
    not(any(feature = "pipe", all(feature = "shm", target_os = "linux"))),
    allow(unused_variables, reason = "only registered transports are left")
)]
#[deny(clippy::missing_trait_methods)]
impl<D: DeserializeOwned> Commands<D> for WorkerCommands<D> {
    fn recv(&mut self, wait: Wait) -> Result<D, RecvError> {
        forward!(&mut self.kind, recv(wait))
    }

    #[inline]
    fn told(&self) -> Told {
        forward!(&self.kind, told())
    }
}

#[cfg_attr(
    not(any(feature = "pipe", all(feature = "shm", target_os = "linux"))),
    allow(unused_variables, reason = "only registered transports are left")
)]
impl<D: DeserializeOwned> AsyncCommands<D> for WorkerCommands<D> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<D, RecvError>> {
        forward!(&mut self.kind, poll_recv(cx))
    }
}

impl<D> fmt::Debug for WorkerCommands<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerCommands").finish_non_exhaustive()
    }
}
