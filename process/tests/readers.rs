//! The pumps that read bytes, watched by a set of doorbells: each kind of source keeps the same
//! promises, whether it is a descriptor or has a thread.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{self, Read, Write as _};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use homing_core::{LinkEnd, Pinger, ProtocolError};
use homing_process::byte_queue::{self, Reader, Writer};
use homing_process::{BlockingReader, Doorbell, Doorbells, Waker, spawn_pump};

/// Ends a hang, and nothing else.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the doorbell of a source that reads to a queue.
type Kind = fn(io::PipeReader, Writer) -> Doorbell;

fn kinds() -> Vec<Kind> {
    vec![
        |source, queue| Doorbell::blocking(BlockingReader::new(source, queue)),
        #[cfg(unix)]
        |source, queue| {
            Doorbell::readable(homing_process::DescriptorReader::new(source, queue).unwrap())
        },
    ]
}

/// Wakes the set that waits.
struct Wake(Waker);

impl Pinger for Wake {
    fn ping(&self) {
        self.0.wake();
    }
}

/// Reads all that comes until the end, as a foreground does.
fn read_to_end(doorbells: &mut Doorbells, reader: &mut Reader) -> (Vec<u8>, LinkEnd) {
    let mut all = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        match reader.read() {
            Ok(Some(bytes)) => {
                all.extend(bytes);
                doorbells.waker().notify_capacity();
            }
            Ok(None) => {
                assert!(Instant::now() < deadline, "no end after {} bytes", all.len());
                doorbells.wait(Some(Duration::from_secs(1))).unwrap();
            }
            Err(end) => return (all, end),
        }
    }
}

/// A process that inherited the worker's end, and writes without end, does not keep the link
/// open.
#[cfg(unix)]
#[test]
fn what_comes_after_the_end_of_the_worker_is_not_read() {
    use homing_process::ReadyPump as _;

    let (source, mut writer) = io::pipe().unwrap();
    let (queue, mut reader) = byte_queue::bounded(1 << 20);
    let mut pump = homing_process::DescriptorReader::new(source, queue).unwrap().with_read_size(2);
    writer.write_all(b"the worker's").unwrap();
    let mut calls = 0;
    let stop = loop {
        match pump.pump(true) {
            homing_process::PumpStatus::Closed => break calls,
            _ => writer.write_all(b"another's another's").unwrap(),
        }
        calls += 1;
        assert!(calls < 100, "it does not end");
    };
    assert!(stop > 0, "the pump was called once only, which says nothing");
    let mut read = Vec::new();
    while let Ok(Some(bytes)) = reader.read() {
        read.extend(bytes);
    }
    assert_eq!(String::from_utf8(read).unwrap(), "the worker's");
}

#[test]
fn all_that_was_written_is_read_and_then_the_end() {
    for kind in kinds() {
        // More than the queue and the OS pipe hold together.
        let expected: Vec<u8> = (0..1_000_000u32).map(|byte| byte as u8).collect();
        let (source, mut worker) = io::pipe().unwrap();
        let (queue, mut reader) = byte_queue::bounded(10_000);
        let mut doorbells = Doorbells::new().unwrap();
        let waker = Wake(doorbells.waker());
        doorbells.add(kind(source, queue), None, waker).unwrap();
        let written = expected.clone();
        let writing = std::thread::spawn(move || worker.write_all(&written).unwrap());
        let (all, end) = read_to_end(&mut doorbells, &mut reader);
        writing.join().unwrap();
        assert!(all == expected);
        assert_eq!(end, LinkEnd::gone());
    }
}

#[test]
fn a_reader_that_is_dropped_closes_the_source() {
    for kind in kinds() {
        let (source, mut worker) = io::pipe().unwrap();
        let (queue, reader) = byte_queue::bounded(1);
        let mut doorbells = Doorbells::new().unwrap();
        let key = doorbells.add(kind(source, queue), None, Wake(doorbells.waker())).unwrap();
        drop(reader);
        doorbells.unwatch(key);
        // A thread finds out when something comes.
        let error = loop {
            if let Err(error) = worker.write_all(&[7]) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}

/// Fails, or panics.
struct Broken {
    panics: bool,
}

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        assert!(!self.panics, "a reader that panics");
        Err(io::ErrorKind::InvalidData.into())
    }
}

struct Notify(mpsc::Sender<()>);

impl Pinger for Notify {
    fn ping(&self) {
        let _ = self.0.send(());
    }
}

#[test]
fn a_source_that_fails_breaks_the_link_and_wakes_it() {
    for panics in [false, true] {
        let (queue, mut reader) = byte_queue::bounded(100);
        let (pings, pinged) = mpsc::channel();
        spawn_pump(BlockingReader::new(Broken { panics }, queue), Notify(pings)).unwrap();
        pinged.recv_timeout(PATIENCE).expect("the link is woken");
        // Pinged after the pump was dropped, so nothing has to be waited for.
        assert_eq!(reader.read(), Err(LinkEnd::Refused(ProtocolError::Broken)));
    }
}

/// A terminal gives what it has in pieces, which do not say that they were all.
#[cfg(unix)]
#[test]
fn short_reads_of_other_descriptors_are_not_taken_for_all() {
    use homing_process::{DescriptorReader, PumpStatus, ReadyPump as _};

    let path = std::env::temp_dir().join(format!("homing-readers-{}", std::process::id()));
    std::fs::write(&path, b"homing").unwrap();
    let (queue, mut reader) = byte_queue::bounded(100_000);
    let mut pump = DescriptorReader::new(std::fs::File::open(&path).unwrap(), queue).unwrap();
    std::fs::remove_file(&path).unwrap();
    // The file's end is found by the read after the one that was not filled.
    assert_eq!(pump.pump(false), PumpStatus::Closed);
    assert_eq!(reader.read(), Ok(Some(b"homing".to_vec())));
    assert_eq!(reader.read(), Err(LinkEnd::gone()));
}
