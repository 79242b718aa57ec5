//! The transport to worker processes, with real ones.
//!
//! The worker's end has no queue from which a message could be taken back, so the policies that
//! drop older messages are not kept.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Once;

use homing::worker::{self, WorkerOutlet};
use homing::{Sender, Ticket};
use homing_conformance::process::{ProcessRig, Wire};
use homing_conformance::process_suite;
use homing_outsider::datagrams::{self, Datagrams};
use serde::Serialize;

struct Rig;

impl ProcessRig for Rig {
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

/// The first thing that a worker asks for may be either sender.
fn register() {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| datagrams::register().expect("nothing else has this name"));
}

process_suite!(datagram, Rig, except: [overflow_drop_oldest, overflow_latest_wins]);
