//! What the transport promises beyond what the suite for sinks checks, on real memory.

mod duplex;
mod hostile;
mod raw;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use homing_core::{Inlet as _, NewLink, Overflow, Pinger, SendErrorKind, Ticket, Transport as _};
use homing_mux::MuxConfig;
use homing_mux::testing::{RawWriter, Reader, SinkRig, checks, sender, ticket};
use homing_process::{Doorbells, LinkWaker, ProcessTransport as _};

use crate::{Shm, ShmFactory, ShmInlet, ShmSink};

struct Silent;

impl Pinger for Silent {
    fn ping(&self) {}
}

/// Ends a check that hangs. Nothing is measured with it.
const HANG: Duration = Duration::from_secs(60);

/// Counts.
#[derive(Default)]
struct Pings(AtomicUsize);

impl Pinger for Pings {
    fn ping(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Links with a ring of so many bytes.
struct Rig<const RING: usize>;

/// A ring that is soon full.
type Small = Rig<{ 64 * 1024 }>;

impl<const RING: usize> SinkRig for Rig<RING> {
    type Sink = ShmSink;

    fn link(limit: usize) -> (ShmFactory, Reader) {
        let made = Shm::new().ring(RING).limit(limit).link(Silent);
        let NewLink { factory, inlet, doorbell } = made.unwrap();
        (factory, Reader::watched(inlet, doorbell))
    }

    fn raw(limit: usize) -> (RawWriter, Reader) {
        let (mut worker, reader) = raw::raw(Shm::new().ring(RING).limit(limit));
        (Box::new(move |bytes| worker.put(bytes)), reader)
    }
}

homing_mux::sink_suite!(Small);

/// The ticket of a duplex pipe.
fn duplex_ticket<D, U>(pipe: u32) -> Ticket<U, D> {
    let ticket = ticket::<U>(pipe, Overflow::Wait);
    Ticket::new(ticket.connection(), ticket.nonce())
}

#[test]
fn messages_are_written_in_place_on_rings_of_any_size() {
    checks::reserve::what_arrives_is_an_ordinary_message::<Rig<4096>>();
    checks::reserve::what_arrives_is_an_ordinary_message::<Rig<{ 1 << 20 }>>();
}

#[test]
fn four_handles_are_adopted() {
    let mut shm = Shm::new().limit(10);
    let prepared = shm.prepare(LinkWaker::noop()).unwrap();
    assert_eq!((prepared.transport, prepared.limit, prepared.handles.len()), ("shm", 10, 4));
    let reader = Reader::watched(prepared.inlet, prepared.doorbell);
    let worker = crate::adopt(prepared.handles, MuxConfig::new().limit(prepared.limit)).unwrap();
    checks::adopted::an_adopted_link_carries_messages(worker, reader);
    assert!(crate::adopt(Vec::new(), MuxConfig::new()).is_err());
}

/// Each look that finds nothing arms the bell. So a foreground that looks often before it waits
/// leaves more rings on the socket than there is room for; the message after them wakes it all the
/// same.
#[test]
fn rings_that_fill_the_socket_cost_no_wake_up() {
    let NewLink { factory, mut inlet, doorbell } = Shm::new().link(Silent).unwrap();
    let pings = Arc::new(Pings::default());
    let mut doorbells = Doorbells::new().unwrap();
    doorbells.add(doorbell, None, Arc::clone(&pings)).unwrap();
    let mut sender = sender::<u32, _>(&factory, 0, Overflow::Wait);
    let mut wait_for_ping = |inlet: &mut ShmInlet| {
        let before = pings.0.load(Ordering::Relaxed);
        let end = Instant::now() + HANG;
        while pings.0.load(Ordering::Relaxed) == before {
            assert!(Instant::now() < end, "a wake-up is lost");
            doorbells.wait(Some(Duration::from_secs(1))).unwrap();
        }
        while inlet.poll().unwrap().is_some() {}
    };
    for _ in 0..10 {
        for number in 0..500 {
            sender.send(number).unwrap();
            while inlet.poll().unwrap().is_some() {}
        }
        wait_for_ping(&mut inlet);
        sender.send(500).unwrap();
        wait_for_ping(&mut inlet);
    }
}

#[test]
fn senders_learn_at_once_that_the_inlet_is_gone() {
    let (factory, reader) = Small::link(100);
    let mut sender = sender::<u8, _>(&factory, 0, Overflow::Wait);
    let mut watch = reader.into_watch();
    assert_eq!(sender.send(2).unwrap_err().kind(), SendErrorKind::Disconnected);
    watch.wait(Duration::ZERO);
}

#[test]
fn a_pump_that_goes_without_a_word_has_broken_the_link() {
    checks::disconnect::a_pump_that_goes_without_a_word_has_broken_the_link::<Small>();
}

/// What this process has open or mapped of a link.
#[test]
fn nothing_is_left_of_a_link() {
    use std::os::unix::fs::MetadataExt as _;
    // Other tests run in this process, so the parts of one link are told from others.
    let inode = |handle: &std::os::fd::OwnedFd| {
        std::fs::File::from(handle.try_clone().unwrap()).metadata().unwrap().ino()
    };
    let mut prepared = Shm::new().ring(64 * 1024).prepare(LinkWaker::noop()).unwrap();
    // Of both directions.
    let inodes: Vec<_> = prepared.handles.iter().map(inode).collect();
    let (memories, sockets) = ([inodes[0], inodes[2]], [inodes[1], inodes[3]]);
    let left = || {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten().any(|entry| {
            use std::os::unix::fs::MetadataExt as _;
            let link = std::fs::read_link(entry.path()).unwrap_or_default();
            let memfd = std::fs::metadata(entry.path())
                .is_ok_and(|file| memories.contains(&file.ino()))
                && link.to_string_lossy().starts_with("/memfd:homing");
            let is = |socket| link.to_string_lossy() == format!("socket:[{socket}]");
            memfd || sockets.into_iter().any(is)
        });
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let is = |line: &str| memories.iter().any(|memory| line.contains(&format!(" {memory} ")));
        let mapped = maps.lines().any(|line| line.contains("/memfd:homing") && is(line));
        (open, mapped)
    };
    assert_eq!(left(), (true, true));
    let handles = std::mem::take(&mut prepared.handles);
    let worker = crate::adopt(handles, MuxConfig::new().limit(prepared.limit)).unwrap();
    checks::adopted::nothing_is_left_of_a_link(worker, prepared, left);
}
