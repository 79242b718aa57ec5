//! What a transport is to be, so that the suite can drive it.

use std::ops::RangeInclusive;

use homing_core::{MakeSender, Outlet, Sender, Transport};
use homing_process::Doorbell;
use homing_router::LinkWaker;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A factory whose pipes for `M` end in a [`Sender`] that may go to another thread.
///
/// Implemented for every factory of which that is true.
pub trait Sends<M>:
    MakeSender<M, Sender = Sender<M, <Self as Sends<M>>::Outlet>> + 'static
{
    /// The worker's end of such a pipe.
    type Outlet: Outlet<M> + Send + 'static;
}

impl<M, R, O> Sends<M> for R
where
    R: MakeSender<M, Sender = Sender<M, O>> + 'static,
    O: Outlet<M> + Send + 'static,
{
    type Outlet = O;
}

/// A message that can be written, and cannot be read.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Unreadable;

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("this type cannot be read"))
    }
}

/// A factory that carries the messages of this suite.
///
/// Implemented for every factory of which that is true.
pub trait SuiteFactory: Sends<u64> + Sends<String> + Sends<ByteBuf> + Sends<Unreadable> {}

impl<R> SuiteFactory for R where R: Sends<u64> + Sends<String> + Sends<ByteBuf> + Sends<Unreadable> {}

/// The sender of a pipe on the factory of a rig.
pub type SenderOf<T, M = u64> = Sender<M, <<T as TransportRig>::Factory as Sends<M>>::Outlet>;

/// A transport of threads, as the suite drives it.
pub trait TransportRig: 'static {
    /// What makes the pipes of a link.
    type Factory: SuiteFactory;

    /// The transport.
    type Transport: Transport<LinkWaker, Factory = Self::Factory, Inlet: 'static, Doorbell: Into<Doorbell>>;

    /// How many messages of type `u64` fit on a [small](TransportRig::small) link of which
    /// the foreground takes nothing: at least, and at most.
    const FIT: RangeInclusive<usize>;

    /// A transport as applications get it if they choose nothing.
    fn transport() -> Self::Transport;

    /// A transport whose links have as little room as it can make them.
    fn small() -> Self::Transport;

    /// A transport whose messages have at most `limit` bytes; `None` where a message has no
    /// length, because it moves as a value.
    fn limited(limit: usize) -> Option<Self::Transport>;
}
