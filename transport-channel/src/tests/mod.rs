//! What the transport promises, through its public surface.
//!
//! A pipe goes by the index of its connection here: the tests number them themselves.

mod disconnect;
mod duplex;
mod ends;
mod interrupts;
mod links;
mod order;
mod overflow;
mod tasks;
mod wake;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use homing_core::{
    Arrival, ByValue, ConnectionId, Decode, End, Inlet, LinkEnd, Lost, MakeSender, NewLink, Nonce,
    Overflow, Panic, Pinger, Ticket, Transport,
};

use crate::{Channel, ChannelFactory, ChannelInlet, Sender};

/// Counts its rings.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Pinger for Counter {
    fn ping(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// What arrived, by pipe.
#[derive(Debug, PartialEq)]
enum Got<M> {
    Message(u32, M),
    Missed(u32, u64),
    Stopped(u32, End),
}

fn link(capacity: usize) -> (ChannelFactory, ChannelInlet) {
    link_with(capacity, Counter::default())
}

fn link_with(
    capacity: usize,
    bell: impl Pinger + Send + Sync + 'static,
) -> (ChannelFactory, ChannelInlet) {
    let Ok(NewLink { factory, inlet, .. }) = Channel::with_capacity(capacity).link(bell);
    (factory, inlet)
}

/// A started sender.
fn sender<M: Send + 'static>(factory: &ChannelFactory, pipe: u32, overflow: Overflow) -> Sender<M> {
    let mut sender = initial(factory, pipe, overflow);
    sender.start().unwrap();
    sender
}

fn initial<M: Send + 'static>(
    factory: &ChannelFactory,
    pipe: u32,
    overflow: Overflow,
) -> Sender<M> {
    let connection = ConnectionId::from_parts(pipe, 0);
    factory.make_sender(Ticket::new(connection, Nonce::new(0)).with_overflow(overflow))
}

/// Takes one arrival, whose message is an `M`.
fn take<M: Send + 'static>(inlet: &mut ChannelInlet) -> Result<Option<Got<M>>, LinkEnd> {
    Ok(inlet.poll()?.map(|arrival| match arrival {
        Arrival::Message { connection, payload } => {
            Got::Message(connection.index(), <ByValue as Decode<M>>::decode(payload).unwrap())
        }
        Arrival::Missed { connection, count } => Got::Missed(connection.index(), count),
        Arrival::Stopped { connection, end } => Got::Stopped(connection.index(), end),
        arrival => panic!("its pipes need no claim: {arrival:?}"),
    }))
}

/// Takes all that is there.
fn drain<M: Send + Debug + 'static>(inlet: &mut ChannelInlet) -> Vec<Got<M>> {
    std::iter::from_fn(|| take(inlet).unwrap()).collect()
}
