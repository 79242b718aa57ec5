//! How a worker process is started.

use std::time::Duration;

/// What a worker process is called, and what becomes of it and of its children.
///
/// ```
/// use homing_process::SpawnOptions;
///
/// let options = SpawnOptions::new().named("decoder-3").own_process_group().capture_stderr(20);
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpawnOptions {
    pub(crate) name: Option<String>,
    pub(crate) own_process_group: bool,
    pub(crate) keep_running: bool,
    pub(crate) adopt_through_wrappers: bool,
    pub(crate) stderr_lines: usize,
    pub(crate) start_deadline: Option<Duration>,
}

impl SpawnOptions {
    /// No name, in the foreground's process group, and ended with the foreground.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the worker in logs, `Debug` and errors.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Makes the worker the leader of a process group of its own. Unix only.
    ///
    /// [`ChildProcess::kill`](crate::ChildProcess::kill) then kills the children of the
    /// worker too, and on Linux they end with the foreground. A Ctrl-C in the terminal
    /// reaches the foreground alone.
    #[must_use]
    pub fn own_process_group(mut self) -> Self {
        self.own_process_group = true;
        self
    }

    /// Lets the worker run on when the foreground ends. By default it is killed then.
    #[must_use]
    pub fn keep_running(mut self) -> Self {
        self.keep_running = true;
        self
    }

    /// Accepts a worker that is not the foreground's child: one started by a wrapper that
    /// forks and stays (`timeout`, `setsid`, `sh -c 'worker; true'`).
    ///
    /// Any process that inherits the link can then take it, and the first one that asks gets
    /// it. Wrappers that only `exec` the worker (`env`, `nice`, `nohup`, `stdbuf`) do not
    /// need this.
    #[must_use]
    pub fn adopt_through_wrappers(mut self) -> Self {
        self.adopt_through_wrappers = true;
        self
    }

    /// Keeps the last `lines` lines of the worker's standard error, see
    /// [`ChildProcess::stderr_tail`](crate::ChildProcess::stderr_tail). What the worker writes
    /// is passed on to the foreground's standard error as well.
    ///
    /// Overrides what the command says about standard error. 0 captures nothing.
    #[must_use]
    pub fn capture_stderr(mut self, lines: usize) -> Self {
        self.stderr_lines = lines;
        self
    }

    /// Kills the worker when it has not opened its link so long after its start: a program
    /// that is no worker and runs on, or one that hangs before it asks for its sender. Its
    /// pipes are told so ([`Lost::start_deadline`](homing_core::Lost::start_deadline)). No
    /// deadline unless it is set. Unix only.
    ///
    /// A worker opens its link by `homing::worker::run`, `sender` or `link`, so it should do
    /// that before work that may take long.
    ///
    /// A worker that is to [run on](SpawnOptions::keep_running) can have no such deadline: to
    /// start it is an error.
    #[must_use]
    pub fn start_deadline(mut self, after: Duration) -> Self {
        self.start_deadline = Some(after);
        self
    }
}
