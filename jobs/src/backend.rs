//! What workers are: threads or processes.

use std::fmt;

use homing_core::{Event, SendErrorKind, Text};
use homing_router::Router;

use crate::job::Job;
use crate::wire::{Order, Report};

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::Threads {}
    impl Sealed for crate::Processes {}
}

/// What the workers of a pool are: [`Threads`](crate::Threads) or [`Processes`](crate::Processes).
/// It says how jobs and values travel.
pub trait Backend: sealed::Sealed + 'static {
    /// A job on its way to a worker. Clones are the same job.
    type Job: Clone + 'static;
    /// An output or progress on its way to the foreground.
    type Value: 'static;
}

/// Workers that can run jobs of type `J`.
///
/// Implemented by [`Threads`](crate::Threads) for jobs that are `Send`, with all that they return,
/// and by [`Processes`](crate::Processes) for what serde can carry. Its methods are the pool's.
pub trait Runs<J: Job>: Backend {
    /// What has to be known of a job before it is accepted.
    type Encoded;

    /// Encodes the job, where it has to be.
    ///
    /// # Errors
    ///
    /// When it cannot be encoded, with the reason.
    fn encode(job: &J) -> Result<Self::Encoded, Text>;

    /// Makes a job ready to travel.
    fn pack(job: J, encoded: Self::Encoded) -> Self::Job;

    /// Unpacks progress that has come.
    ///
    /// # Errors
    ///
    /// When it is of another type, with the reason.
    fn unpack_progress(value: Self::Value) -> Result<J::Progress, Text>;

    /// Unpacks an output that has come.
    ///
    /// # Errors
    ///
    /// When it is of another type, with the reason.
    fn unpack_output(value: Self::Value) -> Result<J::Output, Text>;
}

/// Hears what a worker's pipe brings.
pub(crate) type OnEvent<C, K> = Box<dyn FnMut(&mut C, Event<Report<<K as Backend>::Value>>)>;

/// Starts workers.
pub(crate) trait Hire<C: 'static, K: Backend> {
    /// Starts the worker with this number in the pool.
    fn hire(
        &mut self,
        router: &Router<C>,
        number: u32,
        on_event: OnEvent<C, K>,
    ) -> Result<Box<dyn Member<K>>, HireError>;
}

/// Why a worker was not started.
#[derive(Debug)]
pub(crate) enum HireError {
    /// The router does not run.
    RouterStopped,
    /// Something else.
    Other(Text),
}

/// A worker, as the pool sees it.
pub(crate) trait Member<K: Backend>: fmt::Debug {
    /// Tells the worker something. It does not wait.
    fn send(&self, order: Order<K::Job>) -> Result<(), SendErrorKind>;

    /// Kills a process; tells a thread that none of its work is wanted.
    fn kill(&self);

    fn process_id(&self) -> Option<u32>;
}
