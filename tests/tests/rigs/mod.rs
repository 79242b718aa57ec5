//! Our own transports, and event loops, as the suite drives them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "each test binary uses some of them"
)]

pub mod calloop;
#[cfg(unix)]
pub mod serial;
#[cfg(unix)]
pub mod serial_duplex;
pub mod statics;
pub mod tokio;

use std::ops::RangeInclusive;

use homing::channel::{Channel, ChannelFactory};
use homing::pipe::{Pipe, PipeFactory};
#[cfg(target_os = "linux")]
use homing::shm::{Shm, ShmFactory};
use homing::worker::{self, WorkerOutlet};
use homing::{Sender, Ticket};
use homing_conformance::TransportRig;
#[cfg(unix)]
use homing_conformance::process::{ProcessRig, Wire};
use serde::Serialize;

/// The channel, between threads.
pub struct Channels;

impl TransportRig for Channels {
    type Factory = ChannelFactory;
    type Transport = Channel;

    const FIT: RangeInclusive<usize> = 4..=4;

    fn transport() -> Channel {
        Channel::new()
    }

    fn small() -> Channel {
        Channel::with_capacity(4)
    }

    fn limited(_: usize) -> Option<Channel> {
        None
    }
}

/// OS pipes, between threads and between processes.
pub struct Pipes;

impl TransportRig for Pipes {
    type Factory = PipeFactory;
    type Transport = Pipe;

    /// An OS pipe holds 64 KiB on Linux, and the foreground at least as much again; a message
    /// has five bytes or more.
    const FIT: RangeInclusive<usize> = 100..=40_000;

    fn transport() -> Pipe {
        Pipe::new()
    }

    fn small() -> Pipe {
        Pipe::new().buffer(1)
    }

    fn limited(limit: usize) -> Option<Pipe> {
        Some(Pipe::new().limit(limit))
    }
}

/// Worker processes, through the facade, as applications have them.
#[cfg(unix)]
impl ProcessRig for Pipes {
    type Transport = Pipe;
    type Outlet<M: Serialize + Send + 'static> = WorkerOutlet;

    const WIRE: Wire = Wire::Stream;

    fn transport() -> Pipe {
        Pipe::new()
    }

    fn first<M: Serialize + Send + 'static>() -> Sender<M, WorkerOutlet> {
        worker::sender().expect("a worker has a sender")
    }

    fn sender<M: Serialize + Send + 'static>(ticket: Ticket<M>) -> Sender<M, WorkerOutlet> {
        worker::link().expect("a worker has a link").sender(ticket)
    }
}

/// Shared memory, between threads and between processes.
#[cfg(target_os = "linux")]
pub struct SharedMemory;

#[cfg(target_os = "linux")]
impl TransportRig for SharedMemory {
    type Factory = ShmFactory;
    type Transport = Shm;

    /// A ring of a page; a message has five bytes or more.
    const FIT: RangeInclusive<usize> = 100..=4096;

    fn transport() -> Shm {
        Shm::new()
    }

    fn small() -> Shm {
        Shm::new().ring(4096)
    }

    fn limited(limit: usize) -> Option<Shm> {
        Some(Shm::new().limit(limit))
    }
}

/// Worker processes, through the facade, as applications have them.
#[cfg(target_os = "linux")]
impl ProcessRig for SharedMemory {
    type Transport = Shm;
    type Outlet<M: Serialize + Send + 'static> = WorkerOutlet;

    const WIRE: Wire = Wire::Opaque;

    fn transport() -> Shm {
        Shm::new()
    }

    fn first<M: Serialize + Send + 'static>() -> Sender<M, WorkerOutlet> {
        worker::sender().expect("a worker has a sender")
    }

    fn sender<M: Serialize + Send + 'static>(ticket: Ticket<M>) -> Sender<M, WorkerOutlet> {
        worker::link().expect("a worker has a link").sender(ticket)
    }
}
