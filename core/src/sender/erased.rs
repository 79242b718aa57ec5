//! Senders and receivers whose transport is chosen at run time.

use alloc::boxed::Box;
use core::fmt;
use core::task::{Context, Poll};

use super::{Blocking, Outlet, Sender};
use crate::async_receiver::AsyncCommands;
use crate::async_sender::{AsyncOutlet, Outgoing};
use crate::close::CloseReason;
use crate::counters::SenderCounters;
use crate::event::Panic;
use crate::send_error::{Disconnected, SendError};
use crate::state::SenderState;
use crate::way_back::{Commands, Receiver, RecvError, Told, Wait};

/// A sender of any transport, for code that does not know which one, and for collections of senders
/// over several. [`Sender::erase`] makes it.
///
/// All methods are those of [`Sender`], but for [`answer`](Sender::answer): an answer may be of any
/// type, which a transport has to know how to carry.
pub type AnySender<M> = Sender<M, Box<dyn Outlet<M> + Send>>;

/// As [`AnySender`], of a transport whose senders tasks can wait for: all of this project are.
/// [`Sender::erase_async`] makes it.
pub type AnyAsyncSender<M> = Sender<M, Box<dyn AsyncOutlet<M> + Send>>;

/// The receiver of a duplex pipe of any transport. [`Receiver::erase`] makes it.
pub type AnyReceiver<D> = Receiver<D, Box<dyn AsyncCommands<D> + Send>>;

impl<M: 'static, O: Outlet<M> + Send + 'static> Sender<M, O> {
    /// The same sender, in the same state, whose type does not name its transport. Its calls take
    /// an indirection more.
    ///
    /// ```
    /// # use homing_core::{AnySender, Outlet, Sender};
    /// # fn f(
    /// #     over_a_channel: Sender<u32, impl Outlet<u32> + Send + 'static>,
    /// #     over_a_pipe: Sender<u32, impl Outlet<u32> + Send + 'static>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut senders: Vec<AnySender<u32>> = vec![over_a_channel.erase(), over_a_pipe.erase()];
    /// for sender in &mut senders {
    ///     sender.start()?;
    ///     sender.send(7)?;
    /// }
    /// # Ok(()) }
    /// ```
    pub fn erase(self) -> AnySender<M> {
        self.wrap(|outlet| Box::new(outlet) as Box<dyn Outlet<M> + Send>)
    }

    /// As [`erase`](Sender::erase), with the methods for tasks.
    pub fn erase_async(self) -> AnyAsyncSender<M>
    where
        O: AsyncOutlet<M>,
    {
        self.wrap(|outlet| Box::new(outlet) as Box<dyn AsyncOutlet<M> + Send>)
    }

    fn wrap<P: Outlet<M>>(mut self, make: impl FnOnce(OutletOf<M, O>) -> P) -> Sender<M, P> {
        let (connection, state, counters) = (self.connection, self.state, self.counters);
        // It is not to end the pipe when it is dropped: only its outlet is used from now on.
        self.state = SenderState::Closed;
        let mut wrapped = Sender::new(connection, make(OutletOf(self)));
        (wrapped.state, wrapped.counters) = (state, counters);
        wrapped
    }
}

impl<D, I: AsyncCommands<D> + Send + 'static> Receiver<D, I> {
    /// The same receiver, whose type does not name its transport.
    pub fn erase(self) -> AnyReceiver<D> {
        let connection = self.connection();
        Receiver::new(connection, Box::new(self.into_commands()))
    }
}

/// The outlet of a sender that is not used as one any more: a type that has a destructor cannot be
/// taken apart.
struct OutletOf<M, O: Outlet<M>>(Sender<M, O>);

/// A default method is not good enough for an outlet that overrides it, so each is passed on.
macro_rules! forward_outlet {
    ($self:ident => $outlet:expr) => {
        fn open(&mut $self) -> Result<(), Disconnected> {
            $outlet.open()
        }

        #[inline]
        fn put(&mut $self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
            $outlet.put(message, blocking)
        }

        fn close(&mut $self, reason: CloseReason) -> Result<(), Disconnected> {
            $outlet.close(reason)
        }

        fn try_close(&mut $self, reason: CloseReason) -> Result<bool, Disconnected> {
            $outlet.try_close(reason)
        }

        fn fail(&mut $self, error: &dyn fmt::Display) -> Result<(), Disconnected> {
            $outlet.fail(error)
        }

        #[inline]
        fn told(&$self) -> Told {
            $outlet.told()
        }

        fn panicking(&$self) -> Option<Panic> {
            $outlet.panicking()
        }

        fn put_all(
            &mut $self,
            messages: &mut dyn Iterator<Item = M>,
            counters: &mut SenderCounters,
        ) -> Result<(), SendError<M>> {
            $outlet.put_all(messages, counters)
        }
    };
}

macro_rules! forward_async_outlet {
    ($self:ident => $outlet:expr) => {
        fn poll_put(
            &mut $self,
            message: &mut Outgoing<M>,
            cx: &mut Context<'_>,
        ) -> Poll<Result<u64, SendError<M>>> {
            $outlet.poll_put(message, cx)
        }

        fn poll_ready(&mut $self, cx: &mut Context<'_>) -> Poll<()> {
            $outlet.poll_ready(cx)
        }

        fn withdraw(&mut $self) -> bool {
            $outlet.withdraw()
        }

        fn poll_close(
            &mut $self,
            reason: &mut Option<CloseReason>,
            cx: &mut Context<'_>,
        ) -> Poll<Result<(), Disconnected>> {
            $outlet.poll_close(reason, cx)
        }
    };
}

#[deny(clippy::missing_trait_methods)]
impl<M, O: Outlet<M>> Outlet<M> for OutletOf<M, O> {
    forward_outlet!(self => self.0.outlet);
}

#[deny(clippy::missing_trait_methods)]
impl<M, O: AsyncOutlet<M>> AsyncOutlet<M> for OutletOf<M, O> {
    forward_async_outlet!(self => self.0.outlet);
}

#[deny(clippy::missing_trait_methods)]
impl<M, O: Outlet<M> + ?Sized> Outlet<M> for Box<O> {
    forward_outlet!(self => (**self));
}

#[deny(clippy::missing_trait_methods)]
impl<M, O: AsyncOutlet<M> + ?Sized> AsyncOutlet<M> for Box<O> {
    forward_async_outlet!(self => (**self));
}

#[deny(clippy::missing_trait_methods)]
impl<D, I: Commands<D> + ?Sized> Commands<D> for Box<I> {
    fn recv(&mut self, wait: Wait) -> Result<D, RecvError> {
        (**self).recv(wait)
    }

    fn told(&self) -> Told {
        (**self).told()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<D, I: AsyncCommands<D> + ?Sized> AsyncCommands<D> for Box<I> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<D, RecvError>> {
        (**self).poll_recv(cx)
    }
}
