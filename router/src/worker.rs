//! Worker processes of a router.

use std::cell::OnceCell;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use std::rc::Rc;

use homing_core::{
    Arrival, Authorization, Event, Exit, Inlet, LinkEnd, LinkId, Lost, MakeSender, Overflow,
    PipeErrorKind, Postcard, Ticket,
};
use homing_process::{Prepared, ProcessTransport, Worker as Child};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{LinkError, SpawnError};
use crate::link::Link;
use crate::mailbox::{self, Mailbox};
use crate::pipe::PipeId;
use crate::router::Router;

/// A worker process, and the link from it.
///
/// The pipes that it makes are tickets: plain data, which the application hands to the
/// worker in whatever way it has. A ticket is honoured from any worker of the router that
/// presents it first; until then, its pipe is lost with this one.
pub type Worker<C> = Link<C, Process>;

/// The factory of a worker process's link: carries every message that serde can.
#[derive(Clone, Debug)]
pub struct Process(Child);

impl<M: Serialize + DeserializeOwned> MakeSender<M> for Process {
    type Sender = Ticket<M>;
    type Codec = Postcard;

    const AUTHORIZATION: Authorization = Authorization::Nonce;

    fn make_sender(&self, ticket: Ticket<M>) -> Ticket<M> {
        ticket
    }
}

impl<C: 'static> Link<C, Process> {
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
    /// Prepares `command` as a worker process whose messages come by `transport`. The
    /// process is started with its first pipe, see [`Spawn`].
    ///
    /// The worker finds its link, and the ticket of the first pipe, in what it inherits;
    /// nothing is named in the file system. It is reaped by this router.
    #[must_use = "a worker is started with its first pipe"]
    pub fn spawn<T: ProcessTransport>(&self, transport: T, command: Command) -> Spawn<C, T> {
        Spawn { router: self.clone(), transport, command }
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
#[derive(Debug)]
#[must_use = "a worker is started with its first pipe"]
pub struct Spawn<C: 'static, T> {
    router: Router<C>,
    transport: T,
    command: Command,
}

impl<C: 'static, T: ProcessTransport> Spawn<C, T> {
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
        self.pipe_with(Overflow::Wait, handler)
    }

    /// As [`pipe`](Spawn::pipe), and says what is to be done when there is no room.
    ///
    /// # Errors
    ///
    /// As [`pipe`](Spawn::pipe).
    pub fn pipe_with<M, F>(
        self,
        overflow: Overflow,
        handler: F,
    ) -> Result<(Worker<C>, PipeId), SpawnError>
    where
        M: Serialize + DeserializeOwned + 'static,
        F: FnMut(&mut C, Event<M>) + 'static,
    {
        self.start(|router, link| router.add_handler::<M, Process, F>(link, overflow, handler))
    }

    /// Starts the process with a first pipe that ends in a mailbox for 1024 messages.
    ///
    /// # Errors
    ///
    /// As [`pipe`](Spawn::pipe).
    pub fn mailbox<M>(self) -> Result<(Worker<C>, Mailbox<M>), SpawnError>
    where
        M: Serialize + DeserializeOwned + 'static,
    {
        self.mailbox_with(Overflow::Wait, mailbox::DEFAULT_CAPACITY)
    }

    /// Starts the process with a first pipe that ends in a mailbox for `capacity` messages,
    /// and says what is to be done when there is no room.
    ///
    /// # Errors
    ///
    /// As [`pipe`](Spawn::pipe).
    pub fn mailbox_with<M>(
        self,
        overflow: Overflow,
        capacity: usize,
    ) -> Result<(Worker<C>, Mailbox<M>), SpawnError>
    where
        M: Serialize + DeserializeOwned + 'static,
    {
        self.start(|router, link| router.add_mailbox::<M, Process>(link, overflow, capacity))
    }

    fn start<M, P>(
        mut self,
        first: impl FnOnce(&Router<C>, LinkId) -> Result<(Ticket<M>, P), PipeErrorKind>,
    ) -> Result<(Worker<C>, P), SpawnError> {
        let inner = &self.router.inner;
        let signal = inner.state.borrow_mut().new_signal(&inner.wake)?;
        let Prepared { transport, inlet, doorbell, handles, limit, .. } =
            self.transport.prepare(signal.waker().clone()).map_err(LinkError::Transport)?;
        let child = Rc::new(OnceCell::new());
        let inlet = ProcessInlet { inlet, child: Rc::clone(&child), over: None };
        let id = inner.state.borrow_mut().attach(Box::new(inlet), &signal)?;
        let started = first(&self.router, id).map_err(SpawnError::Pipe).and_then(|(ticket, p)| {
            let worker = Child::spawn(self.command, transport, handles, limit, &ticket)
                .map_err(SpawnError::Process)?;
            let _ = child.set(worker.clone());
            let mut state = inner.state.borrow_mut();
            match state.watch_link(&signal, doorbell, Some(worker.clone())) {
                Ok(()) => Ok((worker, p)),
                Err(error) => {
                    worker.end();
                    Err(LinkError::Watch(error).into())
                }
            }
        });
        match started {
            Ok((worker, p)) => Ok((Link::new(self.router, id, Process(worker)), p)),
            Err(error) => {
                let receivers = inner.state.borrow_mut().forget_link(signal.token());
                drop(receivers);
                Err(error)
            }
        }
    }
}

/// What comes from a worker process, and then how the process ended.
struct ProcessInlet {
    inlet: Box<dyn Inlet>,
    child: Rc<OnceCell<Child>>,
    /// How the link ended: nothing comes over it any more.
    over: Option<Lost>,
}

impl Inlet for ProcessInlet {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        if self.over.is_none() {
            match self.inlet.poll() {
                Err(LinkEnd::Gone(lost)) => self.over = Some(lost),
                other => return other,
            }
        }
        let lost = self.over.clone().unwrap_or_default();
        // The link closes a moment before the process has ended; its end rings.
        match self.child.get().map(Child::exit) {
            Some(None) => Ok(None),
            Some(Some(exit)) => Err(LinkEnd::Gone(lost.with_exit(exit))),
            None => Err(LinkEnd::Gone(lost)),
        }
    }
}
