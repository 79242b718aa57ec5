//! The suite on the sink that the documentation shows.

#![allow(clippy::unwrap_used, reason = "tests")]

#[allow(unreachable_pub, reason = "the documentation shows the file as a crate of its own")]
mod sink;

use homing_mux::testing::{RawWriter, Reader, SinkRig};
use homing_mux::{FrameSink, MuxConfig, MuxFactory, MuxHandle};
use sink::{MemorySink, memory_link};

struct Memory;

const CAPACITY: usize = 64 * 1024;

impl SinkRig for Memory {
    type Sink = MemorySink;

    fn link(limit: usize) -> (MuxFactory<MemorySink>, Reader) {
        let (sink, inlet) = memory_link(CAPACITY, limit);
        let config = MuxConfig::new().limit(limit).never_blocks_here();
        (MuxFactory::new(MuxHandle::new(sink, config)), Reader::polled(inlet))
    }

    fn raw(limit: usize) -> (RawWriter, Reader) {
        let (sink, inlet) = memory_link(CAPACITY, limit);
        let write = move |bytes: &[u8]| {
            sink.try_write(bytes, &[]).unwrap();
        };
        (Box::new(write), Reader::polled(inlet))
    }
}

homing_mux::sink_suite!(Memory);
