//! What the scheduler is told, and what it decides.

use std::time::Duration;

use super::task::TaskId;

/// One worker: the place that it has in the pool, and which worker in that place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WorkerId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Something that happened. Reports of workers that have ended are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The worker could not be started. No `WorkerEnded` follows.
    SpawnFailed { worker: WorkerId },
    /// The worker is initialised.
    WorkerReady { worker: WorkerId },
    /// The worker's initialiser failed. `WorkerEnded` follows.
    InitFailed { worker: WorkerId },
    /// The worker begins to run the task.
    Started { worker: WorkerId, task: TaskId },
    /// The task made progress, or yielded an item.
    Progress { worker: WorkerId, task: TaskId },
    /// The task's run is over.
    Ended { worker: WorkerId, task: TaskId, how: EndKind },
    /// The worker has returned a task that it was asked to give back, and did not start.
    Returned { worker: WorkerId, task: TaskId },
    /// The worker ends without having been told to, and runs no more tasks. `WorkerEnded`
    /// follows, which is no death.
    Leaving { worker: WorkerId },
    /// The worker's pipe has ended: nothing more comes from it.
    WorkerEnded { worker: WorkerId },
    /// The worker takes too much memory.
    OverMemory { worker: WorkerId },
    /// Nothing new is submitted; see [`ClosingMode`]. What is left after the grace is killed.
    Close { mode: ClosingMode, grace: Option<Duration> },
    /// Everything ends now.
    Abort,
    /// Time has passed.
    Tick,
}

/// How a worker says that a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum EndKind {
    Completed,
    Failed,
    Panicked,
    Cancelled,
    /// The worker knows no job of that name.
    Unknown,
    Undecodable,
}

/// What becomes of tasks when the pool closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClosingMode {
    /// All run.
    Run,
    /// Those that run may finish, those that wait are cancelled.
    Finish,
    /// All are cancelled.
    Cancel,
}

/// Something for the pool to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a worker. It reports `WorkerReady`, `SpawnFailed`, or ends.
    Spawn { worker: WorkerId },
    /// Send the task to the worker, which runs it after those that it was sent before.
    Send { worker: WorkerId, task: TaskId },
    /// Ask the worker to end the task's run, or not to begin it. It reports the task's end.
    Cancel { worker: WorkerId, task: TaskId },
    /// Ask the worker to return the task if it has not started it. It reports `Returned`, or
    /// goes on as if it had not been asked.
    Recall { worker: WorkerId, task: TaskId },
    /// Tell the worker to end: it has no tasks.
    Retire { worker: WorkerId },
    /// Kill the worker process; leave the thread alone. `WorkerEnded` follows.
    Kill { worker: WorkerId },
    /// The worker does not end, although it was killed, and is not waited for any longer.
    Forget { worker: WorkerId },
    /// Tell the task's handler that it runs. `retried` times before, its worker died.
    Started { task: TaskId, retried: u32 },
    /// Pass the progress, or the item, that is being handled, to the task's handler.
    Progress { task: TaskId },
    /// The task has ended: tell its handler.
    End { task: TaskId, end: SchedulerEnd },
    /// The task's worker died and it will run again: keep its payload.
    Retry { task: TaskId, deaths: u32 },
    /// The task was cancelled, its grace is over, and its worker is a thread.
    Overdue { task: TaskId },
    /// The task has made no progress for as long as it was said to be worth knowing.
    Stalled { task: TaskId },
    /// The pool starts no more workers. Tasks that wait end as abandoned.
    GaveUp { reason: GiveUpReason },
    /// No task and no worker is left, and nothing can be submitted.
    Closed,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SchedulerEnd {
    /// As the worker's report says that is being handled.
    Reported(EndKind),
    /// Cancelled: while it waited, or by the death of the worker that was asked.
    Cancelled,
    /// It took longer than its deadline.
    TimedOut,
    /// The worker died that ran it, and it may not run again.
    Lost { worker: WorkerId, deaths: u32 },
    /// The pool gave up before it could run.
    Abandoned,
}

/// Why a pool gave up: its workers died too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GiveUpReason {
    /// The deaths that were counted, the last of which was this worker's.
    pub(crate) deaths: u32,
    /// Within this time.
    pub(crate) within: Duration,
    pub(crate) last: WorkerId,
    pub(crate) cause: DeathCause,
}

/// In which part of its life a worker died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeathCause {
    /// It could not be started.
    Spawn,
    /// Its initialiser failed.
    Initialiser,
    /// It ended, or did not answer in time, before it was ready.
    Starting,
    /// It took too much memory.
    Memory,
    /// It ended while it ran a task, or had none.
    Running,
}

/// Why a task was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many tasks wait as may.
    QueueFull,
    /// The pool is closed, or closing.
    Closed,
    /// The pool gave up.
    GaveUp,
}
