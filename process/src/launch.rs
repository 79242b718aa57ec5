//! Starting a worker process that inherits its link.

use std::fmt;
use std::io;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use std::sync::{Arc, OnceLock};

use homing_core::{Exit, Ticket};
use shared_child::SharedChild;

use crate::worker::Description;
use crate::{OwnedHandle, handles};

/// A worker process. Clones are handles of the same process.
///
/// Dropping it neither stops nor waits for the process; the router that started it reaps it,
/// and kills it when it stops itself.
#[derive(Clone)]
pub struct Worker {
    child: Arc<SharedChild>,
    exit: Arc<OnceLock<Option<Exit>>>,
}

impl Worker {
    /// Starts `command` as a worker that inherits the `handles` of a link, and is told the
    /// `transport` and the `limit` of it (see [`Prepared`](crate::Prepared)), and the `ticket`
    /// of its first pipe.
    ///
    /// The command is consumed: it holds the worker's end of the link, which nobody else may
    /// hold when the worker ends.
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub fn spawn<M>(
        mut command: Command,
        transport: &str,
        handles: Vec<OwnedHandle>,
        limit: usize,
        ticket: &Ticket<M>,
    ) -> io::Result<Self> {
        let (names, open) = handles::inherit(&mut command, handles)?;
        let description = Description {
            transport: transport.to_owned(),
            handles: names,
            limit,
            ticket: ticket.to_string(),
        };
        command.env(crate::worker::VARIABLE, description.to_string());
        let child = SharedChild::spawn(&mut command)?;
        drop(open);
        Ok(Self { child: Arc::new(child), exit: Arc::new(OnceLock::new()) })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The writing end of the worker's standard input, where the command asked for one.
    pub fn take_stdin(&self) -> Option<ChildStdin> {
        self.child.take_stdin()
    }

    /// The reading end of the worker's standard output, where the command asked for one.
    pub fn take_stdout(&self) -> Option<ChildStdout> {
        self.child.take_stdout()
    }

    /// The reading end of the worker's standard error, where the command asked for one.
    pub fn take_stderr(&self) -> Option<ChildStderr> {
        self.child.take_stderr()
    }

    /// Kills the process (SIGKILL). Does nothing when it has ended.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(&self) -> io::Result<()> {
        self.child.kill()
    }

    /// Kills the process, and waits until it is reaped.
    pub fn end(&self) {
        // Neither can fail for a child that is there; one that is not needs no more.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.note_exit();
    }

    /// How the process ended: `None` while it runs, `Some(None)` where the system cannot
    /// say.
    pub fn exit(&self) -> Option<Option<Exit>> {
        self.exit.get().copied()
    }

    /// Reaps the process if it has ended. How it did, as [`exit`](Worker::exit).
    pub fn try_reap(&self) -> Option<Option<Exit>> {
        self.note_exit();
        self.exit()
    }

    pub(crate) fn child(&self) -> Arc<SharedChild> {
        Arc::clone(&self.child)
    }

    /// Remembers how the process ended, once it has.
    pub(crate) fn note_exit(&self) {
        let exit = match self.child.try_wait() {
            Ok(Some(status)) => crate::exit::exit_of(status),
            Ok(None) => return,
            // Reaped by somebody else.
            Err(_) => None,
        };
        self.exit.get_or_init(|| exit);
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("id", &self.id()).field("exit", &self.exit()).finish()
    }
}
