//! What a transport is to be, so that the suite can drive it.

use std::ops::RangeInclusive;

use homing_core::{Carries, Outlet, Sender, Transport};
use homing_process::Doorbell;
use homing_router::Bell;

/// A road whose pipes for `M` end in a [`Sender`] that may go to another thread.
///
/// Implemented for every road of which that is true.
pub trait Sends<M>: Carries<M, Far = Sender<M, <Self as Sends<M>>::Outlet>> + 'static {
    /// The worker's end of such a pipe.
    type Outlet: Outlet<M> + Send + 'static;
}

impl<M, R, O> Sends<M> for R
where
    R: Carries<M, Far = Sender<M, O>> + 'static,
    O: Outlet<M> + Send + 'static,
{
    type Outlet = O;
}

/// A road that carries the messages of this suite.
///
/// Implemented for every road of which that is true.
pub trait SuiteRoad: Sends<u64> + Sends<String> + Sends<Vec<u8>> {}

impl<R: Sends<u64> + Sends<String> + Sends<Vec<u8>>> SuiteRoad for R {}

/// The sender of a pipe on the road of a rig.
pub type SenderOf<T, M = u64> = Sender<M, <<T as TransportRig>::Road as Sends<M>>::Outlet>;

/// A transport of threads, as the suite drives it.
pub trait TransportRig: 'static {
    /// What makes the pipes of a link.
    type Road: SuiteRoad;

    /// The transport.
    type Transport: Transport<Bell, Road = Self::Road, Inlet: 'static, Doorbell: Into<Doorbell>>;

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
