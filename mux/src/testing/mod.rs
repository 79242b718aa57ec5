//! The test suite for sinks: [`sink_suite!`](crate::sink_suite) runs it on one's own.
//!
//! ```ignore
//! struct MyRig;
//!
//! impl homing_mux::testing::SinkRig for MyRig {
//!     type Sink = MySink;
//!     /* … */
//! }
//!
//! homing_mux::sink_suite!(MyRig);
//! ```
//!
//! A pipe goes by the index of its connection here: the checks number them themselves. The
//! thread of a check is the foreground's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "checks panic when they fail"
)]

pub mod checks;
mod reader;
mod suite;
mod task;

use std::thread;
use std::time::Duration;

use homing_core::{ConnectionId, End, MakeSender as _, Nonce, Overflow, Ticket};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

pub use reader::{Reader, Watch};

use crate::frame::Header;
use crate::{FrameSink, MuxFactory, MuxSender};

/// What the suite needs to know of a sink.
pub trait SinkRig {
    /// The sink.
    type Sink: FrameSink;

    /// Makes a link within this process whose messages have at most `limit` bytes, on whose
    /// thread nothing waits. It holds some 64 KiB before its senders have to wait, so that it
    /// is soon full, and never more than 1 MiB.
    fn link(limit: usize) -> (MuxFactory<Self::Sink>, Reader);

    /// Makes such a link whose writer writes bytes of its own, at [`FrameSink::ALIGN`].
    /// Dropping the writer ends the link.
    fn raw(limit: usize) -> (RawWriter, Reader);
}

/// Writes bytes to a link, past its sink.
pub type RawWriter = Box<dyn FnMut(&[u8])>;

/// What arrived, by pipe.
#[derive(Clone, Debug, PartialEq)]
pub enum Got {
    /// A pipe was claimed, with a nonce.
    Started(u32, Nonce),
    /// A message, encoded.
    Message(u32, Vec<u8>),
    /// The answer to a question, encoded.
    Answer(u32, u32, Vec<u8>),
    /// So many commands were taken.
    Taken(u32, u64),
    /// So many messages were dropped.
    Missed(u32, u64),
    /// A pipe ended.
    Stopped(u32, End),
}

impl Got {
    /// As a message of a pipe arrives.
    pub fn message<M: Serialize>(pipe: u32, message: &M) -> Self {
        Got::Message(pipe, postcard::to_allocvec(message).unwrap())
    }

    /// As the start of a pipe arrives that [`initial`] has made.
    pub fn started(pipe: u32) -> Self {
        Got::Started(pipe, nonce(pipe))
    }

    /// The pipe.
    pub fn pipe(&self) -> u32 {
        match self {
            Got::Started(of, _)
            | Got::Message(of, _)
            | Got::Answer(of, ..)
            | Got::Taken(of, _)
            | Got::Missed(of, _)
            | Got::Stopped(of, _) => *of,
        }
    }
}

/// A message of `len` bytes. It is encoded as a `Vec<u8>` is, but at once: these checks run without
/// optimization, too.
fn filled(byte: u8, len: usize) -> ByteBuf {
    ByteBuf::from(vec![byte; len])
}

fn nonce(pipe: u32) -> Nonce {
    Nonce::new((pipe + 7).into())
}

/// The ticket of a pipe.
pub fn ticket<M>(pipe: u32, overflow: Overflow) -> Ticket<M> {
    Ticket::new(ConnectionId::from_parts(pipe, 0), nonce(pipe)).with_overflow(overflow)
}

/// A sender that is not started yet.
pub fn initial<M: Serialize + DeserializeOwned, S: FrameSink>(
    factory: &MuxFactory<S>,
    pipe: u32,
    overflow: Overflow,
) -> MuxSender<M, S> {
    factory.make_sender(ticket(pipe, overflow))
}

/// A started sender.
pub fn sender<M: Serialize + DeserializeOwned, S: FrameSink>(
    factory: &MuxFactory<S>,
    pipe: u32,
    overflow: Overflow,
) -> MuxSender<M, S> {
    let mut sender = initial(factory, pipe, overflow);
    sender.start().unwrap();
    sender
}

/// Fills a link until it takes no message, with messages of pipe 99.
///
/// A link whose system moves bytes on its own, such as a network connection, takes more a moment
/// after it was full. So it is given that moment, until it stays full.
pub fn fill<S: FrameSink>(factory: &MuxFactory<S>) -> MuxSender<ByteBuf, S> {
    let mut sender = sender::<ByteBuf, S>(factory, 99, Overflow::GiveBack);
    let mut is_full = false;
    while !is_full {
        is_full = true;
        for len in [1000, 100, 0] {
            while sender.send(filled(0, len)).is_ok() {
                is_full = false;
            }
        }
        thread::sleep(MOMENT);
    }
    sender
}

/// In this time a system moves what it moves on its own. On one that takes longer, a check of a
/// full link may fail.
const MOMENT: Duration = Duration::from_millis(10);

/// A frame, filled up to where the next may begin.
pub fn frame<S: FrameSink>(header: Header, body: &[u8]) -> Vec<u8> {
    let mut frame = header.frame(body);
    frame.resize(frame.len().next_multiple_of(S::ALIGN), 0);
    frame
}
