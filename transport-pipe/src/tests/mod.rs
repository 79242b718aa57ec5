//! What the transport promises beyond what the suite for sinks checks, on real OS pipes.

mod stream;
#[cfg(unix)]
mod way_back;

use std::fs::File;
use std::io::Write as _;

use homing_core::{NewLink, Overflow, Pinger, SendErrorKind, Transport as _};
use homing_mux::MuxConfig;
use homing_mux::testing::{Got, RawWriter, Reader, SinkRig, checks, sender};
use homing_process::{LinkWaker, ProcessTransport as _};

use crate::{Pipe, PipeFactory, PipeSink};

struct Silent;

impl Pinger for Silent {
    fn ping(&self) {}
}

/// Links of which the foreground buffers next to nothing.
struct Rig;

impl SinkRig for Rig {
    type Sink = PipeSink;

    fn link(limit: usize) -> (PipeFactory, Reader) {
        link(Pipe::new().buffer(1).limit(limit))
    }

    fn raw(limit: usize) -> (RawWriter, Reader) {
        let (mut worker, reader) = raw(Pipe::new().limit(limit));
        (Box::new(move |bytes| worker.write_all(bytes).unwrap()), reader)
    }
}

#[cfg(unix)]
homing_mux::sink_suite!(Rig);
#[cfg(not(unix))]
homing_mux::sink_suite!(Rig, blocking);

fn link(mut pipe: Pipe) -> (PipeFactory, Reader) {
    let NewLink { factory, inlet, doorbell } = pipe.link(Silent).unwrap();
    (factory, Reader::watched(inlet, doorbell))
}

fn raw(mut pipe: Pipe) -> (File, Reader) {
    let mut prepared = pipe.prepare(LinkWaker::noop()).unwrap();
    let worker = File::from(prepared.handles.swap_remove(0));
    (worker, Reader::watched(prepared.inlet, prepared.doorbell))
}

#[test]
fn a_worker_process_adopts_a_handle_for_each_direction() {
    let prepared = Pipe::new().limit(10).prepare(LinkWaker::noop()).unwrap();
    assert_eq!((prepared.transport, prepared.limit, prepared.handles.len()), ("pipe", 10, 2));
    assert!(prepared.downlink.is_some());
    let worker = crate::adopt(prepared.handles, MuxConfig::new().limit(prepared.limit)).unwrap();
    let reader = Reader::watched(prepared.inlet, prepared.doorbell);
    checks::adopted::an_adopted_link_carries_messages(worker, reader);
    assert!(crate::adopt(Vec::new(), MuxConfig::new()).is_err());
}

#[cfg(unix)]
#[test]
fn the_pump_ends_when_its_inlet_is_gone() {
    let (factory, reader) = link(Pipe::new());
    let mut sender = sender::<u8, _>(&factory, 0, Overflow::Wait);
    let mut watch = reader.into_watch();
    sender.send(1).unwrap();
    watch.wait(std::time::Duration::ZERO);
    assert_eq!(sender.send(2).unwrap_err().kind(), SendErrorKind::Disconnected);
}

#[test]
fn a_pump_that_goes_without_a_word_has_broken_the_link() {
    checks::disconnect::a_pump_that_goes_without_a_word_has_broken_the_link::<Rig>();
}

/// The descriptors of this process.
#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_of_a_link() {
    use std::os::unix::fs::MetadataExt as _;
    let mut prepared = Pipe::new().prepare(LinkWaker::noop()).unwrap();
    let handles = std::mem::take(&mut prepared.handles);
    // Other tests run in this process, so it is one of many links that are told apart.
    let names: Vec<_> = handles
        .iter()
        .map(|handle| File::from(handle.try_clone().unwrap()).metadata().unwrap().ino())
        .map(|inode| format!("pipe:[{inode}]"))
        .collect();
    let worker = crate::adopt(handles, MuxConfig::new().limit(prepared.limit)).unwrap();
    checks::adopted::nothing_is_left_of_a_link(worker, prepared, || {
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .flatten()
            .filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .filter(|target| names.contains(&target.to_string_lossy().into_owned()))
            .count()
    });
}

#[cfg(unix)]
#[test]
fn a_worker_without_a_reader_stops_at_the_buffer() {
    const BUFFER: usize = 256 * 1024;
    for (len, often) in [(1000, false), (1, true)] {
        let (factory, mut foreground) = link(Pipe::new().buffer(BUFFER));
        let mut sender = sender::<Vec<u8>, _>(&factory, 0, Overflow::GiveBack);
        let mut bytes = 0;
        loop {
            let before = bytes;
            while sender.send(vec![0; len]).is_ok() {
                bytes += len;
                if often {
                    // A piece for each message.
                    break;
                }
            }
            foreground.pump();
            if bytes == before {
                break;
            }
            assert!(bytes <= BUFFER + 64 * 1024 + (1 << 20), "no bound");
        }
        assert!(sender.send(vec![0; len]).unwrap_err().is_full());
        // And all of it is there.
        foreground.recv().unwrap();
        for _ in 0..bytes / len {
            assert!(matches!(foreground.recv(), Ok(Got::Message(0, _))));
        }
        sender.send(vec![0; len]).unwrap();
    }
}
