//! Checks of inlets, without a router: what each `poll` may do, and in which order arrivals
//! may come.
//!
//! The checks do what a router does for a link: they make connection ids, poll, clear the
//! link's flag and look once more, and watch the doorbell.

mod ends;
mod link;
mod polls;

use std::ops::RangeInclusive;

use homing_core::{MakeSender, Outlet, SendErrorKind, Sender, Transport};
use homing_process::Doorbell;

pub use ends::*;
pub use link::InletWaker;
pub use polls::*;

use crate::rig::Sends;

/// A transport whose inlets the suite polls.
pub trait InletRig: 'static {
    /// What makes the pipes of a link.
    type Factory: Sends<u64> + Sends<Vec<u8>>;

    /// The transport. It is given the waker of a link, as a router gives it.
    type Transport: Transport<InletWaker, Factory = Self::Factory, Inlet: 'static, Doorbell: Into<Doorbell>>;

    /// How many messages of type `u64` fit on a [small](InletRig::small) link of which the
    /// foreground takes nothing: at least, and at most.
    const FIT: RangeInclusive<usize>;

    /// The most bytes of a message that one `poll` takes in. `None` where messages move as
    /// values, whose length is no work: such a rig excepts
    /// [`b18_one_poll_does_bounded_work`].
    const POLL_BYTES: Option<usize>;

    /// A transport whose links have as little room as it can make them.
    fn small() -> Self::Transport;
}

/// The codec of a rig's messages of type `M`.
type CodecOf<R, M> = <<R as InletRig>::Factory as MakeSender<M>>::Codec;

/// Sends a message, again and again where the transport never waits.
fn deliver<O: Outlet<u64>>(sender: &mut Sender<u64, O>, message: u64) {
    while let Err(error) = sender.send(message) {
        assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Full, message));
        std::thread::yield_now();
    }
}
