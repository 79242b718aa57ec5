//! Making the pipes of a link.

use std::fmt;

use homing_core::{Event, LinkId, MakeDuplex, MakeSender, OpenTicket, PipeErrorKind, Ticket};

use crate::mailbox::{Capacity, Mailbox};
use crate::pipe::PipeId;
use crate::pipe_options::PipeOptions;
use crate::remote::Remote;
use crate::router::Router;

/// One link from workers to a router; it makes pipes.
///
/// What a pipe's far end is depends on the link: a sender that moves to another thread, or,
/// on the link of a [`Worker`](crate::Worker), a ticket for it. `M` may be any message that
/// the link's transport can carry.
///
/// A link holds a handle of its router. Dropping it does not end the link.
pub struct Link<C: 'static, R> {
    router: Router<C>,
    id: LinkId,
    factory: R,
}

/// What [`Link::duplex`] makes: the worker's ends, the foreground's, and the name of the pipe.
pub type DuplexPipe<C, D, U, R> =
    (<R as MakeDuplex<D, U>>::Ends, Remote<C, D, <R as MakeSender<U>>::Codec>, PipeId);

impl<C: 'static, R> Link<C, R> {
    pub(crate) fn new(router: Router<C>, id: LinkId, factory: R) -> Self {
        Self { router, id, factory }
    }

    /// Makes a pipe whose events are handed to `handler`: any number of messages, then how
    /// it ended. When there is no room, senders wait.
    ///
    /// # Errors
    ///
    /// When the router does not run, or the link has ended.
    pub fn pipe<M, F>(&self, handler: F) -> Result<(R::Sender, PipeId), PipeErrorKind>
    where
        R: MakeSender<M> + 'static,
        M: 'static,
        F: FnMut(&mut C, Event<M>) + 'static,
    {
        self.pipe_with(PipeOptions::new(), handler)
    }

    /// As [`pipe`](Link::pipe), and says what is to be done when there is no room, and whether
    /// the type of the messages is checked: an [`Overflow`](homing_core::Overflow), or
    /// [`PipeOptions`].
    ///
    /// # Errors
    ///
    /// As [`pipe`](Link::pipe).
    pub fn pipe_with<M, F>(
        &self,
        options: impl Into<PipeOptions<M>>,
        handler: F,
    ) -> Result<(R::Sender, PipeId), PipeErrorKind>
    where
        R: MakeSender<M> + 'static,
        M: 'static,
        F: FnMut(&mut C, Event<M>) + 'static,
    {
        let (ticket, pipe) =
            self.router.add_handler::<M, R, F>(Some(self.id), options.into(), handler)?;
        Ok((self.factory.make_sender(ticket), pipe))
    }

    /// Makes a duplex pipe: messages of type `U` come from the worker, and are handed to `handler`
    /// with its end; commands of type `D` are sent to it by the [`Remote`]. When there is no room
    /// for messages, the sender waits.
    ///
    /// The worker's ends are a receiver and a sender or, on the link of a
    /// [`Worker`](crate::Worker), a ticket for both.
    ///
    /// # Errors
    ///
    /// As [`pipe`](Link::pipe); and [`PipeErrorKind::NoWayBack`] when the link has no way back.
    pub fn duplex<D, U>(
        &self,
        handler: impl FnMut(&mut C, Event<U>) + 'static,
    ) -> Result<DuplexPipe<C, D, U, R>, PipeErrorKind>
    where
        R: MakeDuplex<D, U, Codec: 'static> + 'static,
        D: 'static,
        U: 'static,
    {
        self.duplex_with(PipeOptions::new(), handler)
    }

    /// As [`duplex`](Link::duplex), and says what is to be done when there is no room for messages,
    /// whether their type is checked, and how many bytes of commands may wait: an
    /// [`Overflow`](homing_core::Overflow), or [`PipeOptions`].
    ///
    /// # Errors
    ///
    /// As [`duplex`](Link::duplex).
    pub fn duplex_with<D, U>(
        &self,
        options: impl Into<PipeOptions<U>>,
        handler: impl FnMut(&mut C, Event<U>) + 'static,
    ) -> Result<DuplexPipe<C, D, U, R>, PipeErrorKind>
    where
        R: MakeDuplex<D, U, Codec: 'static> + 'static,
        D: 'static,
        U: 'static,
    {
        let make = |ticket, capacity| self.factory.make_duplex(ticket, capacity);
        let (ends, remote) = self.router.add_duplex::<D, U, R, _, _>(
            Some(self.id),
            options.into(),
            handler,
            make,
        )?;
        let pipe = remote.pipe();
        Ok((ends, remote, pipe))
    }

    /// Makes a pipe that ends in a mailbox of the [default](Capacity) capacity. When there is
    /// no room, senders wait.
    ///
    /// # Errors
    ///
    /// As [`pipe`](Link::pipe).
    pub fn mailbox<M>(&self) -> Result<(R::Sender, Mailbox<M>), PipeErrorKind>
    where
        R: MakeSender<M> + 'static,
        M: 'static,
    {
        self.mailbox_with(PipeOptions::new(), Capacity::default())
    }

    /// Makes a pipe that ends in a mailbox of this capacity, a number of messages or a
    /// [`Capacity`], and says what is to be done when there is no room, and whether the type
    /// of the messages is checked: an [`Overflow`](homing_core::Overflow), or [`PipeOptions`]. A
    /// mailbox of [`LatestWins`](homing_core::Overflow::LatestWins) holds one message in any
    /// case.
    ///
    /// # Errors
    ///
    /// As [`pipe`](Link::pipe).
    pub fn mailbox_with<M>(
        &self,
        options: impl Into<PipeOptions<M>>,
        capacity: impl Into<Capacity>,
    ) -> Result<(R::Sender, Mailbox<M>), PipeErrorKind>
    where
        R: MakeSender<M> + 'static,
        M: 'static,
    {
        let (ticket, mailbox) =
            self.router.add_mailbox::<M, R>(self.id, options.into(), capacity.into())?;
        Ok((self.factory.make_sender(ticket), mailbox))
    }

    /// Makes, in this process, the sender that a ticket is for: of another link of the same router,
    /// as that of a [`Worker`](crate::Worker), or of [none](Router::ticket). It is for links of
    /// bytes, and is started and sends over this one, from any thread. The commands of a duplex pipe
    /// are not received.
    ///
    /// A ticket is good for one sender. A link over which one is used that is not the router's, or
    /// was used before, is cut off.
    pub fn sender<M>(&self, ticket: Ticket<M>) -> R::Sender
    where
        R: OpenTicket<(), M>,
    {
        self.factory.make_sender(ticket)
    }

    /// As [`sender`](Link::sender), makes the receiver and the sender that the ticket of a duplex
    /// pipe is for.
    pub fn duplex_ends<D, U>(&self, ticket: Ticket<U, D>) -> R::Ends
    where
        R: OpenTicket<D, U>,
    {
        self.factory.open_ticket(ticket)
    }

    pub(crate) fn factory(&self) -> &R {
        &self.factory
    }

    /// Names the link.
    pub fn id(&self) -> LinkId {
        self.id
    }

    /// Whether the link has not ended.
    pub fn is_open(&self) -> bool {
        self.router.inner.core.borrow().has_link(self.id)
    }
}

impl<C: 'static, R: fmt::Debug> fmt::Debug for Link<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("id", &self.id).field("factory", &self.factory).finish()
    }
}
