//! The whole of a worker process: its first pipe, from start to end, and its exit code.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use homing_core::SenderError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{InheritError, Receiver, Sender, duplex, sender};

/// Runs `work` with the sender of this worker's first pipe, and makes an exit code of the
/// result: the main function of a worker process.
///
/// The sender is started before, and ends as `work` does (see
/// [`Sender::scope`](crate::Sender::scope)):
///
/// | `work` | the receiver is told | exit code |
/// |---|---|---|
/// | returns `Ok` | [`Finished`](crate::End::Finished) | 0 |
/// | returns an error | [`Failed`](crate::End::Failed), with its text | 1 |
/// | panics | [`Panicked`](crate::End::Panicked), with text and place | 101, where `main` does not catch the panic |
/// | exits or is killed | [`Lost`](crate::End::Lost), with the exit code or signal | its own |
///
/// An error is written to the standard error too. So is the reason when the process is no
/// worker, or its first sender was taken before; then `work` is not called, and the exit code
/// is 1. A program that starts itself as its worker asks [`link`](super::link) first, and runs
/// this when there is one.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Progress { done: u32 }
///
/// fn main() -> ExitCode {
///     homing::worker::run::<Progress, _>(|sender| -> Result<(), Box<dyn std::error::Error>> {
///         for done in 1..=100 {
///             sender.send(Progress { done })?;
///         }
///         Ok(())
///     })
/// }
/// ```
pub fn run<M, E>(work: impl FnOnce(&mut Sender<M>) -> Result<(), E>) -> ExitCode
where
    M: Serialize,
    E: fmt::Display + From<SenderError>,
{
    run_with(sender::<M>(), work)
}

/// As [`run`], with both ends of a first pipe that is a duplex pipe.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Order { number: u64 }
///
/// #[derive(Serialize, Deserialize)]
/// struct Square(u64);
///
/// fn main() -> ExitCode {
///     homing::worker::run_duplex::<Order, Square, _>(
///         |orders, sender| -> Result<(), Box<dyn std::error::Error>> {
///             for Order { number } in orders.iter() {
///                 sender.send(Square(number * number))?;
///             }
///             Ok(())
///         },
///     )
/// }
/// ```
pub fn run_duplex<D, U, E>(
    work: impl FnOnce(&mut Receiver<D>, &mut Sender<U>) -> Result<(), E>,
) -> ExitCode
where
    D: DeserializeOwned,
    U: Serialize,
    E: fmt::Display + From<SenderError>,
{
    run_duplex_with(duplex::<D, U>(), work)
}

/// Runs `work` with these ends, if there are any.
pub(super) fn run_duplex_with<D, U, E>(
    ends: Result<(Receiver<D>, Sender<U>), InheritError>,
    work: impl FnOnce(&mut Receiver<D>, &mut Sender<U>) -> Result<(), E>,
) -> ExitCode
where
    D: DeserializeOwned,
    U: Serialize,
    E: fmt::Display + From<SenderError>,
{
    match ends {
        Ok((mut orders, sender)) => run_with(Ok(sender), |sender| work(&mut orders, sender)),
        Err(error) => exit_code::<InheritError>(Err(error)),
    }
}

/// Runs `work` with this sender, if there is one.
pub(super) fn run_with<M, E>(
    sender: Result<Sender<M>, InheritError>,
    work: impl FnOnce(&mut Sender<M>) -> Result<(), E>,
) -> ExitCode
where
    M: Serialize,
    E: fmt::Display + From<SenderError>,
{
    match sender {
        Ok(mut sender) => exit_code(sender.scope(work)),
        Err(error) => exit_code::<InheritError>(Err(error)),
    }
}

fn exit_code<E: fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The standard error may be closed.
            let _ = writeln!(std::io::stderr(), "Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
