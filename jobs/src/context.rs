//! What a job has while it runs.

use std::{fmt, io};

use crate::job::Job;

/// What a job has while it runs: says how far it is, and learns whether it is still wanted.
pub struct Context<'a, J: Job> {
    report: &'a mut dyn Report<J::Progress>,
}

/// Where a job's progress goes, and where cancellation comes from.
pub(crate) trait Report<P> {
    /// Keeps the newest progress, and sends it when there is room.
    fn progress(&mut self, progress: P);

    /// Sends progress, and waits for room.
    fn emit(&mut self, progress: P) -> Result<(), Cancelled>;

    /// Whether the job was cancelled.
    fn is_cancelled(&mut self) -> bool;
}

impl<'a, J: Job> Context<'a, J> {
    pub(crate) fn new(report: &'a mut dyn Report<J::Progress>) -> Self {
        Self { report }
    }

    /// Says how far the job is. The latest wins: while the foreground has not handled one, newer
    /// ones replace each other. The last one is always handled before the end. Never waits for
    /// the foreground's handler.
    pub fn progress(&mut self, progress: J::Progress) {
        self.report.progress(progress);
    }

    /// Says something that the foreground must not miss: one of many results. Each arrives, in
    /// order. Waits while the foreground has too many that it has not handled.
    ///
    /// # Errors
    ///
    /// When the job was cancelled, also while it waits. What was passed is not sent then.
    pub fn emit(&mut self, progress: J::Progress) -> Result<(), Cancelled> {
        self.report.emit(progress)
    }

    /// Looks whether the job is still wanted: for `cx.check()?` in a loop.
    ///
    /// # Errors
    ///
    /// When it was cancelled. A job that then returns an error ends as cancelled.
    pub fn check(&mut self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Whether the job was cancelled, its deadline has passed, or the foreground is about to stop
    /// or gone. The look costs no system call on shared memory and between threads.
    pub fn is_cancelled(&mut self) -> bool {
        self.report.is_cancelled()
    }
}

impl<J: Job> fmt::Debug for Context<'_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("job", &J::NAME).finish_non_exhaustive()
    }
}

/// The job is not wanted any more.
///
/// It converts to [`io::Error`], `String` and every error that is made of any other, so that
/// `cx.check()?` works in most jobs. Other errors of jobs implement `From<Cancelled>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the job was cancelled")
    }
}

impl std::error::Error for Cancelled {}

impl From<Cancelled> for io::Error {
    fn from(cancelled: Cancelled) -> Self {
        io::Error::other(cancelled)
    }
}

impl From<Cancelled> for String {
    fn from(cancelled: Cancelled) -> Self {
        cancelled.to_string()
    }
}
