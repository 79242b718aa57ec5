//! Worker processes, over the transport of the example `own_transport`, which uses public names
//! only; and what a worker learns that has not registered it.
#![cfg(unix)]
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::Once;

use homing::transport::{
    AdoptedLink as _, Arrival, Blocking, ConnectionId, Inlet as _, MuxConfig, MuxHandle, MuxLink,
    Nonce, codec,
};
use homing::worker::{self, InheritError, WorkerOutlet};
use homing::{Sender, Ticket};
use homing_conformance::ProcessRig;
use homing_conformance::process::Wire;
use serde::Serialize;

use self::datagrams::{DatagramLink, Datagrams};

#[path = "../../examples/own_transport/datagrams.rs"]
mod datagrams;

/// The sink that the multiplexer's documentation has.
#[path = "../../mux/tests/memory/sink.rs"]
mod memory;

/// The rig.
pub struct Own;

impl ProcessRig for Own {
    type Transport = Datagrams;
    type Outlet<M: Serialize + Send + 'static> = WorkerOutlet;

    const WIRE: Wire = Wire::Datagrams;

    fn transport() -> Datagrams {
        Datagrams
    }

    fn first<M: Serialize + Send + 'static>() -> Sender<M, WorkerOutlet> {
        register();
        worker::sender().expect("a worker has a sender")
    }

    fn sender<M: Serialize + Send + 'static>(ticket: Ticket<M>) -> Sender<M, WorkerOutlet> {
        register();
        worker::link().expect("a worker has a link").sender(ticket)
    }
}

/// Registers the transport, in a worker. The link is asked for before, which takes nothing
/// away.
fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for _ in 0..2 {
            assert_eq!(worker::link().unwrap_err(), InheritError::NoSuchTransport);
        }
        worker::register("another", DatagramLink::adopt).expect("nothing has this name");
        assert_eq!(worker::sender::<u64>().unwrap_err(), InheritError::NoSuchTransport);
        worker::register(datagrams::NAME, DatagramLink::adopt).expect("nothing has this name");
    });
}

// Nothing is queued, so nothing can be dropped: under these policies a send waits.
homing_conformance::process_suite!(
    datagram,
    Own,
    except: [overflow_drop_newest, overflow_drop_oldest, overflow_latest_wins]
);

#[test]
fn a_name_is_registered_once() {
    worker::register("one of a test", DatagramLink::adopt).unwrap();
    for name in ["one of a test", "pipe", "shm"] {
        let error = worker::register(name, DatagramLink::adopt).unwrap_err();
        assert_eq!(error.to_string(), format!("a transport named {name:?} is registered already"));
    }
}

/// A sink that is registered in a worker is given encoded messages, and writes the same frames
/// as one in the foreground's process, in one piece or in fragments.
#[test]
fn a_link_over_a_sink_takes_encoded_messages() {
    let (sink, mut inlet) = memory::memory_link(1 << 20, 1 << 20);
    let link = MuxLink(MuxHandle::new(sink, MuxConfig::new()));
    let mut outlet = link.outlet(Ticket::new(ConnectionId::from_parts(0, 0), Nonce::new(0)));
    outlet.open().unwrap();
    for len in [0, 1, 300, 200_000] {
        let message = vec![7u8; len];
        let mut encoded = Vec::new();
        codec::append(&message, usize::MAX, 1, &mut encoded).unwrap();
        assert_eq!(outlet.put(&encoded, Blocking::Never), Ok(0));
        loop {
            match inlet.poll().unwrap() {
                Some(Arrival::Message { payload, .. }) => {
                    break assert!(payload.decode() == Ok(message));
                }
                Some(_) => {}
                None => panic!("a message of {len} bytes did not arrive"),
            }
        }
    }
}
