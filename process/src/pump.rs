//! Moving what a worker wrote to where the link's inlet finds it.

/// Moves what waits at a descriptor. Unix.
///
/// A pump runs on the thread that watches the doorbells: the foreground's own, or a monitor's.
#[cfg(unix)]
pub trait ReadyPump: Send {
    /// The descriptor to watch. It becomes readable when there is something to move, or
    /// when the worker's end is gone.
    fn fd(&self) -> std::os::fd::BorrowedFd<'_>;

    /// What the descriptor is watched for.
    fn interest(&self) -> Interest {
        Interest::Readable
    }

    /// Moves a bounded amount, and does not wait.
    ///
    /// The descriptor is watched for edges: a pump that returned [`PumpStatus::WouldBlock`] is
    /// called again when something new has come. It may return that after a read that was not
    /// filled: when the other end is closed, it is called once more.
    ///
    /// `worker_gone` says that the worker process has ended: what has not come by now will
    /// not come, even if some other process still holds the worker's end. To return
    /// [`PumpStatus::WouldBlock`] then is to return [`PumpStatus::Closed`].
    fn pump(&mut self, worker_gone: bool) -> PumpStatus;
}

/// What the descriptor of a [`ReadyPump`] is watched for. Unix.
///
/// The end of the peer calls the pump in either case.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interest {
    /// That there is something to read.
    #[default]
    Readable,
    /// That there is space again, after a write that found none.
    Writable,
}

/// Moves what comes from a source that cannot be watched. Any system.
///
/// Such a pump runs on a thread of its own, which lives as long as the source and the link.
pub trait BlockingPump: Send {
    /// Waits until something has come and there is room for it, and moves it.
    ///
    /// [`PumpStatus::Pending`] says that something was moved, [`PumpStatus::WouldBlock`] that
    /// nothing was, because a time limit of the source's was over. The thread then looks
    /// whether the link is still watched: a source without a time limit keeps its thread until
    /// something comes or its other end is closed. [`PumpStatus::Backpressured`] is taken for
    /// [`PumpStatus::WouldBlock`]: a blocking pump waits for room itself.
    fn pump(&mut self) -> PumpStatus;
}

/// How far a pump came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PumpStatus {
    /// Nothing is left to move.
    WouldBlock,
    /// There is more, and room for it: call the pump again soon.
    Pending,
    /// The inlet has no room. Call the pump again once the foreground has taken something.
    Backpressured,
    /// Nothing will come any more. The pump is dropped.
    Closed,
}
