//! Worker processes, over the transport of the example `own_transport`, which uses public names
//! only; and what a worker learns that has not registered it.
#![cfg(unix)]
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::Once;

use homing::worker::{self, InheritError, WorkerOutlet};
use homing::{Sender, Ticket};
use homing_conformance::ProcessRig;
use homing_conformance::process::Wire;
use serde::Serialize;

use self::datagrams::{DatagramLink, Datagrams};

#[path = "../../examples/own_transport/datagrams.rs"]
mod datagrams;

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
