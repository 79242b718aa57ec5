//! Nothing is left of duplex pipes. In a binary of its own, because it counts what the process has:
//! one check runs after another, in one test.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "tests")]

mod rigs;

use homing::worker;
use homing_conformance::duplex::{
    DuplexProcessRig, DuplexTransportRig, Order, Processes, Threads,
    b10_nothing_is_left_of_duplex_pipes, b20_nothing_is_left_of_killed_receivers, play,
};
use homing_conformance::homing_core::{Receiver, Sender};
use homing_conformance::process::Program;
use homing_conformance::{Pinged, Watched};
use rigs::{Channels, Pipes};

const PIPE: Program = Program::new(concat!(module_path!(), "::pipe_program"));

impl DuplexTransportRig for Channels {
    type Outlet = homing::channel::ChannelOutlet<u64>;
    type Commands = homing::channel::ChannelCommands<Order>;
}

impl DuplexTransportRig for Pipes {
    type Outlet = homing::pipe::PipeOutlet;
    type Commands = homing::pipe::PipeCommands<Order>;
}

impl DuplexProcessRig for Pipes {
    type DuplexOutlet = worker::WorkerOutlet;
    type Commands = worker::WorkerCommands<Order>;

    fn small() -> homing::pipe::Pipe {
        <Self as homing_conformance::TransportRig>::small()
    }

    fn duplex() -> (Receiver<Order, Self::Commands>, Sender<u64, Self::DuplexOutlet>) {
        worker::duplex().expect("this is a worker")
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "what is left is counted in /proc")]
fn nothing_is_left() {
    b10_nothing_is_left_of_duplex_pipes::<Threads<Channels>, Watched>(());
    b10_nothing_is_left_of_duplex_pipes::<Threads<Channels>, Pinged>(());
    b10_nothing_is_left_of_duplex_pipes::<Threads<Pipes>, Watched>(());
    b10_nothing_is_left_of_duplex_pipes::<Threads<Pipes>, Pinged>(());
    b10_nothing_is_left_of_duplex_pipes::<Processes<Pipes>, Watched>(PIPE);
    b10_nothing_is_left_of_duplex_pipes::<Processes<Pipes>, Pinged>(PIPE);
    b20_nothing_is_left_of_killed_receivers::<Pipes, Watched>(PIPE);
    b20_nothing_is_left_of_killed_receivers::<Pipes, Pinged>(PIPE);
    #[cfg(target_os = "linux")]
    shm::nothing_is_left();
}

#[test]
fn pipe_program() {
    play::<Pipes>();
}

#[cfg(target_os = "linux")]
mod shm {
    use super::*;
    use crate::rigs::SharedMemory;

    const SHM: Program = Program::new(concat!(module_path!(), "::shm_program"));

    impl DuplexTransportRig for SharedMemory {
        type Outlet = homing::shm::ShmOutlet;
        type Commands = homing::shm::ShmCommands<Order>;
    }

    impl DuplexProcessRig for SharedMemory {
        type DuplexOutlet = worker::WorkerOutlet;
        type Commands = worker::WorkerCommands<Order>;

        fn small() -> homing::shm::Shm {
            <Self as homing_conformance::TransportRig>::small()
        }

        fn duplex() -> (Receiver<Order, Self::Commands>, Sender<u64, Self::DuplexOutlet>) {
            worker::duplex().expect("this is a worker")
        }
    }

    pub(super) fn nothing_is_left() {
        b10_nothing_is_left_of_duplex_pipes::<Threads<SharedMemory>, Watched>(());
        b10_nothing_is_left_of_duplex_pipes::<Threads<SharedMemory>, Pinged>(());
        b10_nothing_is_left_of_duplex_pipes::<Processes<SharedMemory>, Watched>(SHM);
        b10_nothing_is_left_of_duplex_pipes::<Processes<SharedMemory>, Pinged>(SHM);
        b20_nothing_is_left_of_killed_receivers::<SharedMemory, Watched>(SHM);
        b20_nothing_is_left_of_killed_receivers::<SharedMemory, Pinged>(SHM);
    }

    #[test]
    fn shm_program() {
        play::<SharedMemory>();
    }
}
