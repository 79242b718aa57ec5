//! A job that yields many results.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::context::{Cancelled, Context};
use crate::job::Job;

/// A computation that yields many results. Wrapped in an [`Iteration`] it is a [`Job`], each
/// result of which arrives.
///
/// ```
/// use std::convert::Infallible;
///
/// use homing_jobs::{Iterate, Iteration, Worker};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Count { to: u64 }
///
/// impl Iterate for Count {
///     type Item = u64;
///     type Error = Infallible;
///     const NAME: &'static str = "count";
///
///     fn items(self) -> impl Iterator<Item = Result<u64, Infallible>> {
///         (0..self.to).map(Ok)
///     }
/// }
///
/// // The worker's side. The foreground submits `Iteration(Count { to: 10 })`.
/// let worker = Worker::new().job::<Iteration<Count>>();
/// # let _ = worker;
/// ```
pub trait Iterate: Sized + 'static {
    /// One result.
    type Item: 'static;
    /// Why there are no more results.
    type Error: fmt::Display;
    /// As [`Job::NAME`].
    const NAME: &'static str;

    /// The results, on the worker. It is dropped where the job is cancelled.
    fn items(self) -> impl Iterator<Item = Result<Self::Item, Self::Error>>;
}

/// The job of a computation that yields many results: each is told as
/// [`Progress`](crate::JobEvent::Progress), in order. A foreground that is slow makes it wait. The
/// output is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iteration<T>(pub T);

impl<T: Iterate> Job for Iteration<T> {
    type Output = ();
    type Progress = T::Item;
    type Error = IterationError<T::Error>;

    const NAME: &'static str = T::NAME;

    fn run(self, cx: &mut Context<'_, Self>) -> Result<(), IterationError<T::Error>> {
        for item in self.0.items() {
            cx.emit(item.map_err(IterationError::Failed)?)?;
        }
        Ok(())
    }
}

/// Why an iteration has not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IterationError<E> {
    /// There are no more results.
    Failed(E),
    /// It was cancelled.
    Cancelled,
}

impl<E> From<Cancelled> for IterationError<E> {
    fn from(Cancelled: Cancelled) -> Self {
        IterationError::Cancelled
    }
}

impl<E: fmt::Display> fmt::Display for IterationError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IterationError::Failed(error) => error.fmt(f),
            IterationError::Cancelled => Cancelled.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for IterationError<E> {}
