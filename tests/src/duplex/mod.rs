//! Checks of the way back: B7, B9, B10, B23 to B28, with workers that are threads and with
//! workers that are processes.
//!
//! A worker plays one of the [`Role`]s, which are the same on a thread and in a process.

mod ask;
mod commands;
mod left;
mod notices;
#[cfg(unix)]
mod processes;
mod role;
mod task_role;
mod tasks;
mod threads;

use homing_core::{Decode, End, Event};
use homing_router::{PipeId, Remote};

pub use ask::*;
pub use commands::*;
pub use left::*;
pub use notices::*;
#[cfg(unix)]
pub use processes::{DuplexProcessRig, Processes, play};
pub use role::{Order, Role};
pub use task_role::TaskOutlet;
pub use tasks::*;
pub use threads::{DuplexTransportRig, Threads};

use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};

/// Workers with duplex pipes, as the suite drives them: [`Threads`] or [`Processes`].
pub trait DuplexRig: 'static {
    /// What the foreground decodes answers with.
    type Codec: Decode<u64> + Decode<String> + 'static;

    /// What it takes to start a worker.
    type Program: Copy;

    /// What is left of a worker when it has ended.
    type Worker<H: EventLoopRig>;

    /// Starts a worker in a role. The application writes its messages down under `number`, and
    /// keeps so many bytes of commands that it has not taken.
    fn start<H: EventLoopRig>(
        foreground: &Foreground<H>,
        program: Self::Program,
        role: Role,
        number: usize,
        capacity: usize,
    ) -> Started<Self, H>;

    /// Waits until a worker has ended, and returns what its role returned: a number below 100.
    fn outcome<H: EventLoopRig>(foreground: &mut Foreground<H>, worker: Self::Worker<H>) -> i32;

    /// Has a worker die in the middle of its work, where it can.
    ///
    /// Returns false where it cannot: a thread is not killed.
    fn kill<H: EventLoopRig>(worker: &Self::Worker<H>) -> bool;
}

/// A worker that was started.
#[derive(Debug)]
#[non_exhaustive]
pub struct Started<W: DuplexRig + ?Sized, H: EventLoopRig> {
    /// Sends commands to it.
    pub remote: Remote<App, Order, W::Codec>,
    /// Its pipe.
    pub pipe: PipeId,
    /// The worker.
    pub worker: W::Worker<H>,
}

/// As many bytes of commands as most checks need.
const PLENTY: usize = 16 * 1024 * 1024;

/// Writes down the messages of a pipe under a number.
fn record(number: usize) -> impl FnMut(&mut App, Event<u64>) {
    move |app, event| app.record(number, &event)
}

/// Runs the event loop until a pipe has ended, which has to have finished.
fn finished<H: EventLoopRig>(foreground: &mut Foreground<H>, number: usize) {
    assert_eq!(foreground.end_of(number), End::Finished);
}
