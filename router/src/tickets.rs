//! Tickets that belong to no link: pipes that are made before it is known which worker takes them.

use homing_core::{DecodeLimits, Event, PipeErrorKind, Ticket};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::pipe::PipeId;
use crate::pipe_options::PipeOptions;
use crate::remote::Remote;
use crate::router::Router;
use crate::ticket_remote::Bounds;
use crate::worker::{Process, make_ticket};

/// The bounds of a command while it is not known which worker takes it: those that a link has unless
/// others are chosen.
const BOUNDS: Bounds = Bounds { limit: 16 * 1024 * 1024, depth: DecodeLimits::DEFAULT_DEPTH };

impl<C: 'static> Router<C> {
    /// Makes a pipe before it is known which worker takes it, and the ticket for it, which is plain
    /// data: whichever worker of this router starts the sender first owns the pipe, over a link of
    /// bytes of whatever transport.
    ///
    /// A sender that is dropped without having been started takes the pipe as well, which is lost.
    ///
    /// Until then the pipe is lost with no link; only [`close_pipe`](Router::close_pipe) and the
    /// router's stop end it. [`route_until`](Router::route_until) waits for it while there is a
    /// link, and [`shutdown`](Router::shutdown) does not wait for it.
    ///
    /// When there is no room for messages, the sender waits.
    ///
    /// ```
    /// # use homing_core::{Event, Ticket};
    /// # use homing_router::{DoorbellSet, LoopBinding, Router};
    /// # use homing_transport_pipe::Pipe;
    /// # let router: Router<Vec<u32>> = Router::new(LoopBinding::readiness(&DoorbellSet::new()?));
    /// # router.start()?;
    /// let (ticket, _pipe) =
    ///     router.ticket(|app: &mut Vec<u32>, event: Event<u32>| app.extend(event.message()))?;
    /// // As it travels: in an argument, in a message, over a socket.
    /// let ticket: Ticket<u32> = ticket.to_string().parse()?;
    /// # let link = router.link(Pipe::new())?;
    /// let mut sender = link.sender(ticket); // in a worker process, of `worker::link()?`
    /// sender.start()?;
    /// sender.send(7)?;
    /// sender.stop()?;
    /// # let mut app = Vec::new();
    /// # router.route_until(&mut app, |app| !app.is_empty(), None)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the router does not run, or the system gives no random bytes.
    pub fn ticket<M>(
        &self,
        handler: impl FnMut(&mut C, Event<M>) + 'static,
    ) -> Result<(Ticket<M>, PipeId), PipeErrorKind>
    where
        M: Serialize + DeserializeOwned + 'static,
    {
        self.ticket_with(PipeOptions::new(), handler)
    }

    /// As [`ticket`](Router::ticket), and says what is to be done when there is no room, and whether
    /// the type of the messages is checked: an [`Overflow`](homing_core::Overflow), or
    /// [`PipeOptions`].
    ///
    /// # Errors
    ///
    /// As [`ticket`](Router::ticket).
    pub fn ticket_with<M>(
        &self,
        options: impl Into<PipeOptions<M>>,
        handler: impl FnMut(&mut C, Event<M>) + 'static,
    ) -> Result<(Ticket<M>, PipeId), PipeErrorKind>
    where
        M: Serialize + DeserializeOwned + 'static,
    {
        self.add_handler::<M, Process, _>(None, options.into(), handler)
    }

    /// As [`ticket`](Router::ticket), for a duplex pipe: the worker's messages, of type `U`, and its
    /// end are handed to `handler`, and commands of type `D` are sent to it by the [`Remote`].
    ///
    /// Commands can be sent at once, and wait for the worker, within the capacity. While it is not
    /// known which one takes the pipe, a command may have 16 MiB; should its link allow less, those
    /// that are longer are lost, logged, and stay among the
    /// [untaken](Remote::untaken).
    ///
    /// A worker that starts the pipe over a link that has no way back is cut off: the pipe ends as
    /// [`NoWayBack`](homing_core::ProtocolError::NoWayBack).
    ///
    /// # Errors
    ///
    /// As [`ticket`](Router::ticket).
    pub fn duplex_ticket<D, U>(
        &self,
        handler: impl FnMut(&mut C, Event<U>) + 'static,
    ) -> Result<(Ticket<U, D>, Remote<C, D>, PipeId), PipeErrorKind>
    where
        D: Serialize + 'static,
        U: Serialize + DeserializeOwned + 'static,
    {
        self.duplex_ticket_with(PipeOptions::new(), handler)
    }

    /// As [`duplex_ticket`](Router::duplex_ticket), and says what is to be done when there is no
    /// room for messages, whether their type is checked, and how many bytes of commands may wait: an
    /// [`Overflow`](homing_core::Overflow), or [`PipeOptions`].
    ///
    /// # Errors
    ///
    /// As [`ticket`](Router::ticket).
    pub fn duplex_ticket_with<D, U>(
        &self,
        options: impl Into<PipeOptions<U>>,
        handler: impl FnMut(&mut C, Event<U>) + 'static,
    ) -> Result<(Ticket<U, D>, Remote<C, D>, PipeId), PipeErrorKind>
    where
        D: Serialize + 'static,
        U: Serialize + DeserializeOwned + 'static,
    {
        let make = |ticket, capacity| Some(make_ticket(BOUNDS, ticket, capacity));
        let (ticket, remote) =
            self.add_duplex::<D, U, Process, _, _>(None, options.into(), handler, make)?;
        let pipe = remote.pipe();
        Ok((ticket, remote, pipe))
    }
}
