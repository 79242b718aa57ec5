//! Shared memory as a transport of [Homing](https://crates.io/crates/homing): links from
//! worker processes, and within one process, at the speed of memory.
//!
//! This crate is for Linux: it needs memfd and its seals. On other systems this crate is empty,
//! and `homing-transport-pipe` is the portable choice, with the same behaviour.
//!
//! A message is encoded with serde and postcard, and travels in frames; `WIRE.md` describes
//! them and the memory. Nothing is named, neither in the file system nor in /dev/shm: a
//! worker process inherits its end.
//!
//! Applications get it through the crate `homing`. On its own it is used as any transport; the
//! documentation of `homing-transport-pipe` shows how.
//!
//! # How a link is built
//!
//! A link has two directions, each of which is a ring of bytes in a sealed memfd, and a pair of
//! sockets. All pipes of the link put their frames on the ring, each as a whole or not at all; how
//! they share it is described in [`homing_mux`]. A sender that is the only one of its link puts
//! messages without a lock. There is no lock in the shared memory.
//!
//! The foreground copies a run of frames at once to memory of its own, gives their space back,
//! and reads them there; the fragments of a large message it copies to where the message is
//! put together. While messages come densely it lets them coalesce, for some ten microseconds
//! at most, before it looks for more: each look takes a cache line from the worker. It never
//! trusts what stands in the shared memory: the worker's index is checked whenever it is read,
//! and its own it keeps to itself. So it does on the way back, where its own index is that of the
//! writer.
//!
//! The writer rings, with a byte on the socket, only when the reader sleeps; the reader wakes the
//! writer in the same way, only when the writer waits. The end of the socket tells each side of the
//! other's death.
//!
//! # The way back
//!
//! Commands take the second direction, whose ring is [smaller](Shm::way_back_ring). The foreground
//! never waits: when there is no room, commands wait in its memory, and the worker rings when it has
//! made some.
//!
//! A worker that looks whether it was cancelled loads a word of the shared memory, which takes no
//! system call, no lock and no thread. While none of its threads waits, no command rings. A thread
//! that waits for a command, or for room to send, sleeps in the kernel until the foreground rings.
//!
//! # When a side dies
//!
//! What a worker has handed over is in memory that the foreground holds. However the worker
//! ends, it arrives; what was being put when it ended does not.
//!
//! When the foreground ends, however that is, a sender or a receiver that waits is told at once, and
//! any other with its next message or look, as soon as the system has closed the foreground's end.

#![cfg(target_os = "linux")]
#![deny(unsafe_code)]
// There, only the models are left to use the ring.
#![cfg_attr(loom, allow(dead_code))]

// What the model checker sees.
mod ring;

#[cfg(not(loom))]
mod link;
#[cfg(not(loom))]
pub use link::{
    NAME, Receiver, Sender, Shm, ShmCommands, ShmFactory, ShmHandle, ShmInlet, ShmOutlet, ShmSink,
    adopt,
};
