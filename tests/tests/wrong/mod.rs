//! Transports with one fault each, made of right ones.
#![allow(unreachable_pub, clippy::indexing_slicing, reason = "this is a test binary")]

mod inlet;
#[cfg(unix)]
mod late_flush;
mod outlet;

use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};

use homing::channel::{Channel, ChannelFactory};
use homing::pipe::{Pipe, PipeFactory};
use homing_conformance::homing_core::{NewLink, Pinger, Transport};
use homing_conformance::{InletRig, TransportRig};

pub use inlet::WrongInlet;
#[cfg(unix)]
pub use late_flush::LateFlush;
pub use outlet::WrongFactory;

use crate::rigs::{Channels, Pipes};

/// What is wrong with a transport. Unless a fault says so, nothing is.
pub trait Fault: Send + Sync + 'static {
    /// Of each two messages of a pipe, the second is sent first.
    const REORDERS: bool = false;
    /// Of two messages in a thousand, the second is sent first.
    const SWAPS_SOME: bool = false;
    /// A message is sent when the next one is, or with the end.
    const HOLDS_ONE_BACK: bool = false;
    /// One message in a thousand is not sent.
    const LOSES_SOME: bool = false;
    /// The policy of latest wins is taken for that of dropping the newest.
    const LATEST_WINS_DROPS_NEWEST: bool = false;
    /// What a policy dropped is not counted by the sender.
    const DROPS_SILENTLY: bool = false;
    /// What a policy dropped is not reported to the foreground.
    const REPORTS_NO_DROPS: bool = false;
    /// A send without a foreground succeeds.
    const SENDS_TO_NO_FOREGROUND: bool = false;
    /// One wake-up in a hundred is not made.
    const MISSES_SOME_WAKE_UPS: bool = false;
    /// The end of a pipe arrives twice.
    const ENDS_TWICE: bool = false;
    /// The end of a pipe arrives before its last message.
    const ENDS_EARLY: bool = false;
    /// What is queued when the link ends is discarded.
    const FORGETS_AT_THE_END: bool = false;
    /// A poll of an empty link waits.
    const WAITS_IN_POLL: bool = false;
    /// A poll returns when a message is whole.
    const TAKES_WHOLE_MESSAGES: bool = false;
    /// The claim of a pipe arrives after its first message.
    const CLAIMS_LATE: bool = false;
    /// A stop that never waits waits as any other.
    const WAITS_IN_TRY_STOP: bool = false;
}

/// The one that the others differ from.
pub struct Right;

impl Fault for Right {}

/// A right transport with a fault.
pub struct Wrong<T, F>(T, PhantomData<F>);

impl<T, F> Wrong<T, F> {
    fn new(transport: T) -> Self {
        Self(transport, PhantomData)
    }
}

impl<P, T, F> Transport<P> for Wrong<T, F>
where
    P: Pinger,
    T: Transport<SomeWakeUps<P, F>>,
    F: Fault,
{
    type Factory = WrongFactory<T::Factory, F>;
    type Inlet = WrongInlet<T::Inlet, F>;
    type Doorbell = T::Doorbell;
    type Error = T::Error;

    fn link(
        &mut self,
        waker: P,
    ) -> Result<NewLink<Self::Factory, Self::Inlet, T::Doorbell>, T::Error> {
        let NewLink { factory, inlet, doorbell } = self.0.link(SomeWakeUps::new(waker))?;
        Ok(NewLink { factory: WrongFactory::new(factory), inlet: WrongInlet::new(inlet), doorbell })
    }
}

/// Wakes the link, unless the fault is to miss some wake-ups.
pub struct SomeWakeUps<P, F> {
    waker: P,
    pings: AtomicUsize,
    fault: PhantomData<F>,
}

impl<P, F> SomeWakeUps<P, F> {
    fn new(waker: P) -> Self {
        Self { waker, pings: AtomicUsize::new(0), fault: PhantomData }
    }
}

impl<P: Pinger, F: Fault> Pinger for SomeWakeUps<P, F> {
    fn ping(&self) {
        let number = self.pings.fetch_add(1, Ordering::Relaxed);
        if !F::MISSES_SOME_WAKE_UPS || number % 100 != 99 {
            self.waker.ping();
        }
    }
}

/// The rig of a transport with a fault.
pub struct WrongRig<R, F>(PhantomData<(R, F)>);

macro_rules! wrong_rig {
    ($rig:ty, $transport:ty, $factory:ty, $poll_bytes:expr) => {
        impl<F: Fault> TransportRig for WrongRig<$rig, F> {
            type Factory = WrongFactory<$factory, F>;
            type Transport = Wrong<$transport, F>;

            const FIT: RangeInclusive<usize> = <$rig>::FIT;

            fn transport() -> Self::Transport {
                Wrong::new(<$rig as TransportRig>::transport())
            }

            fn small() -> Self::Transport {
                Wrong::new(<$rig as TransportRig>::small())
            }

            fn limited(limit: usize) -> Option<Self::Transport> {
                <$rig as TransportRig>::limited(limit).map(Wrong::new)
            }
        }

        impl<F: Fault> InletRig for WrongRig<$rig, F> {
            type Factory = WrongFactory<$factory, F>;
            type Transport = Wrong<$transport, F>;

            const FIT: RangeInclusive<usize> = <$rig>::FIT;
            const POLL_BYTES: Option<usize> = $poll_bytes;

            fn small() -> Self::Transport {
                Wrong::new(<$rig as TransportRig>::small())
            }
        }
    };
}

wrong_rig!(Channels, Channel, ChannelFactory, None);
wrong_rig!(Pipes, Pipe, PipeFactory, Some(64 * 1024));
