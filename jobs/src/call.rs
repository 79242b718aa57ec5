//! A closure as a job.

use std::convert::Infallible;
use std::fmt;

use crate::context::Context;
use crate::job::Job;

/// A job that is a closure, for pools of [`Threads`](crate::Threads). See
/// [`Pool::submit_fn`](crate::Pool::submit_fn).
pub struct Call<T, P = (), E = Infallible>
where
    T: 'static,
    P: 'static,
    E: fmt::Display + 'static,
{
    run: Box<dyn FnOnce(&mut Context<'_, Self>) -> Result<T, E> + Send>,
}

impl<T, P, E> Call<T, P, E>
where
    T: 'static,
    P: 'static,
    E: fmt::Display + 'static,
{
    /// A job that calls `run`.
    pub fn new(run: impl FnOnce(&mut Context<'_, Self>) -> Result<T, E> + Send + 'static) -> Self {
        Self { run: Box::new(run) }
    }
}

impl<T, P, E> Job for Call<T, P, E>
where
    T: 'static,
    P: 'static,
    E: fmt::Display + 'static,
{
    type Output = T;
    type Progress = P;
    type Error = E;

    const NAME: &'static str = "closure";

    fn run(self, cx: &mut Context<'_, Self>) -> Result<T, E> {
        (self.run)(cx)
    }
}

impl<T, P, E> fmt::Debug for Call<T, P, E>
where
    T: 'static,
    P: 'static,
    E: fmt::Display + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}
