//! Worker processes of a router.

use std::fmt;
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::sync::Arc;
use std::time::Duration;

use homing_core::{
    Authorization, Downlink, Duplex, Exit, MakeDuplex, MakeSender, Postcard, Ticket,
};
use homing_process::ChildProcess;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::link::Link;
use crate::router::Router;
use crate::ticket_remote::{Bounds, TicketRemote};

/// A worker process, and the link from it.
///
/// The pipes that it makes are tickets: plain data, which the application hands to the
/// worker in whatever way it has. A ticket is honoured from any worker of the router that
/// presents it first, to which the commands of a duplex pipe go then; until then, its pipe is lost
/// with this one. A [ticket of the router's own](Router::ticket) is lost with none.
pub type Worker<C> = Link<C, Process>;

/// The factory of a worker process's link: carries every message that serde can.
#[derive(Clone)]
pub struct Process {
    pub(crate) child: ChildProcess,
    pub(crate) downlink: Option<Arc<dyn Downlink>>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Process").field(&self.child).finish()
    }
}

impl<M: Serialize + DeserializeOwned> MakeSender<M> for Process {
    type Sender = Ticket<M>;
    type Codec = Postcard;

    const AUTHORIZATION: Authorization = Authorization::Nonce;

    fn make_sender(&self, ticket: Ticket<M>) -> Ticket<M> {
        ticket
    }
}

impl<D: Serialize, U: Serialize + DeserializeOwned> MakeDuplex<D, U> for Process {
    type Ends = Ticket<U, D>;

    fn make_duplex(&self, ticket: Ticket<U, D>, capacity: usize) -> Option<Duplex<Self::Ends, D>> {
        Some(make_ticket(Bounds::of(self.downlink.as_deref()?), ticket, capacity))
    }
}

/// The ends of a duplex pipe to a worker process: its ticket, and what keeps its commands until a
/// worker claims it.
pub(crate) fn make_ticket<D: Serialize, U>(
    bounds: Bounds,
    ticket: Ticket<U, D>,
    capacity: usize,
) -> Duplex<Ticket<U, D>, D> {
    let remote = TicketRemote::new(ticket.connection(), capacity, bounds);
    Duplex::new(ticket, Arc::new(remote))
}

impl<C: 'static> Link<C, Process> {
    /// The name that the worker was given, see [`SpawnBuilder::named`](crate::SpawnBuilder::named).
    pub fn name(&self) -> Option<&str> {
        self.factory().child.name()
    }

    /// The process id.
    pub fn process_id(&self) -> u32 {
        self.factory().child.id()
    }

    /// Kills the process (SIGKILL). What it had handed over still arrives, and its pipes are
    /// then told how it ended. Does nothing when it has ended.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(&self) -> std::io::Result<()> {
        self.factory().child.kill()
    }

    /// The time that the process had to open its link
    /// ([`start_deadline`](crate::SpawnBuilder::start_deadline)), if it was killed for not having
    /// done so by then. Its pipes are told with their end.
    pub fn missed_start_deadline(&self) -> Option<Duration> {
        self.factory().child.missed_start_deadline()
    }

    /// How the process ended: `None` while it runs, or while that is not known yet.
    pub fn exit(&self) -> Option<Exit> {
        self.factory().child.exit().flatten()
    }

    /// The writing end of the worker's standard input, where the command asked for one. It
    /// can be taken once.
    ///
    /// A write to it waits while the worker does not read. On the foreground's thread that can
    /// be for ever: the worker may be waiting for room for its own messages, which this thread
    /// takes. Write from another thread, or only as much as a pipe of the system holds (64 KiB
    /// on Linux) before the worker answers.
    pub fn take_stdin(&self) -> Option<ChildStdin> {
        self.factory().child.take_stdin()
    }

    /// The reading end of the worker's standard output, where the command asked for one. It
    /// can be taken once.
    pub fn take_stdout(&self) -> Option<ChildStdout> {
        self.factory().child.take_stdout()
    }

    /// The reading end of the worker's standard error, where the command asked for one. It
    /// can be taken once.
    pub fn take_stderr(&self) -> Option<ChildStderr> {
        self.factory().child.take_stderr()
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
            .filter_map(|link| {
                let child = link.worker.clone().filter(|worker| worker.exit().is_none())?;
                Some((link.id, Process { child, downlink: state.downlink(link.id) }))
            })
            .collect();
        let router = self.clone();
        workers.into_iter().map(move |(id, process)| Link::new(router.clone(), id, process))
    }
}
