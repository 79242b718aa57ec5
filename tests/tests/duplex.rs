//! The way back, with threads and with processes.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod rigs;

use homing::worker;
#[cfg(unix)]
use homing_conformance::duplex::DuplexProcessRig;
use homing_conformance::duplex::{DuplexTransportRig, Order};
use homing_conformance::homing_core::{Receiver, Sender};

impl DuplexTransportRig for rigs::Channels {
    type Outlet = homing::channel::ChannelOutlet<u64>;
    type Commands = homing::channel::ChannelCommands<Order>;
}

impl DuplexTransportRig for rigs::Pipes {
    type Outlet = homing::pipe::PipeOutlet;
    type Commands = homing::pipe::PipeCommands<Order>;
}

#[cfg(target_os = "linux")]
impl DuplexTransportRig for rigs::SharedMemory {
    type Outlet = homing::shm::ShmOutlet;
    type Commands = homing::shm::ShmCommands<Order>;
}

homing_conformance::duplex_suite!(channel, rigs::Channels);
homing_conformance::duplex_suite!(pipe, rigs::Pipes);
#[cfg(target_os = "linux")]
homing_conformance::duplex_suite!(shm, rigs::SharedMemory);

#[cfg(unix)]
impl DuplexProcessRig for rigs::Pipes {
    type DuplexOutlet = worker::WorkerOutlet;
    type Commands = worker::WorkerCommands<Order>;

    fn small() -> homing::pipe::Pipe {
        <Self as homing_conformance::TransportRig>::small()
    }

    fn duplex() -> (Receiver<Order, Self::Commands>, Sender<u64, Self::DuplexOutlet>) {
        worker::duplex().expect("this is a worker")
    }
}

#[cfg(target_os = "linux")]
impl DuplexProcessRig for rigs::SharedMemory {
    type DuplexOutlet = worker::WorkerOutlet;
    type Commands = worker::WorkerCommands<Order>;

    fn small() -> homing::shm::Shm {
        <Self as homing_conformance::TransportRig>::small()
    }

    fn duplex() -> (Receiver<Order, Self::Commands>, Sender<u64, Self::DuplexOutlet>) {
        worker::duplex().expect("this is a worker")
    }
}

#[cfg(unix)]
homing_conformance::duplex_process_suite!(pipe_process, rigs::Pipes);
#[cfg(target_os = "linux")]
homing_conformance::duplex_process_suite!(shm_process, rigs::SharedMemory);
