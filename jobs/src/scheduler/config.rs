//! What a pool is told when it is built.

use std::num::NonZeroU32;
use std::time::Duration;

/// Configuration of a pool's [`Scheduler`](super::Scheduler).
#[derive(Clone, Debug)]
pub(crate) struct PoolConfig {
    /// Workers that are kept, also when there is nothing to do.
    pub(crate) min: usize,
    /// Workers that may run tasks at the same time. At least one, and at least `min`.
    pub(crate) max: usize,
    /// A worker above `min` is retired when it has been idle for this long.
    pub(crate) idle_exit: Option<Duration>,
    /// Tasks that a worker may hold beside the one it runs.
    pub(crate) ahead: usize,
    /// Tasks that may wait for a worker; more are refused.
    pub(crate) queue: Option<usize>,
    /// A worker is given at most this many tasks. Its successor is started when it is given
    /// its last, and it retires when another worker is ready.
    pub(crate) max_jobs: Option<NonZeroU32>,
    /// How workers that died are replaced.
    pub(crate) restart: RestartPolicy,
    /// A worker that is not ready after this long is killed.
    pub(crate) start_timeout: Option<Duration>,
    /// A worker that was told to retire is killed after this long.
    pub(crate) retire_grace: Duration,
    /// Workers are processes: they can be killed.
    pub(crate) can_kill: bool,
    /// A task that was sent to a worker that died, and was not started, can be sent again.
    pub(crate) can_resend: bool,
}

/// When workers that died are replaced, and when the pool gives up.
#[derive(Clone, Debug)]
pub(crate) struct RestartPolicy {
    /// Delay after one useless worker: one that died before it ended a task. A worker that had
    /// ended a task is replaced at once.
    pub(crate) first: Duration,
    /// The delay grows by this factor with each further useless worker in a row.
    pub(crate) factor: u32,
    /// The delay grows no further than this.
    pub(crate) max: Duration,
    /// The pool gives up at more deaths of useless workers than this within `period`, or when
    /// more than this die in a row before one is ready. None: it never does.
    pub(crate) intensity: Option<u32>,
    /// See `intensity`.
    pub(crate) period: Duration,
    /// Count every death within `period`, not only those of useless workers.
    pub(crate) every_death: bool,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(50),
            factor: 2,
            max: Duration::from_secs(1),
            intensity: Some(10),
            period: Duration::from_secs(30),
            every_death: false,
        }
    }
}

impl PoolConfig {
    /// A pool of `size` workers: processes (`can_kill`) or threads.
    pub(crate) fn fixed(size: usize, can_kill: bool) -> Self {
        let size = size.max(1);
        Self {
            min: size,
            max: size,
            idle_exit: None,
            ahead: 0,
            queue: None,
            max_jobs: None,
            restart: RestartPolicy::default(),
            start_timeout: None,
            retire_grace: Duration::from_secs(5),
            can_kill,
            can_resend: can_kill,
        }
    }
}
