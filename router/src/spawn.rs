//! Starting a worker process.

use std::cell::OnceCell;
use std::fmt;
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use homing_core::{Downlink, Event, Exit, LinkId, Notifier, PipeErrorKind, SharedInlet, Ticket};
use homing_process::{ChildProcess, Prepared, ProcessTransport, SpawnOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{LinkError, SpawnError};
use crate::exit_inlet::ExitInlet;
use crate::link::Link;
use crate::mailbox::{Capacity, Mailbox};
use crate::pipe::PipeId;
use crate::pipe_options::PipeOptions;
use crate::remote::Remote;
use crate::router::Router;
use crate::state::OnExit;
use crate::ticket_remote::Bounds;
use crate::worker::{Process, Worker, make_ticket};

impl<C: 'static> Router<C> {
    /// Prepares `command` as a worker process whose messages come by `transport`. The
    /// process is started with its first pipe or, by [`link`](SpawnBuilder::link), without one, see
    /// [`SpawnBuilder`].
    ///
    /// The worker finds its link, and the ticket of the first pipe, in what it inherits;
    /// nothing is named in the file system. It is reaped by this router.
    #[must_use = "a worker is started by `link`, or with its first pipe"]
    pub fn spawn<T: ProcessTransport>(&self, transport: T, command: Command) -> SpawnBuilder<C, T> {
        let (router, options) = (self.clone(), SpawnOptions::new());
        SpawnBuilder { router, transport, command, options, on_exit: None }
    }
}

/// A worker process that is about to be started: the first pipe starts it, or
/// [`link`](SpawnBuilder::link) does.
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
#[must_use = "a worker is started by `link`, or with its first pipe"]
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

    /// Starts the process without a first pipe. It is given [tickets](crate::Link::pipe), for which
    /// the link that `homing::worker::link` returns makes the senders.
    ///
    /// How the process ends, also when it never opens its link, is told by
    /// [`on_exit`](SpawnBuilder::on_exit) and to the pipes that the worker has by then.
    ///
    /// # Errors
    ///
    /// As [`pipe`](SpawnBuilder::pipe).
    pub fn link(self) -> Result<Worker<C>, SpawnError> {
        let (worker, ()) = self.start(|_, _, _| Ok((None::<Ticket<(), ()>>, ())))?;
        Ok(worker)
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
        self.start(|router, link, _| {
            let pipe = router.add_handler::<M, Process, F>(Some(link), options, handler);
            pipe.map(|(ticket, pipe)| (Some(ticket), pipe))
        })
    }

    /// Starts the process with a first pipe that is duplex: the worker's messages, of type `U`, and
    /// its end are handed to `handler`, and commands of type `D` are sent to it by the [`Remote`].
    /// When there is no room for messages, the worker waits.
    ///
    /// # Errors
    ///
    /// As [`pipe`](SpawnBuilder::pipe); and [`PipeErrorKind::NoWayBack`] when the transport has no
    /// way back.
    pub fn duplex<D, U>(
        self,
        handler: impl FnMut(&mut C, Event<U>) + 'static,
    ) -> Result<(Worker<C>, Remote<C, D>, PipeId), SpawnError>
    where
        D: Serialize + 'static,
        U: Serialize + DeserializeOwned + 'static,
    {
        self.duplex_with(PipeOptions::new(), handler)
    }

    /// As [`duplex`](SpawnBuilder::duplex), and says what is to be done when there is no room for
    /// messages, whether their type is checked, and how many bytes of commands may wait: an
    /// [`Overflow`](homing_core::Overflow), or [`PipeOptions`].
    ///
    /// # Errors
    ///
    /// As [`duplex`](SpawnBuilder::duplex).
    pub fn duplex_with<D, U>(
        self,
        options: impl Into<PipeOptions<U>>,
        handler: impl FnMut(&mut C, Event<U>) + 'static,
    ) -> Result<(Worker<C>, Remote<C, D>, PipeId), SpawnError>
    where
        D: Serialize + 'static,
        U: Serialize + DeserializeOwned + 'static,
    {
        let options = options.into();
        let (worker, remote) = self.start(|router, link, downlink| {
            let downlink = downlink.ok_or(PipeErrorKind::NoWayBack)?;
            let bounds = Bounds::of(downlink);
            let make = |ticket, capacity| Some(make_ticket(bounds, ticket, capacity));
            let pipe = router.add_duplex::<D, U, Process, _, _>(Some(link), options, handler, make);
            pipe.map(|(ticket, remote)| (Some(ticket), remote))
        })?;
        let pipe = remote.pipe();
        Ok((worker, remote, pipe))
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
        self.start(|router, link, _| {
            let pipe = router.add_mailbox::<M, Process>(link, options, capacity);
            pipe.map(|(ticket, mailbox)| (Some(ticket), mailbox))
        })
    }

    /// Starts the process with the pipe that `first` makes on its link, if any.
    fn start<U, D, P>(
        mut self,
        first: impl FnOnce(
            &Router<C>,
            LinkId,
            Option<&dyn Downlink>,
        ) -> Result<(Option<Ticket<U, D>>, P), PipeErrorKind>,
    ) -> Result<(Worker<C>, P), SpawnError> {
        let inner = &self.router.inner;
        let signal = inner.new_signal()?;
        let Prepared { transport, inlet, doorbell, handles, limit, depth, downlink, .. } =
            self.transport.prepare(signal.waker().clone()).map_err(LinkError::Transport)?;
        let notifier = downlink.clone().map(|downlink| downlink as Arc<dyn Notifier>);
        let child = Rc::new(OnceCell::new());
        let ended = Rc::clone(&child);
        let inlet = SharedInlet::followed_by(inlet, |lost| Box::new(ExitInlet::new(ended, lost)));
        let id = inner.attach(inlet, &signal, notifier)?;
        let program = self.command.get_program().to_owned();
        let first = first(&self.router, id, downlink.as_deref());
        let started = first.map_err(SpawnError::Pipe).and_then(|(ticket, p)| {
            // The worker says what its types are.
            let ticket = ticket.map(Ticket::cast::<U, ()>);
            let worker = ChildProcess::spawn_with(
                self.command,
                &self.options,
                transport,
                handles,
                limit,
                depth,
                ticket.as_ref(),
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
                let process = Process { child: worker, downlink };
                Ok((Link::new(self.router, id, process), p))
            }
            Err(error) => {
                inner.forget_link(signal.token());
                Err(error)
            }
        }
    }
}
