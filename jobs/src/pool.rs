//! A pool of workers, as the foreground sees it.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use homing_core::Text;
use homing_router::Router;

use crate::backend::{Backend, Runs};
use crate::builder::ChooseWorkers;
use crate::call::Call;
use crate::driver::Inner;
use crate::error::{SubmitError, SubmitErrorKind};
use crate::job::{Job, JobEvent};
use crate::options::{Closing, JobOptions};
use crate::running::Running;
use crate::scheduler::{Input, Refused, TaskId};
use crate::state::{Detail, Entry};
use crate::stats::{PoolStats, WorkerStats};
use crate::task::{Control, Task};
use crate::tellings::{Receiver, Telling};
use crate::threads::Threads;

/// Workers that run jobs: threads or processes, on any transport.
///
/// Each submitted job ends exactly once, with its output or with an error that says why, whatever
/// dies when. Its handler is called with the router's context `C` on the foreground's thread, in a
/// dispatch, never within a call of the pool's own. A handler may submit and cancel jobs, close the
/// pool and drop it.
///
/// A `Pool` is a handle; clones are handles of the same pool. When the last one is dropped, its
/// processes are killed and its threads told to end, and the handlers of all jobs that have not
/// ended are told [`Cancelled`](crate::JobError::Cancelled). A handler that owns a `Pool` keeps it
/// until the job has ended. When the router stops, its pools end all their jobs.
///
/// While a handler runs a nested event loop, the worker whose report it was called for is not heard,
/// and all others are.
///
/// ```
/// use homing_jobs::{Call, JobEvent, Pool};
/// # use homing_router::{DoorbellSet, LoopBinding, Router};
/// # let doorbells = DoorbellSet::new()?;
/// # let router: Router<u64> = Router::new(LoopBinding::readiness(&doorbells));
/// # router.start()?;
/// let pool = Pool::builder(&router).threads(2).start()?;
/// for number in 1..=10 {
///     pool.submit(Call::new(move |_| Ok(number)), |sum: &mut u64, event: JobEvent<Call<u64>>| {
///         if let JobEvent::Ended(Ok(number)) = event {
///             *sum += number;
///         }
///     })?;
/// }
/// let mut sum = 0;
/// router.route_until(&mut sum, |sum| *sum == 55, None)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pool<C: 'static, K: Backend> {
    inner: Rc<Inner<C, K>>,
}

impl<C: 'static> Pool<C, Threads> {
    /// Begins to describe a pool, of threads or of processes, whose handlers are called by
    /// `router`.
    pub fn builder(router: &Router<C>) -> ChooseWorkers<C> {
        ChooseWorkers::new(router)
    }

    /// Submits a closure as a job.
    ///
    /// # Errors
    ///
    /// As [`submit`](Pool::submit).
    pub fn submit_fn<T, P, E>(
        &self,
        run: impl FnOnce(&mut crate::Context<'_, Call<T, P, E>>) -> Result<T, E> + Send + 'static,
        handler: impl FnMut(&mut C, JobEvent<Call<T, P, E>>) + 'static,
    ) -> Result<Task, SubmitError<Call<T, P, E>>>
    where
        T: Send + 'static,
        P: Send + 'static,
        E: fmt::Display + 'static,
    {
        self.submit(Call::new(run), handler)
    }
}

impl<C: 'static, K: Backend> Pool<C, K> {
    pub(crate) fn new(inner: Rc<Inner<C, K>>) -> Self {
        Self { inner }
    }

    pub(crate) fn router(&self) -> &Router<C> {
        &self.inner.router
    }

    /// Submits a job, which runs when those before it have and a worker is free. `handler` is told
    /// what becomes of it.
    ///
    /// # Errors
    ///
    /// The job comes back, when the pool's queue is full, the pool is closed or has given up, or
    /// the job cannot be encoded. The handler is dropped then.
    pub fn submit<J: Job>(
        &self,
        job: J,
        handler: impl FnMut(&mut C, JobEvent<J>) + 'static,
    ) -> Result<Task, SubmitError<J>>
    where
        K: Runs<J>,
    {
        self.submit_with(JobOptions::new(), job, handler)
    }

    /// As [`submit`](Pool::submit), and says how long the job may take, and whether it may be run
    /// again.
    ///
    /// # Errors
    ///
    /// As [`submit`](Pool::submit).
    pub fn submit_with<J: Job>(
        &self,
        options: JobOptions,
        job: J,
        handler: impl FnMut(&mut C, JobEvent<J>) + 'static,
    ) -> Result<Task, SubmitError<J>>
    where
        K: Runs<J>,
    {
        let inner = &self.inner;
        // The application's own code encodes it: nothing is borrowed.
        let encoded = match K::encode(&job) {
            Ok(encoded) => encoded,
            Err(reason) => {
                return Err(SubmitError::new(job, SubmitErrorKind::Unencodable { reason }));
            }
        };
        let now = inner.now();
        let mut state = inner.state.borrow_mut();
        let id = TaskId(state.next_task);
        if let Err(refused) = state.scheduler.submit(now, id, options.task) {
            let kind = match refused {
                Refused::QueueFull => SubmitErrorKind::QueueFull,
                Refused::Closed => SubmitErrorKind::Closed,
                Refused::GaveUp => SubmitErrorKind::GaveUp { reason: state.reason() },
            };
            return Err(SubmitError::new(job, kind));
        }
        state.next_task += 1;
        let entry = Entry {
            job: Some(K::pack(job, encoded)),
            name: J::NAME,
            is_repeatable: options.task.tries.get() > 1,
            receiver: Receiver::new::<K, J>(handler),
        };
        state.tasks.insert(id, entry);
        drop(state);
        inner.drive();
        inner.tellings.schedule();
        Ok(Task::new(id, inner.control()))
    }

    /// Submits a job whose end is awaited, on the foreground's thread. Its progress is not told.
    /// Dropping what is returned cancels the job.
    ///
    /// # Errors
    ///
    /// As [`submit`](Pool::submit).
    pub fn run<J: Job>(&self, job: J) -> Result<Running<J>, SubmitError<J>>
    where
        K: Runs<J>,
    {
        self.run_with(JobOptions::new(), job)
    }

    /// As [`run`](Pool::run), with options.
    ///
    /// # Errors
    ///
    /// As [`submit`](Pool::submit).
    pub fn run_with<J: Job>(
        &self,
        options: JobOptions,
        job: J,
    ) -> Result<Running<J>, SubmitError<J>>
    where
        K: Runs<J>,
    {
        Running::new(|handler| self.submit_with(options, job, handler))
    }

    /// Closes the pool: nothing more can be submitted, the jobs that it has run or are cancelled as
    /// `closing` says, and then its workers end. Jobs and workers that are left after `grace` are
    /// cancelled and killed. It can be called again, with another choice.
    ///
    /// Returns at once. See [`is_closed`](Pool::is_closed) and [`on_closed`](Pool::on_closed).
    pub fn close(&self, closing: Closing, grace: impl Into<Option<Duration>>) {
        let input = Input::Close { mode: closing.into(), grace: grace.into() };
        self.inner.take_in(input, Detail::Nothing);
        self.inner.tellings.schedule();
    }

    /// Whether the pool was closed, all its jobs have ended, and all its workers too.
    pub fn is_closed(&self) -> bool {
        self.inner.state.borrow().is_closed
    }

    /// Has `call` called when the pool [is closed](Pool::is_closed), in a dispatch after all
    /// handlers have been told the ends. A router that stops drops it.
    pub fn on_closed(&self, call: impl FnOnce(&mut C) + 'static) {
        let mut state = self.inner.state.borrow_mut();
        if !state.is_closed {
            state.on_closed.push(Box::new(call));
            return;
        }
        drop(state);
        self.inner.tellings.push(Telling::Call(Box::new(call)));
        self.inner.tellings.schedule();
    }

    /// Why the pool starts no more workers, if it has given up: its workers died too often, see
    /// [`Restart`](crate::Restart). Jobs that wait then, or are submitted later, are not run.
    pub fn gave_up(&self) -> Option<Text> {
        self.inner.state.borrow().gave_up.clone()
    }

    /// What the pool does at the moment, and what it has done.
    pub fn stats(&self) -> PoolStats {
        let state = self.inner.state.borrow();
        let now = self.inner.now();
        let scheduled = state.scheduler.stats();
        let workers = scheduled.workers.iter().map(|worker| {
            let member = state.members.get(&(worker.worker.slot, worker.worker.generation));
            WorkerStats {
                process_id: member.and_then(|member| member.member.process_id()),
                phase: worker.phase,
                job: member.and_then(|member| member.job),
                held: worker.held,
                since: now.saturating_sub(worker.since),
                ended: worker.ended,
            }
        });
        PoolStats {
            waiting: scheduled.waiting,
            executing: scheduled.executing,
            cancelling: scheduled.cancelling,
            ends: state.ends,
            started: scheduled.counts.spawned,
            deaths: scheduled.counts.deaths,
            workers: workers.collect(),
        }
    }
}

impl<C: 'static, K: Backend> Inner<C, K> {
    fn control(&self) -> std::rc::Weak<dyn Control> {
        self.this.clone()
    }
}

impl<C: 'static, K: Backend> Clone for Pool<C, K> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

impl<C: 'static, K: Backend> fmt::Debug for Pool<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.inner.state.try_borrow().is_err() {
            return f.debug_struct("Pool").field("name", &self.inner.name).finish_non_exhaustive();
        }
        f.debug_struct("Pool")
            .field("name", &self.inner.name)
            .field("stats", &self.stats())
            .field("gave_up", &self.gave_up())
            .finish()
    }
}
