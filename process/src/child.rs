//! A worker process, as the foreground that started it sees it.

use std::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use homing_core::{Exit, Ticket};

use crate::descriptor::LinkDescriptor;
use crate::start_deadline::StartDeadline;
use crate::stderr::StderrTail;
use crate::system::{self, Process, Streams};
use crate::{OwnedHandle, SpawnOptions, StartError};

/// A worker process. Clones are handles of the same process.
///
/// Dropping all of them neither stops nor reaps the process; the router that started it does
/// both when it stops itself.
///
/// After a `fork` without `exec`, the copy of the foreground cannot kill or reap the workers of
/// the original: it has them by name only.
#[derive(Clone)]
pub struct ChildProcess(Arc<Inner>);

struct Inner {
    process: Process,
    name: Option<String>,
    /// The process that started it.
    parent: u32,
    /// Held while the process is signalled or reaped, so that none is signalled by a number
    /// that has become another's.
    reaping: Mutex<()>,
    exit: OnceLock<Option<Exit>>,
    streams: Mutex<Streams>,
    stderr: Option<StderrTail>,
    start_deadline: Option<Arc<StartDeadline>>,
}

/// How long [`ChildProcess::end`] waits for a process that was killed.
const END_DEADLINE: Duration = Duration::from_secs(5);

/// How soon a wait looks again at a process that has ended and cannot be reaped yet: a debugger
/// holds it.
const HELD_INTERVAL: Duration = Duration::from_millis(5);

impl ChildProcess {
    /// Starts `command` with the default [`SpawnOptions`], see
    /// [`spawn_with`](ChildProcess::spawn_with).
    ///
    /// # Errors
    ///
    /// As [`spawn_with`](ChildProcess::spawn_with).
    pub fn spawn<M>(
        command: Command,
        transport: &str,
        handles: Vec<OwnedHandle>,
        limit: usize,
        depth: u32,
        ticket: &Ticket<M>,
    ) -> Result<Self, StartError> {
        Self::spawn_with(command, &SpawnOptions::new(), transport, handles, limit, depth, ticket)
    }

    /// Starts `command` as a worker that inherits the `handles` of a link, and is told the
    /// `transport`, the `limit` and the `depth` of it (see [`Prepared`](crate::Prepared)), and the `ticket`
    /// of its first pipe, where it has one.
    ///
    /// The command is consumed: it holds the worker's end of the link, which no other process
    /// may hold when the worker ends. All that can be said of a `Command` works: streams, ids,
    /// groups, `pre_exec`.
    ///
    /// On Linux the time that this takes does not depend on the size of the foreground, unless
    /// the command has a user, groups, or a `pre_exec`, for which std forks. See the crate's
    /// documentation for what holds of other systems.
    ///
    /// # Errors
    ///
    /// When the process cannot be started. Nothing is left of it then.
    pub fn spawn_with<'t, M: 't>(
        command: Command,
        options: &SpawnOptions,
        transport: &str,
        handles: Vec<OwnedHandle>,
        limit: usize,
        depth: u32,
        ticket: impl Into<Option<&'t Ticket<M>>>,
    ) -> Result<Self, StartError> {
        crate::fork::install();
        let descriptor = LinkDescriptor {
            foreground: std::process::id(),
            any_parent: options.adopt_through_wrappers,
            transport: transport.to_owned(),
            limit,
            depth,
            ticket: ticket.into().map(Ticket::to_string).unwrap_or_default(),
            ..LinkDescriptor::default()
        };
        let start_deadline = options.start_deadline.map(StartDeadline::new).map(Arc::new);
        if start_deadline.is_some() && options.keep_running {
            let text = "a worker that runs on after the foreground can have no start deadline";
            let error = io::Error::new(io::ErrorKind::InvalidInput, text);
            return Err(StartError::about(&command)(error));
        }
        let deadline = start_deadline.clone();
        let (process, mut streams) =
            system::start(command, options, handles, descriptor, deadline)?;
        let stderr = StderrTail::start(&mut streams, &process, options.stderr_lines);
        Ok(Self(Arc::new(Inner {
            process,
            name: options.name.clone(),
            parent: std::process::id(),
            reaping: Mutex::new(()),
            exit: OnceLock::new(),
            streams: Mutex::new(streams),
            stderr,
            start_deadline,
        })))
    }

    /// The process id. Another process may have it once this one has ended.
    pub fn id(&self) -> u32 {
        self.0.process.id()
    }

    /// The name that the worker was given, see [`SpawnOptions::named`].
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The writing end of the worker's standard input, where the command asked for one.
    pub fn take_stdin(&self) -> Option<ChildStdin> {
        lock(&self.0.streams).stdin.take()
    }

    /// The reading end of the worker's standard output, where the command asked for one.
    pub fn take_stdout(&self) -> Option<ChildStdout> {
        lock(&self.0.streams).stdout.take()
    }

    /// The reading end of the worker's standard error, where the command asked for one and it
    /// is not [captured](SpawnOptions::capture_stderr).
    pub fn take_stderr(&self) -> Option<ChildStderr> {
        lock(&self.0.streams).stderr.take()
    }

    /// The last lines of the worker's standard error, the oldest first, if they are
    /// [captured](SpawnOptions::capture_stderr). Once the process has been reaped they are all
    /// that it wrote last. A line is cut after 4 KiB.
    pub fn stderr_tail(&self) -> Vec<String> {
        let ended = self.exit().is_some();
        self.0.stderr.as_ref().map(|tail| tail.lines(ended)).unwrap_or_default()
    }

    /// The [time](SpawnOptions::start_deadline) that the worker had to open its link, if it was
    /// killed for not having done so.
    pub fn missed_start_deadline(&self) -> Option<Duration> {
        self.0.start_deadline.as_ref()?.missed()
    }

    /// Kills the process (SIGKILL), and its children where it leads a
    /// [process group of its own](SpawnOptions::own_process_group).
    ///
    /// Does nothing to a process that has ended. Does not wait for the process: see
    /// [`try_reap`](ChildProcess::try_reap) and
    /// [`wait_deadline`](ChildProcess::wait_deadline).
    ///
    /// # Errors
    ///
    /// When the system refuses, as it does when the process belongs to another user; and when
    /// this process is a forked copy of the one that started the worker.
    pub fn kill(&self) -> io::Result<()> {
        if !self.is_ours() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the worker belongs to the process that this one was forked from",
            ));
        }
        let _reaping = lock(&self.0.reaping);
        self.0.process.kill(self.0.exit.get().is_none())
    }

    /// Reaps the process if it has ended. Does not wait.
    ///
    /// The outer `None` says that it still runs, the inner one that the system cannot say how
    /// it ended: another part of the program has reaped it, or SIGCHLD is ignored, and the
    /// kernel is older than Linux 6.15.
    pub fn try_reap(&self) -> Option<Option<Exit>> {
        if let Some(exit) = self.exit() {
            return Some(exit);
        }
        if !self.is_ours() {
            return None;
        }
        let _reaping = lock(&self.0.reaping);
        if self.0.exit.get().is_none()
            && let Some(exit) = self.0.process.try_reap()
        {
            let _ = self.0.exit.set(exit);
        }
        self.exit()
    }

    /// Waits until the process has ended, and reaps it. `None` when it still runs at
    /// `deadline`.
    pub fn wait_deadline(&self, deadline: Instant) -> Option<Option<Exit>> {
        loop {
            if let Some(exit) = self.try_reap() {
                return Some(exit);
            }
            if !self.is_ours() || Instant::now() >= deadline {
                return None;
            }
            self.0.process.wait_until(deadline);
            if self.try_reap().is_none() {
                std::thread::sleep(HELD_INTERVAL);
            }
        }
    }

    /// Kills the process and reaps it. Whether it is gone: one that cannot be killed is not
    /// waited for, and one that a debugger holds for some seconds only.
    ///
    /// To end many, [kill](ChildProcess::kill) all of them first.
    pub fn end(&self) -> bool {
        let deadline = match self.kill() {
            Ok(()) => Instant::now() + END_DEADLINE,
            Err(error) => {
                log::warn!("{self} cannot be killed: {error}");
                Instant::now()
            }
        };
        self.wait_deadline(deadline).is_some()
    }

    /// How the process ended: `None` before it was reaped, `Some(None)` where the system
    /// cannot say.
    pub fn exit(&self) -> Option<Option<Exit>> {
        self.0.exit.get().copied()
    }

    /// Whether this process has started it, and is no forked copy of the one that has. A copy
    /// can neither kill nor reap it, and must not wait for it.
    pub fn is_ours(&self) -> bool {
        self.0.parent == std::process::id()
    }

    /// Reaps the process if it has ended.
    pub(crate) fn note_exit(&self) {
        let _ = self.try_reap();
    }

    pub(crate) fn process(&self) -> &Process {
        &self.0.process
    }
}

/// A panic elsewhere leaves none of the data half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Threads are not copied by a fork.
        let ours = self.parent == std::process::id();
        let ended = ours && self.exit.get().is_some();
        self.process.release(ended);
    }
}

/// "worker `decoder-3` (pid 4711)"
impl fmt::Display for ChildProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "worker `{name}` (pid {})", self.id()),
            None => write!(f, "worker (pid {})", self.id()),
        }
    }
}

impl fmt::Debug for ChildProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildProcess")
            .field("name", &self.name())
            .field("id", &self.id())
            .field("exit", &self.exit())
            .finish()
    }
}
