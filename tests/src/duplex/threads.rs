//! Workers that are threads.

use std::marker::PhantomData;

use homing_core::{AsyncCommands, Decode, MakeDuplex, MakeSender, Receiver, Sender};
use homing_router::PipeOptions;

use super::role::{Order, Role, perform};
use super::task_role::TaskOutlet;
use super::{DuplexRig, Started, record};
use crate::background::Background;
use crate::event_loops::EventLoopRig;
use crate::foreground::Foreground;
use crate::rig::TransportRig;

/// A transport of threads that has a way back.
pub trait DuplexTransportRig:
    TransportRig<
    Factory: MakeDuplex<
        Order,
        u64,
        Ends = (Receiver<Order, Self::Commands>, Sender<u64, Self::Outlet>),
        Codec: Decode<u64> + Decode<String> + 'static,
    >,
>
{
    /// A worker's end of the messages.
    type Outlet: TaskOutlet + Send + 'static;
    /// A worker's end of the commands.
    type Commands: AsyncCommands<Order> + Send + 'static;
}

/// Workers that are threads, with a link each.
#[derive(Debug)]
pub struct Threads<T>(PhantomData<T>);

impl<T: DuplexTransportRig> DuplexRig for Threads<T> {
    type Codec = <T::Factory as MakeSender<u64>>::Codec;
    type Program = ();
    type Worker<H: EventLoopRig> = Background<i32>;

    fn start<H: EventLoopRig>(
        foreground: &Foreground<H>,
        (): (),
        role: Role,
        number: usize,
        capacity: usize,
    ) -> Started<Self, H> {
        let link = match role.fills_its_link() {
            // What fills it is soon handled.
            true => foreground.small_link::<T>(),
            false => foreground.link::<T>(),
        };
        let options = PipeOptions::new().command_capacity(capacity);
        let ((orders, sender), remote, pipe) =
            link.duplex_with::<Order, u64>(options, record(number)).expect("a way back");
        let worker = foreground.spawn(move || perform(role, orders, sender));
        Started { remote, pipe, worker }
    }

    fn outcome<H: EventLoopRig>(foreground: &mut Foreground<H>, worker: Background<i32>) -> i32 {
        foreground.join(worker)
    }

    fn kill<H: EventLoopRig>(_: &Background<i32>) -> bool {
        false
    }
}
