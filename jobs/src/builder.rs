//! Describing a pool.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::process::Command;
use std::time::Duration;

use homing_core::Text;
use homing_process::{ProcessTransport, SpawnOptions};
use homing_router::Router;
use homing_transport_channel::Channel;

use crate::backend::{Backend, Hire};
use crate::driver::Inner;
use crate::error::PoolError;
use crate::options::Restart;
use crate::pool::Pool;
use crate::processes::{ProcessWorkers, Processes};
use crate::scheduler::{Input, PoolConfig, Scheduler};
use crate::state::{Detail, State};
use crate::threads::{HireThread, ThreadWorkers, Threads};

/// How many lines of a worker's standard error come with a job that is lost.
const STDERR_LINES: usize = 20;

/// A pool of which is to be said what its workers are. See [`Pool::builder`].
#[must_use = "a pool is started by `start`"]
#[derive(Debug)]
pub struct ChooseWorkers<C: 'static> {
    router: Router<C>,
}

impl<C: 'static> ChooseWorkers<C> {
    pub(crate) fn new(router: &Router<C>) -> Self {
        Self { router: router.clone() }
    }

    /// The workers are so many threads of this process, at least one.
    pub fn threads(self, size: usize) -> PoolBuilder<C, ThreadWorkers> {
        let common = Common::new(PoolConfig::fixed(size, false));
        PoolBuilder { router: self.router, common, workers: ThreadWorkers::default() }
    }

    /// The workers are so many processes, at least one, whose messages come by `transport`. Each is
    /// started by what `command` returns. Its main function is
    /// `homing::jobs::worker().job::<…>().serve()`.
    pub fn processes<T, F>(
        self,
        size: usize,
        transport: T,
        command: F,
    ) -> PoolBuilder<C, ProcessWorkers<T, F>>
    where
        T: ProcessTransport + 'static,
        F: FnMut() -> Command + 'static,
    {
        let common = Common::new(PoolConfig::fixed(size, true));
        let options = SpawnOptions::new().capture_stderr(STDERR_LINES);
        let workers = ProcessWorkers::new(transport, command, options);
        PoolBuilder { router: self.router, common, workers }
    }
}

/// Describes a pool. `W` is what its workers are: [`ThreadWorkers`] or [`ProcessWorkers`].
#[must_use = "a pool is started by `start`"]
pub struct PoolBuilder<C: 'static, W> {
    router: Router<C>,
    common: Common,
    workers: W,
}

/// What does not depend on what workers are.
struct Common {
    name: String,
    config: PoolConfig,
    memory_limit: Option<u64>,
}

impl Common {
    fn new(mut config: PoolConfig) -> Self {
        // Jobs are kept until they have started, on threads too.
        config.can_resend = true;
        Self { name: "jobs".into(), config, memory_limit: None }
    }
}

impl<C: 'static, W> PoolBuilder<C, W> {
    /// Names the pool in logs and its threads; `jobs` without it.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.common.name = name.into();
        self
    }

    /// Gives each worker so many jobs beside the one that it runs, so that it does not wait for the
    /// next. None unless it is set. A job that a worker holds goes elsewhere when the worker dies,
    /// or when another one has nothing to do.
    pub fn ahead(mut self, jobs: usize) -> Self {
        self.common.config.ahead = jobs;
        self
    }

    /// Replaces each worker when it has had so many jobs. The worker in its place is ready before
    /// it is retired.
    pub fn max_jobs(mut self, jobs: u32) -> Self {
        self.common.config.max_jobs = NonZeroU32::new(jobs);
        self
    }

    /// Keeps at least `workers.start()` workers, and starts more, up to `workers.end()`, while jobs
    /// wait. One that has had nothing to do for `idle` ends.
    pub fn elastic(mut self, workers: RangeInclusive<usize>, idle: Duration) -> Self {
        let config = &mut self.common.config;
        config.min = *workers.start();
        config.max = (*workers.end()).max(config.min).max(1);
        config.idle_exit = Some(idle);
        self
    }

    /// How workers that died are replaced.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.common.config.restart = restart.0;
        self
    }

    /// Lets at most so many jobs wait. One that is submitted beyond that comes back as
    /// [`QueueFull`](crate::SubmitErrorKind::QueueFull). Not bounded unless it is set.
    pub fn queue(mut self, jobs: usize) -> Self {
        self.common.config.queue = Some(jobs);
        self
    }

    /// How long a worker may take to end when the pool does not need it any more: then a process is
    /// killed, also one whose program goes on after it has served, and a thread is not waited for.
    /// Five seconds unless it is set.
    pub fn retire_grace(mut self, grace: Duration) -> Self {
        self.common.config.retire_grace = grace;
        self
    }

    fn start_with<K: Backend>(
        router: &Router<C>,
        common: Common,
        hire: Box<dyn Hire<C, K>>,
    ) -> Pool<C, K> {
        let Common { name, config, memory_limit } = common;
        let state = State::new(Scheduler::new(config));
        let inner = Inner::new(router, name, memory_limit, hire, state);
        inner.take_in(Input::Tick, Detail::Nothing);
        inner.tellings.schedule();
        Pool::new(inner)
    }

    fn check(&self) -> Result<(), PoolError> {
        let state = self.router.state();
        if state.is_running() {
            Ok(())
        } else {
            Err(PoolError::WrongState(homing_core::WrongState { state }))
        }
    }
}

impl<C: 'static> PoolBuilder<C, ThreadWorkers> {
    /// Has each thread call `init` before its first job. When it fails the thread ends, and another
    /// one is started, with the delays of the pool's [`Restart`].
    pub fn init<E: fmt::Display>(
        mut self,
        init: impl Fn() -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self.workers.add_init(move || init().map_err(Text::new));
        self
    }

    /// Has each thread call `teardown` after its last job.
    pub fn teardown(mut self, teardown: impl Fn() + Send + Sync + 'static) -> Self {
        self.workers.add_teardown(teardown);
        self
    }

    /// Starts the pool.
    ///
    /// # Errors
    ///
    /// When the router does not run, or there can be no link.
    pub fn start(self) -> Result<Pool<C, Threads>, PoolError> {
        self.check()?;
        let link = self.router.link(Channel::new()).map_err(PoolError::Link)?;
        let hire = HireThread { link, name: self.common.name.clone(), workers: self.workers };
        Ok(Self::start_with(&self.router, self.common, Box::new(hire)))
    }
}

impl<C, T, F> PoolBuilder<C, ProcessWorkers<T, F>>
where
    C: 'static,
    T: ProcessTransport + 'static,
    F: FnMut() -> Command + 'static,
{
    /// How worker processes are started, all at once: replaces what was said before. By default the
    /// last 20 lines of their standard error are kept, for jobs that are lost.
    pub fn spawn_options(mut self, options: SpawnOptions) -> Self {
        self.workers.set_options(options);
        self
    }

    /// Kills a worker that is not ready, which is to say initialised, so long after its start.
    pub fn start_timeout(mut self, after: Duration) -> Self {
        self.common.config.start_timeout = Some(after);
        self
    }

    /// Kills a worker whose process takes more than so many bytes of resident memory, and its job
    /// is lost. It is looked at ten times a second while it works. On Linux; elsewhere nothing is
    /// watched.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.common.memory_limit = Some(bytes);
        self
    }

    /// Starts the pool. Workers are started, and have not opened their links when it returns. One
    /// that cannot be started is tried again, as the pool's [`Restart`] says.
    ///
    /// # Errors
    ///
    /// When the router does not run.
    pub fn start(self) -> Result<Pool<C, Processes>, PoolError> {
        self.check()?;
        Ok(Self::start_with(&self.router, self.common, Box::new(self.workers)))
    }
}

impl<C: 'static, W> fmt::Debug for PoolBuilder<C, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("name", &self.common.name)
            .field("config", &self.common.config)
            .finish_non_exhaustive()
    }
}
