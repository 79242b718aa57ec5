#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod alarms;
mod backend;
mod builder;
mod call;
mod context;
mod driver;
mod ends;
mod error;
mod events;
mod iteration;
mod job;
mod memory;
mod options;
mod pool;
mod processes;
mod running;
mod scheduler;
mod scope;
mod state;
mod stats;
mod stop_watch;
mod task;
mod tellings;
mod threads;
mod wire;
mod worker;

pub use backend::{Backend, Runs};
pub use builder::{ChooseWorkers, PoolBuilder};
pub use call::Call;
pub use context::{Cancelled, Context};
pub use error::{JobError, JobPanic, LostJob, PoolError, SubmitError, SubmitErrorKind};
pub use iteration::{Iterate, Iteration, IterationError};
pub use job::{Job, JobEnd, JobEvent};
pub use options::{Closing, JobOptions, Restart};
pub use pool::Pool;
pub use processes::{ProcessWorkers, Processes};
pub use running::Running;
pub use scheduler::{TaskState, WorkerPhase};
pub use scope::Scope;
pub use stats::{Ends, PoolStats, WorkerStats};
pub use task::Task;
pub use threads::{ThreadJob, ThreadWorkers, Threads};
pub use wire::{EncodedJob, Order, Report};
pub use worker::{Worker, WorkerError};
