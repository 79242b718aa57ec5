//! A worker that writes anything anywhere, at any time.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use homing_core::{
    Arrival, ConnectionId, Downlink, EncodingRemote, Inlet as _, LinkEnd, Overflow, ProtocolError,
    RemoteEnd,
};
use homing_mux::MuxConfig;
use homing_mux::frame::Header;
use homing_mux::testing::{Reader, ticket};
use homing_process::{LinkWaker, Prepared, ProcessTransport as _};
use proptest::prelude::*;

use super::super::region::Region;
use super::super::wake_socket::WakeSocket;
use super::duplex_ticket;
use super::raw::{RawBack, frame, parts, prepared, raw};
use crate::Shm;
use crate::ring::control::ControlWords as _;
use crate::ring::{Memory as _, Producer};

/// Ends a test that hangs.
const HANG: Duration = Duration::from_secs(60);

const RING: usize = 4096;

#[test]
fn indices_out_of_bounds_are_refused() {
    let ring = RING as u64;
    // What the tail is set to after a frame of 16 bytes was taken.
    for (tail, refused) in [
        (16, false),
        (16 + ring, false),
        (16 + ring + 8, true),
        (8, true),
        (0, true),
        (!7, true),
        (1 << 63, true),
        (16 + (1 << 32), true),
    ] {
        for flags in 0..8 {
            let (mut raw, mut inlet, _doorbell) = parts(Shm::new().ring(RING));
            raw.put(&frame(Header::PREFACE, &[]));
            assert_eq!(raw.tail, 8);
            raw.put(&frame(
                Header::Dropped { connection: ConnectionId::from_parts(0, 0), count: 1 },
                &[],
            ));
            assert_eq!(raw.tail, 16);
            while inlet.poll().unwrap().is_some() {}
            raw.region.tail().store(tail | flags, Ordering::Relaxed);
            // The bytes of it are zeroes, which are no frame.
            let violation = Some(LinkEnd::Refused(ProtocolError::Malformed));
            let expected = if refused || tail > 16 { violation } else { None };
            assert_eq!(inlet.poll().err(), expected, "{tail} {flags}");
        }
    }
}

#[test]
fn the_foreground_does_not_believe_its_own_index() {
    let (mut raw, mut inlet, _doorbell) = parts(Shm::new().ring(RING));
    raw.put(&frame(Header::PREFACE, &[]));
    let connection = ConnectionId::from_parts(0, 0);
    for n in 0..3000u64 {
        raw.region.head().store(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), Ordering::Relaxed);
        raw.put(&frame(Header::Dropped { connection, count: n }, &[]));
        loop {
            match inlet.poll().unwrap() {
                Some(Arrival::Missed { count, .. }) => break assert_eq!(count, n),
                Some(_) => {}
                None => panic!("{n} did not come"),
            }
        }
    }
}

/// What a worker does next.
#[derive(Clone, Debug)]
enum Step {
    Put(Header, Vec<u8>),
    Bytes(Vec<u8>),
    Ring(u64, Vec<u8>),
    Tail(u64),
    TailBy(i64),
    Head(u64),
    Bell,
    Poll(u8),
    Command(usize),
    Back(BackStep),
}

/// What it does next on the way back, which it reads.
#[derive(Clone, Debug)]
enum BackStep {
    Ring(u64, Vec<u8>),
    Tail(u64),
    TailBy(i64),
    Head(u64),
    HeadBy(i64),
    Bell,
}

fn back_step() -> impl Strategy<Value = BackStep> {
    let by = || prop_oneof![-5000..5000i64, -70_000..70_000i64];
    prop_oneof![
        1 => (any::<u64>(), proptest::collection::vec(any::<u8>(), 0..900))
            .prop_map(|(at, bytes)| BackStep::Ring(at, bytes)),
        1 => any::<u64>().prop_map(BackStep::Tail),
        2 => by().prop_map(BackStep::TailBy),
        1 => any::<u64>().prop_map(BackStep::Head),
        4 => by().prop_map(BackStep::HeadBy),
        2 => Just(BackStep::Bell),
    ]
}

fn take_back_step(back: &RawBack, step: BackStep) {
    match step {
        BackStep::Ring(at, bytes) => back.region.write(at, &bytes),
        BackStep::Tail(tail) => back.region.tail().store(tail, Ordering::Relaxed),
        BackStep::TailBy(by) => drop(back.region.tail().fetch_add(by as u64, Ordering::Relaxed)),
        BackStep::Head(head) => back.region.head().store(head, Ordering::Relaxed),
        BackStep::HeadBy(by) => drop(back.region.head().fetch_add(by as u64, Ordering::Relaxed)),
        BackStep::Bell => drop(back.socket.ring()),
    }
}

fn step() -> impl Strategy<Value = Step> {
    let connection = || (0..3u32).prop_map(|pipe| ConnectionId::from_parts(pipe, 0));
    let bytes = || proptest::collection::vec(any::<u8>(), 0..900);
    // Now and then what is copied from the ring to its place in a large message.
    let body = prop_oneof![
        4 => bytes(),
        1 => (bytes(), 8_000..17_000usize).prop_map(|(mut bytes, len)| {
            bytes.resize(len, 3);
            bytes
        }),
    ];
    let head = (connection(), 0..6u8, any::<u64>()).prop_map(|(connection, kind, n)| match kind {
        0 => Header::Message { connection },
        1 => Header::FirstFragment {
            connection,
            total: n as u32 % [3000, 40_000][n as usize >> 32 & 1],
        },
        2 => Header::Fragment { connection },
        3 => Header::Reset { connection },
        4 => Header::Stop { connection, reason: 0 },
        _ => Header::Dropped { connection, count: n },
    });
    prop_oneof![
        6 => (head, body).prop_map(|(head, bytes)| Step::Put(head, bytes)),
        1 => bytes().prop_map(Step::Bytes),
        2 => (any::<u64>(), bytes()).prop_map(|(at, bytes)| Step::Ring(at, bytes)),
        1 => any::<u64>().prop_map(Step::Tail),
        2 => prop_oneof![-5000..5000i64, -70_000..70_000i64].prop_map(Step::TailBy),
        1 => any::<u64>().prop_map(Step::Head),
        1 => Just(Step::Bell),
        6 => any::<u8>().prop_map(Step::Poll),
        4 => (0..3000usize).prop_map(Step::Command),
        6 => back_step().prop_map(Step::Back),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_steps_end_the_link_or_not_but_nothing_else(
        steps in proptest::collection::vec(step(), 0..60),
        preface in any::<bool>(),
        large in any::<bool>(),
    ) {
        let (ring, limit) = if large { (16 * RING, 40_000) } else { (RING, 2000) };
        let (mut raw, prepared) = prepared(Shm::new().ring(ring).way_back_ring(RING).limit(limit));
        let Prepared { inlet, doorbell, downlink, .. } = prepared;
        let downlink = downlink.unwrap();
        let remote = remote(&*downlink, 20_000);
        let mut foreground = Reader::watched(inlet, doorbell);
        if preface {
            raw.put(&frame(Header::PREFACE, &[]));
        }
        for step in steps {
            match step {
                Step::Put(head, body) => {
                    let body = match head {
                        Header::Message { .. } | Header::FirstFragment { .. } | Header::Fragment { .. } => &body[..],
                        _ => &[],
                    };
                    raw.put(&frame(head, body));
                }
                Step::Bytes(bytes) => raw.put(&bytes),
                Step::Ring(at, bytes) => raw.region.write(at, &bytes),
                Step::Tail(tail) => raw.region.tail().store(tail, Ordering::Relaxed),
                Step::TailBy(by) => {
                    raw.region.tail().fetch_add(by as u64, Ordering::Relaxed);
                }
                Step::Head(head) => raw.region.head().store(head, Ordering::Relaxed),
                Step::Bell => drop(raw.socket.ring()),
                Step::Command(len) => drop(remote.send(vec![9_u8; len])),
                Step::Back(step) => take_back_step(&raw.back, step),
                Step::Poll(times) => {
                    foreground.pump();
                    downlink.flush();
                    for _ in 0..times {
                        match foreground.inlet().poll() {
                            Ok(Some(_)) => {}
                            Ok(None) => break,
                            Err(_) => return Ok(()),
                        }
                    }
                }
            }
        }
        drop(raw);
        // It comes to its end, after what a ring can hold at most. Once more after the last
        // ring, as the doorbells do for an end that is closed.
        foreground.pump();
        foreground.pump();
        for _ in 0..2 * ring {
            if foreground.inlet().poll().is_err() {
                return Ok(());
            }
        }
        prop_assert!(false, "no end");
    }
}

/// The sending end of pipe 0, which the worker has started.
fn remote(downlink: &dyn Downlink, capacity: usize) -> EncodingRemote {
    let remote = EncodingRemote::new(downlink, ConnectionId::from_parts(0, 0), capacity);
    RemoteEnd::<u8>::note_started(&remote);
    remote
}

/// The index of the way back's reader goes from 0 up to what was put, and never back.
#[test]
fn the_way_back_does_not_believe_an_index_out_of_bounds() {
    let (region, _memory) = Region::create(RING, false).unwrap();
    let producer = Producer::new();
    let put = |len: usize| producer.put(&region, &vec![1; len], &[]).is_some();
    while put(64) {}
    let ring = RING as u64;
    for (head, room) in [
        (ring + 8, 0),
        (!7, 0),
        (1 << 63, 0),
        (128, 128),
        (64, 128),
        (0, 128),
        (ring + 8, 128),
        (ring, RING),
        (128, RING),
    ] {
        for flags in 0..8 {
            region.head().store(head | flags, Ordering::Relaxed);
            assert_eq!(producer.announce_wait(&region), room, "{head} {flags}");
        }
    }
    assert!(put(64));
    region.head().store(ring + 64, Ordering::Relaxed);
    assert_eq!(producer.announce_wait(&region), RING);
}

/// Says again and again that there is room, and makes none, whether or not the foreground waits
/// for some.
#[test]
fn rings_without_room_end_the_link() {
    for waits in [false, true] {
        let (mut raw, prepared) = prepared(Shm::new().way_back_ring(RING));
        let downlink = prepared.downlink.unwrap();
        let remote = remote(&*downlink, 20_000);
        let mut foreground = Reader::watched(prepared.inlet, prepared.doorbell);
        raw.put(&frame(Header::PREFACE, &[]));
        if waits {
            while remote.send(vec![1_u8; 500]).is_ok() {}
        }
        let hang = Instant::now() + HANG;
        let end = loop {
            let _ = raw.back.socket.ring();
            // Goes back and forth in what was taken.
            let head = raw.back.region.head().load(Ordering::Relaxed) ^ 512;
            raw.back.region.head().store(head, Ordering::Relaxed);
            foreground.pump();
            downlink.flush();
            if let Err(end) = foreground.poll() {
                break end;
            }
            assert!(Instant::now() < hang, "the link goes on");
        };
        assert_eq!(end, LinkEnd::Refused(ProtocolError::EmptyRings));
    }
}

/// Each ring comes after room was made that the foreground has waited for.
#[test]
fn rings_with_room_are_no_violation() {
    let (mut raw, prepared) = prepared(Shm::new().way_back_ring(RING));
    let downlink = prepared.downlink.unwrap();
    let remote = remote(&*downlink, 100_000);
    let mut foreground = Reader::watched(prepared.inlet, prepared.doorbell);
    raw.put(&frame(Header::PREFACE, &[]));
    let (mut sent, mut rings) = (0, 0);
    while rings < 3000 {
        while remote.send(vec![1_u8; 500]).is_ok() {
            sent += 1;
        }
        let tail = raw.back.region.load_tail().index();
        if raw.back.region.publish_head(tail) {
            raw.back.socket.ring().unwrap();
            rings += 1;
        }
        foreground.pump();
        downlink.flush();
        // Of those that were sent, only so many are on their way.
        let taken = (sent / 4).min(5);
        sent -= taken;
        let _ = RemoteEnd::<u8>::note_taken(&remote, taken);
        assert_eq!(foreground.poll(), Ok(None));
    }
}

/// Another thread writes all over the memory while an honest one sends.
#[test]
fn scribbling_while_others_send_does_the_foreground_no_harm() {
    for round in 0..20u64 {
        let mut prepared = Shm::new().ring(64 * 1024).prepare(LinkWaker::noop()).unwrap();
        // Of either direction.
        let memory = prepared.handles[round as usize / 2 % 2 * 2].try_clone().unwrap();
        let memory = File::from(memory);
        let handles = std::mem::take(&mut prepared.handles);
        let end = crate::adopt(handles, MuxConfig::new().limit(prepared.limit)).unwrap();
        let size = memory.metadata().unwrap().len();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let done = &done;
            scope.spawn(move || {
                let mut state = round + 1;
                while !done.load(Ordering::Relaxed) {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    // Everything, or only the ring, or mostly the indices.
                    let at = match round % 3 {
                        0 => state % size,
                        1 => 4096 + state % (size - 4096),
                        _ => [128, 256][state as usize % 2],
                    };
                    let value = if state % 5 == 0 { state } else { state % (1 << 16) };
                    memory.write_at(&value.to_ne_bytes(), at.min(size - 8)).unwrap();
                    if round % 4 == 0 {
                        thread::yield_now();
                    }
                }
            });
            scope.spawn(move || {
                let (mut orders, _) = end.duplex::<Vec<u8>, u8>(duplex_ticket(1));
                let mut sender = end.sender::<Vec<u8>>(ticket(0, Overflow::GiveBack));
                if sender.start().is_ok() {
                    for n in 0..2000usize {
                        let len = if n % 10 == 0 { 13_000 } else { n % 500 };
                        let _ = sender.try_send(vec![7; len]);
                        let _ = orders.try_recv();
                    }
                }
                done.store(true, Ordering::Relaxed);
            });
            let Prepared { inlet, doorbell, downlink, .. } = prepared;
            let downlink = downlink.unwrap();
            let remote = remote(&*downlink, 20_000);
            let mut foreground = Reader::watched(inlet, doorbell);
            let deadline = Instant::now() + HANG;
            while Instant::now() < deadline {
                foreground.pump();
                let _ = remote.send(vec![5_u8; 300]);
                downlink.flush();
                match foreground.inlet().poll() {
                    Ok(_) if done.load(Ordering::Relaxed) => break,
                    Ok(_) => {}
                    // Cut off: the foreground lets go.
                    Err(_) => break,
                }
            }
            drop(foreground);
            done.store(true, Ordering::Relaxed);
        });
    }
}

#[test]
fn a_flood_of_rings_is_a_bounded_turn_each_time() {
    let (raw, mut foreground) = raw(Shm::new());
    // More than a turn takes: the rest is there for the next.
    for _ in 0..10_000 {
        raw.socket.ring().unwrap();
    }
    for _ in 0..100 {
        foreground.pump();
    }
    drop(raw);
    assert_eq!(foreground.until_end(), (vec![], LinkEnd::Gone(homing_core::Lost::unopened())));
}

/// Wakes the foreground for nothing, for ever.
#[test]
fn rings_without_data_end_the_link() {
    let (mut raw, mut foreground) = raw(Shm::new());
    raw.put(&frame(Header::PREFACE, &[]));
    let hang = Instant::now() + HANG;
    while raw.socket.ring().is_ok() {
        foreground.pump();
        match foreground.poll() {
            Ok(got) => assert!(got.is_none(), "{got:?}"),
            Err(end) => {
                assert_eq!(end, LinkEnd::Refused(ProtocolError::EmptyRings));
                return;
            }
        }
        assert!(Instant::now() < hang, "the link goes on");
    }
    panic!("the worker was told before the foreground");
}

/// Each ring comes after a frame, which the foreground may have found without it.
#[test]
fn rings_with_data_are_no_violation() {
    let (mut raw, mut foreground) = raw(Shm::new());
    raw.put(&frame(Header::PREFACE, &[]));
    let connection = ConnectionId::from_parts(0, 0);
    for n in 0..5000u64 {
        raw.put(&frame(Header::Dropped { connection, count: n }, &[]));
        if n % 3 == 0 {
            let _ = raw.socket.ring();
        }
        if n % 2 == 0 {
            foreground.pump();
        }
        while foreground.poll().unwrap().is_some() {}
    }
}

#[test]
fn other_handles_are_refused() {
    use rustix::fs::{MemfdFlags, SealFlags};
    let socket = || WakeSocket::pair().unwrap().0.into_fd();
    let memory = |size: u64, seals: SealFlags| {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("test", flags).unwrap();
        rustix::fs::ftruncate(&fd, size).unwrap();
        rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
        fd
    };
    let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    let refused = |mut handles: Vec<std::os::fd::OwnedFd>| {
        // As the first direction and as the second.
        let mut other = Shm::new().prepare(LinkWaker::noop()).unwrap().handles;
        let mut first: Vec<_> = other.drain(..2).collect();
        let second = handles.iter().map(|handle| handle.try_clone().unwrap()).collect::<Vec<_>>();
        handles.append(&mut other);
        first.extend(second);
        let config = MuxConfig::new().limit(100);
        let is_refused = crate::adopt(handles, config.clone()).is_err();
        assert_eq!(crate::adopt(first, config).is_err(), is_refused);
        is_refused
    };
    assert!(refused(vec![memory(8192, all), socket()]), "zeroes");
    assert!(refused(vec![memory(8192, SealFlags::GROW | SealFlags::SEAL), socket()]), "no seal");
    assert!(refused(vec![memory(0, all), socket()]), "nothing");
    assert!(refused(vec![socket(), socket()]), "no memory");
    let size = |bytes: [u8; 16]| {
        let fd = memory(8192, SealFlags::empty());
        let file = File::from(fd);
        file.write_at(&bytes, 0).unwrap();
        let fd = std::os::fd::OwnedFd::from(file);
        rustix::fs::fcntl_add_seals(&fd, all).unwrap();
        fd
    };
    let header = |ring: u64| {
        let mut bytes = *b"HOMESHM\x01\0\0\0\0\0\0\0\0";
        bytes[8..].copy_from_slice(&ring.to_ne_bytes());
        bytes
    };
    assert!(!refused(vec![size(header(4096)), socket()]), "as it should be");
    for ring in [0, 1, 4095, 4104, 8192, 1 << 40, u64::MAX] {
        assert!(refused(vec![size(header(ring)), socket()]), "{ring}");
    }
    let (file, _other) = std::io::pipe().unwrap();
    assert!(refused(vec![size(header(4096)), file.into()]), "no socket");
}

#[test]
fn a_ring_has_the_size_that_was_chosen_or_the_next_that_there_is() {
    for (chosen, len) in [(0, 4096), (4096, 4096), (5000, 8192), (1 << 20, 1 << 20)] {
        for huge in [false, true] {
            let (mut raw, mut foreground) = raw(Shm::new().ring(chosen).huge_pages(huge));
            assert_eq!(raw.region.len(), len);
            raw.put(&frame(Header::PREFACE, &[]));
            drop(raw);
            assert_eq!(foreground.until_end(), (vec![], LinkEnd::gone()));
        }
    }
}
