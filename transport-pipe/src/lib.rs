//! OS pipes as a transport of [Homing](https://crates.io/crates/homing): links to worker
//! processes, and within one process, over anonymous pipes of the system.
//!
//! A message is encoded with serde and postcard, and travels in frames; `WIRE.md` describes
//! them. Nothing is named in the file system: a worker process inherits its end.
//!
//! Applications get it through the crate `homing`. On its own it is used as any transport:
//!
//! ```
//! use homing_core::*;
//! use homing_process::Doorbells;
//! use homing_transport_pipe::{Pipe, Sender};
//!
//! struct Bell; // would wake the event loop
//! impl Pinger for Bell {
//!     fn ping(&self) {}
//! }
//!
//! let NewLink { factory, mut inlet, doorbell } = Pipe::new().link(Bell)?;
//! let mut doorbells = Doorbells::new()?;
//! doorbells.add(doorbell, None, std::sync::Arc::new(Bell))?;
//!
//! // A router would name the pipe.
//! let ticket = Ticket::new(ConnectionId::from_parts(0, 0), Nonce::new(0));
//! let mut sender: Sender<String> = factory.make_sender(ticket);
//! let worker = std::thread::spawn(move || {
//!     sender.start()?;
//!     sender.send("done".to_string()).map_err(|_| Disconnected)?;
//!     sender.stop()
//! });
//!
//! loop {
//!     match inlet.poll() {
//!         Ok(Some(Arrival::Message { payload, .. })) => {
//!             assert_eq!(payload.decode(), Ok("done".to_string()));
//!         }
//!         Ok(Some(Arrival::Stopped { end, .. })) => break assert_eq!(end, End::Finished),
//!         Ok(Some(_)) => {}
//!         Ok(None) => doorbells.wait(None)?,
//!         Err(end) => panic!("{end:?}"),
//!     }
//! }
//! # worker.join().unwrap().unwrap();
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # How a link is built
//!
//! All pipes of a link share two OS pipes, one for each direction, whose descriptors do not block;
//! how they share them is described in [`homing_mux`]. A sender that may wait for space waits in
//! `poll(2)`.
//!
//! In the foreground a [reader](homing_process::DescriptorReader) runs on the thread that watches
//! the descriptor, and hands what it has read to the [`PipeInlet`], which finds the frames in it.
//! What the foreground sends and finds no space for is written when the same thread finds some.
//!
//! In the worker the thread that receives or looks reads the way back itself. A worker that looks
//! often, at whether it was cancelled, has a thread, `homing-orders`, that reads in place of the
//! looks: they are one atomic load each then. The first looks after the start, or after a receiver
//! has waited, cost a system call each.
//!
//! # Differences between systems
//!
//! On Windows an anonymous pipe blocks and cannot be watched. There a write of a worker's waits for
//! room even where it should not, no message comes back as full, none is dropped, and a thread
//! reads each OS pipe; another one writes the foreground's.

#![forbid(unsafe_code)]

mod downlink;
mod frames;
mod inlet;
mod orders;
mod pipe;
mod sink;
mod sys;

#[cfg(test)]
mod tests;

pub use inlet::PipeInlet;
pub use pipe::{NAME, Pipe};
pub use sink::{
    PipeCommands, PipeFactory, PipeHandle, PipeOutlet, PipeSink, Receiver, Sender, adopt,
};
