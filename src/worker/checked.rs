//! The functions of [`worker`](super) for a first pipe whose two ends compare the types of
//! their messages. Feature `schema`; see [`schema`](crate::schema).

use std::fmt;
use std::process::ExitCode;

use homing_core::{Schema, SenderError, Ticket};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::duplex::first_duplex;
use super::run::{run_duplex_with, run_with};
use super::{InheritError, RawBytes, Receiver, ReservingSender, Sender, worker};

/// As [`worker::sender`](super::sender). When the sender is started it says of which type its
/// messages are.
///
/// A foreground that expects another type cuts this worker off then: `start` itself, or a `send`
/// soon after, returns [`Disconnected`](crate::SendErrorKind::Disconnected).
///
/// # Errors
///
/// As [`worker::sender`](super::sender).
pub fn sender<M: Serialize + Schema>() -> Result<Sender<M>, InheritError> {
    let worker = worker()?;
    Ok(worker.first_sender(worker.take_ticket::<M, ()>()?.checked()))
}

/// As [`worker::bytes_sender`](super::bytes_sender). When the sender is started it says of which
/// type its messages are.
///
/// # Errors
///
/// As [`worker::bytes_sender`](super::bytes_sender).
pub fn bytes_sender<M: RawBytes + Schema>() -> Result<ReservingSender<M>, InheritError> {
    worker()?.first_bytes_sender(|ticket| ticket.checked())
}

/// As [`worker::duplex`](super::duplex()). When the sender is started it says of which types its
/// messages and its commands are.
///
/// # Errors
///
/// As [`worker::duplex`](super::duplex()).
pub fn duplex<D, U>() -> Result<(Receiver<D>, Sender<U>), InheritError>
where
    D: DeserializeOwned + Schema,
    U: Serialize + Schema,
{
    first_duplex(Ticket::checked)
}

/// As [`worker::run_duplex`](super::run_duplex), whose sender says of which types its messages and its
/// commands are when it is started.
pub fn run_duplex<D, U, E>(
    work: impl FnOnce(&mut Receiver<D>, &mut Sender<U>) -> Result<(), E>,
) -> ExitCode
where
    D: DeserializeOwned + Schema,
    U: Serialize + Schema,
    E: fmt::Display + From<SenderError>,
{
    run_duplex_with(duplex::<D, U>(), work)
}

/// As [`worker::run`](super::run), whose sender says of which type its messages are when it is
/// started.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use postcard_schema::Schema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Schema)]
/// struct Progress { done: u32 }
///
/// fn main() -> ExitCode {
///     homing::worker::checked::run::<Progress, _>(|sender| -> Result<(), Box<dyn std::error::Error>> {
///         sender.send(Progress { done: 1 })?;
///         Ok(())
///     })
/// }
/// ```
pub fn run<M, E>(work: impl FnOnce(&mut Sender<M>) -> Result<(), E>) -> ExitCode
where
    M: Serialize + Schema,
    E: fmt::Display + From<SenderError>,
{
    run_with(sender::<M>(), work)
}
