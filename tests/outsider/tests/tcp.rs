//! The links over TCP.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::ops::RangeInclusive;
use std::sync::Once;

use homing::transport::{MuxConfig, MuxFactory, MuxHandle};
use homing::worker::{self, WorkerOutlet};
use homing::{Sender, Ticket};
use homing_conformance::process::{ProcessRig, Wire};
use homing_conformance::{InletRig, TransportRig, inlet_suite, process_suite, transport_suite};
use homing_mux::testing::{RawWriter, Reader, SinkRig};
use homing_outsider::tcp::{self, Tcp, TcpSink};
use serde::Serialize;

/// The most bytes of one message, unless another limit is chosen.
const LIMIT: usize = 16 * 1024 * 1024;

struct Rig;

impl SinkRig for Rig {
    type Sink = TcpSink;

    fn link(limit: usize) -> (MuxFactory<TcpSink>, Reader) {
        let (writer, inlet, doorbell) = Tcp::new(limit, 1).connect().expect("a connection");
        let config = MuxConfig::new().limit(limit).never_blocks_here();
        let factory = MuxFactory::new(MuxHandle::new(TcpSink::new(writer), config));
        (factory, Reader::watched(inlet, doorbell))
    }

    fn raw(limit: usize) -> (RawWriter, Reader) {
        let (mut writer, inlet, doorbell) = Tcp::new(limit, 1).connect().expect("a connection");
        let write = move |bytes: &[u8]| writer.write_all(bytes).expect("the reader is there");
        (Box::new(write), Reader::watched(inlet, doorbell))
    }
}

impl TransportRig for Rig {
    type Factory = MuxFactory<TcpSink>;
    type Transport = Tcp;

    /// What the system buffers on both sides; a message has five bytes or more.
    const FIT: RangeInclusive<usize> = 100..=100_000;

    fn transport() -> Tcp {
        Tcp::new(LIMIT, 1024 * 1024)
    }

    fn small() -> Tcp {
        Tcp::new(LIMIT, 1)
    }

    fn limited(limit: usize) -> Option<Tcp> {
        Some(Tcp::new(limit, 1024 * 1024))
    }
}

impl InletRig for Rig {
    type Factory = MuxFactory<TcpSink>;
    type Transport = Tcp;

    const FIT: RangeInclusive<usize> = <Self as TransportRig>::FIT;
    const POLL_BYTES: Option<usize> = Some(64 * 1024);

    fn small() -> Tcp {
        <Self as TransportRig>::small()
    }
}

impl ProcessRig for Rig {
    type Transport = Tcp;
    type Outlet<M: Serialize + Send + 'static> = WorkerOutlet;

    const WIRE: Wire = Wire::Stream;

    fn transport() -> Tcp {
        <Self as TransportRig>::transport()
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
    REGISTER.call_once(|| tcp::register().expect("nothing else has this name"));
}

mod sink {
    use super::*;

    homing_mux::sink_suite!(Rig);
}

transport_suite!(transport, Rig);
inlet_suite!(inlet, Rig);
process_suite!(process, Rig);
