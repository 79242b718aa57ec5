//! Worker processes of a router.

use std::cell::OnceCell;
use std::fmt;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use std::rc::Rc;
use std::time::Duration;

use homing_core::{
    Authorization, Event, Exit, LinkId, MakeSender, PipeErrorKind, Postcard, SharedInlet, Ticket,
};
use homing_process::{ChildProcess, Prepared, ProcessTransport, SpawnOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{LinkError, SpawnError};
use crate::exit_inlet::ExitInlet;
use crate::link::Link;
use crate::mailbox::{Capacity, Mailbox};
use crate::pipe::PipeId;
use crate::pipe_options::PipeOptions;
use crate::router::Router;
use crate::state::OnExit;

/// A worker process, and the link from it.
///
/// The pipes that it makes are tickets: plain data, which the application hands to the
/// worker in whatever way it has. A ticket is honoured from any worker of the router that
/// presents it first; until then, its pipe is lost with this one.
pub type Worker<C> = Link<C, Process>;

/// The factory of a worker process's link: carries every message that serde can.
#[derive(Clone, Debug)]
pub struct Process(ChildProcess);

impl<M: Serialize + DeserializeOwned> MakeSender<M> for Process {
    type Sender = Ticket<M>;
    type Codec = Postcard;

    const AUTHORIZATION: Authorization = Authorization::Nonce;

    fn make_sender(&self, ticket: Ticket<M>) -> Ticket<M> {
        ticket
    }
}

impl<C: 'static> Link<C, Process> {
    /// The name that the worker was given, see [`SpawnBuilder::named`].
    pub fn name(&self) -> Option<&str> {
        self.factory().0.name()
    }

    /// The process id.
    pub fn process_id(&self) -> u32 {
        self.factory().0.id()
    }

    /// Kills the process (SIGKILL). What it had handed over still arrives, and its pipes are
    /// then told how it ended. Does nothing when it has ended.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(&self) -> std::io::Result<()> {
        self.factory().0.kill()
    }

    /// How the process ended: `None` while it runs, or while that is not known yet.
    pub fn exit(&self) -> Option<Exit> {
        self.factory().0.exit().flatten()
    }

    /// The writing end of the worker's standard input, where the command asked for one. It
    /// can be taken once.
    ///
    /// A write to it waits while the worker does not read. On the foreground's thread that can
    /// be for ever: the worker may be waiting for room for its own messages, which this thread
    /// takes. Write from another thread, or only as much as a pipe of the system holds (64 KiB
    /// on Linux) before the worker answers.
    pub fn take_stdin(&self) -> Option<ChildStdin> {
        self.factory().0.take_stdin()
    }

    /// The reading end of the worker's standard output, where the command asked for one. It
    /// can be taken once.
    pub fn take_stdout(&self) -> Option<ChildStdout> {
        self.factory().0.take_stdout()
    }

    /// The reading end of the worker's standard error, where the command asked for one. It
    /// can be taken once.
    pub fn take_stderr(&self) -> Option<ChildStderr> {
        self.factory().0.take_stderr()
    }
}

impl<C: 'static> Router<C> {
    /// The workers of this router whose processes have not ended, as far as that is known, in
    /// no particular order.
    pub fn workers(&self) -> impl Iterator<Item = Worker<C>> + use<C> {
        let state = self.inner.state.borrow();
        let workers: Vec<_> = state
            .links
            .values()
            .filter_map(|link| Some((link.id, link.worker.clone()?)))
            .filter(|(_, worker)| worker.exit().is_none())
            .collect();
        let router = self.clone();
        workers.into_iter().map(move |(id, worker)| Link::new(router.clone(), id, Process(worker)))
    }

    /// Prepares `command` as a worker process whose messages come by `transport`. The
    /// process is started with its first pipe, see [`SpawnBuilder`].
    ///
    /// The worker finds its link, and the ticket of the first pipe, in what it inherits;
    /// nothing is named in the file system. It is reaped by this router.
    #[must_use = "a worker is started with its first pipe"]
    pub fn spawn<T: ProcessTransport>(&self, transport: T, command: Command) -> SpawnBuilder<C, T> {
        let (router, options) = (self.clone(), SpawnOptions::new());
        SpawnBuilder { router, transport, command, options, on_exit: None }
    }
}

/// A worker process that is about to be started: the first pipe starts it.
///
/// ```no_run
/// # use std::process::Command;
/// # use homing_core::Event;
/// # use homing_router::{Router, SpawnError};
/// # fn f<T: homing_process::ProcessTransport>(router: Router<Vec<u32>>, transport: T) -> Result<(), SpawnError> {
/// let (worker, pipe) = router
///     .spawn(transport, Command::new("worker"))
///     .pipe(|app: &mut Vec<u32>, event: Event<u32>| app.extend(event.message()))?;
/// # Ok(()) }
/// ```
#[must_use = "a worker is started with its first pipe"]
pub struct SpawnBuilder<C: 'static, T> {
    router: Router<C>,
    transport: T,
    command: Command,
    options: SpawnOptions,
    on_exit: Option<OnExit<C>>,
}

impl<C: 'static, T: fmt::Debug> fmt::Debug for SpawnBuilder<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnBuilder")
            .field("transport", &self.transport)
            .field("command", &self.command)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<C: 'static, T: ProcessTransport> SpawnBuilder<C, T> {
    /// Says what the worker is called, and what becomes of it and its children, all at once:
    /// replaces what was said before.
    pub fn options(self, options: SpawnOptions) -> Self {
        Self { options, ..self }
    }

    /// Names the worker in logs, `Debug` and errors.
    pub fn named(self, name: impl Into<String>) -> Self {
        let options = self.options.named(name);
        Self { options, ..self }
    }

    /// Makes the worker the leader of a process group of its own, so that
    /// [`kill`](Worker::kill) takes its children along and a Ctrl-C in the terminal does not
    /// reach it. See [`SpawnOptions::own_process_group`].
    pub fn own_process_group(self) -> Self {
        let options = self.options.own_process_group();
        Self { options, ..self }
    }

    /// Lets the worker run on when the foreground ends without having stopped its router. See
    /// [`SpawnOptions::keep_running`].
    pub fn keep_running(self) -> Self {
        let options = self.options.keep_running();
        Self { options, ..self }
    }

    /// Keeps the last `lines` lines of the worker's standard error, which come with the end of
    /// its pipes ([`Lost::stderr`](homing_core::Lost::stderr)). See
    /// [`SpawnOptions::capture_stderr`].
    pub fn capture_stderr(self, lines: usize) -> Self {
        let options = self.options.capture_stderr(lines);
        Self { options, ..self }
    }

    /// Kills the worker when it has not opened its link so long after its start, and tells its
    /// pipes so. See [`SpawnOptions::start_deadline`].
    pub fn start_deadline(self, after: Duration) -> Self {
        let options = self.options.start_deadline(after);
        Self { options, ..self }
    }

    /// Has `on_exit` told when the process has ended, and how, `None` where the system cannot
    /// say: once, after the ends of all its pipes. A router that stops tells it, too; one that
    /// is dropped while it runs does not.
    pub fn on_exit(self, on_exit: impl FnOnce(&mut C, Option<Exit>) + 'static) -> Self {
        Self { on_exit: Some(Box::new(on_exit)), ..self }
    }

    /// Starts the process with a first pipe whose events are handed to `handler`. When there
    /// is no room, the worker waits.
    ///
    /// # Errors
    ///
    /// When the router does not run, there can be no link, or the process cannot be started.
    /// Nothing is left of it then, and the handler is dropped without having been told.
    pub fn pipe<M, F>(self, handler: F) -> Result<(Worker<C>, PipeId), SpawnError>
    where
        M: Serialize + DeserializeOwned + 'static,
        F: FnMut(&mut C, Event<M>) + 'static,
    {
        self.pipe_with(PipeOptions::new(), handler)
    }

    /// As [`pipe`](SpawnBuilder::pipe), and says what is to be done when there is no room, and
    /// whether the type of the messages is checked: an [`Overflow`](homing_core::Overflow), or
    /// [`PipeOptions`].
    ///
    /// # Errors
    ///
    /// As [`pipe`](SpawnBuilder::pipe).
    pub fn pipe_with<M, F>(
        self,
        options: impl Into<PipeOptions<M>>,
        handler: F,
    ) -> Result<(Worker<C>, PipeId), SpawnError>
    where
        M: Serialize + DeserializeOwned + 'static,
        F: FnMut(&mut C, Event<M>) + 'static,
    {
        let options = options.into();
        self.start(|router, link| router.add_handler::<M, Process, F>(link, options, handler))
    }

    /// Starts the process with a first pipe that ends in a mailbox of the
    /// [default](Capacity) capacity.
    ///
    /// # Errors
    ///
    /// As [`pipe`](SpawnBuilder::pipe).
    pub fn mailbox<M>(self) -> Result<(Worker<C>, Mailbox<M>), SpawnError>
    where
        M: Serialize + DeserializeOwned + 'static,
    {
        self.mailbox_with(PipeOptions::new(), Capacity::default())
    }

    /// Starts the process with a first pipe that ends in a mailbox of this capacity,
    /// and says what is to be done when there is no room, and whether the type of the messages
    /// is checked: an [`Overflow`](homing_core::Overflow), or [`PipeOptions`].
    ///
    /// # Errors
    ///
    /// As [`pipe`](SpawnBuilder::pipe).
    pub fn mailbox_with<M>(
        self,
        options: impl Into<PipeOptions<M>>,
        capacity: impl Into<Capacity>,
    ) -> Result<(Worker<C>, Mailbox<M>), SpawnError>
    where
        M: Serialize + DeserializeOwned + 'static,
    {
        let (options, capacity) = (options.into(), capacity.into());
        self.start(|router, link| router.add_mailbox::<M, Process>(link, options, capacity))
    }

    fn start<M, P>(
        mut self,
        first: impl FnOnce(&Router<C>, LinkId) -> Result<(Ticket<M>, P), PipeErrorKind>,
    ) -> Result<(Worker<C>, P), SpawnError> {
        let inner = &self.router.inner;
        let signal = inner.new_signal()?;
        let Prepared { transport, inlet, doorbell, handles, limit, depth, .. } =
            self.transport.prepare(signal.waker().clone()).map_err(LinkError::Transport)?;
        let child = Rc::new(OnceCell::new());
        let ended = Rc::clone(&child);
        let inlet = SharedInlet::followed_by(inlet, |lost| Box::new(ExitInlet::new(ended, lost)));
        let id = inner.attach(inlet, &signal)?;
        let program = self.command.get_program().to_owned();
        let started = first(&self.router, id).map_err(SpawnError::Pipe).and_then(|(ticket, p)| {
            let worker = ChildProcess::spawn_with(
                self.command,
                &self.options,
                transport,
                handles,
                limit,
                depth,
                &ticket,
            )
            .map_err(SpawnError::Process)?;
            let _ = child.set(worker.clone());
            if let Err(error) = inner.watch_link(&signal, doorbell, Some(worker.clone())) {
                worker.end();
                return Err(LinkError::Watch(error).into());
            }
            log::info!(
                target: "homing::worker",
                "{worker} was started over link {id}: {}",
                program.display()
            );
            Ok((worker, p))
        });
        match started {
            Ok((worker, p)) => {
                inner.set_on_exit(signal.token(), self.on_exit);
                Ok((Link::new(self.router, id, Process(worker)), p))
            }
            Err(error) => {
                inner.forget_link(signal.token());
                Err(error)
            }
        }
    }
}
