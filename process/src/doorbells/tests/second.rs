//! The second doorbell of a link: that of its way back.

use std::os::fd::OwnedFd;

use super::*;
use crate::pump::Interest;

/// Counts its calls, and returns what it is told to, once each; then `WouldBlock`.
struct Scripted {
    fd: OwnedFd,
    interest: Interest,
    results: VecDeque<PumpStatus>,
    shared: Arc<Shared>,
}

impl ReadyPump for Scripted {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn interest(&self) -> Interest {
        self.interest
    }

    fn pump(&mut self, worker_gone: bool) -> PumpStatus {
        self.shared.calls.lock().unwrap().push(worker_gone);
        self.results.pop_front().unwrap_or(PumpStatus::WouldBlock)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.dropped.store(true, Ordering::SeqCst);
    }
}

/// A pump of an OS pipe's writing end, what it shares, and the reading end.
fn writable(results: &[PumpStatus]) -> (Scripted, Arc<Shared>, os_pipe::PipeReader) {
    let (reader, writer) = os_pipe::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let shared = Shared::with_room(0);
    let pump = Scripted {
        fd: writer.into(),
        interest: Interest::Writable,
        results: results.iter().copied().collect(),
        shared: Arc::clone(&shared),
    };
    (pump, shared, reader)
}

/// Fills the pipe.
fn fill(pump: &Scripted) {
    while rustix::io::write(&pump.fd, &[7; 4096]).is_ok() {}
}

fn rings(bell: &Counting) -> usize {
    bell.rings.load(Ordering::SeqCst)
}

#[test]
fn space_to_write_calls_its_pump_and_rings() {
    let mut doorbells = Doorbells::new().unwrap();
    let mut watcher = Watcher::new(&doorbells);
    let (doorbell, first, bell, mut writer) = link(100);
    let (pump, second, mut reader) = writable(&[]);
    fill(&pump);
    doorbells.add(doorbell.and(pump), None, bell.clone()).unwrap();
    settle(&mut doorbells);
    assert!(!watcher.is_readable(), "a pipe without space wakes its loop");

    let (calls, rung, before) = (second.calls(), rings(&bell), first.calls());
    reader.read_exact(&mut [0; 40_000]).unwrap();
    assert!(watcher.is_readable());
    wait_until(&mut doorbells, || second.calls() > calls);
    assert!(rings(&bell) > rung);
    assert_eq!(first.calls(), before, "the first pump was called for the second descriptor");
    settle(&mut doorbells);

    // And the first source is served as ever.
    let calls = second.calls();
    writer.write_all(b"abc").unwrap();
    wait_until(&mut doorbells, || first.moved() == b"abc");
    assert_eq!(second.calls(), calls);
}

#[test]
fn a_readable_one_is_served_too() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, _, bell, _writer) = link(100);
    let (reader, mut other) = os_pipe::pipe().unwrap();
    let shared = Shared::with_room(0);
    let pump = Scripted {
        fd: reader.into(),
        interest: Interest::Readable,
        results: VecDeque::new(),
        shared: Arc::clone(&shared),
    };
    doorbells.add(doorbell.and(pump), None, bell.clone()).unwrap();
    settle(&mut doorbells);
    let (calls, rung) = (shared.calls(), rings(&bell));
    other.write_all(b"a").unwrap();
    wait_until(&mut doorbells, || shared.calls() > calls);
    assert!(rings(&bell) > rung);
}

#[test]
fn its_end_does_not_end_the_link() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, first, bell, mut writer) = link(100);
    let (pump, second, reader) = writable(&[PumpStatus::WouldBlock, PumpStatus::Closed]);
    fill(&pump);
    doorbells.add(doorbell.and(pump), None, bell.clone()).unwrap();
    settle(&mut doorbells);
    let rung = rings(&bell);
    // The peer's end is an event as well.
    drop(reader);
    wait_until(&mut doorbells, || second.is_dropped());
    settle(&mut doorbells);
    assert!(rings(&bell) > rung);
    assert!(!first.is_dropped());
    assert_eq!(doorbells.watched(), 1);
    writer.write_all(b"abc").unwrap();
    wait_until(&mut doorbells, || first.moved() == b"abc");
    drop(writer);
    wait_until(&mut doorbells, || first.is_dropped());
    assert_eq!(doorbells.watched(), 0);
}

#[test]
fn the_end_of_the_first_one_drops_it() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, first, bell, writer) = link(100);
    let (pump, second, _reader) = writable(&[]);
    doorbells.add(doorbell.and(pump), None, bell).unwrap();
    drop(writer);
    wait_until(&mut doorbells, || first.is_dropped());
    assert!(second.is_dropped());
    assert_eq!(doorbells.watched(), 0);
}

#[test]
fn a_link_that_is_unwatched_drops_it() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, first, bell, _writer) = link(100);
    let (pump, second, _reader) = writable(&[]);
    let key = doorbells.add(doorbell.and(pump), None, bell).unwrap();
    settle(&mut doorbells);
    doorbells.unwatch(key);
    assert!(first.is_dropped() && second.is_dropped());
    assert_eq!(doorbells.watched(), 0);
}

#[test]
fn a_set_that_is_dropped_drops_it() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, _, bell, _writer) = link(100);
    let (pump, second, _reader) = writable(&[]);
    doorbells.add(doorbell.and(pump), None, bell).unwrap();
    drop(doorbells);
    assert!(second.is_dropped());
}

/// A link whose transport pings for the first direction itself.
#[test]
fn it_may_be_the_only_one() {
    let mut doorbells = Doorbells::new().unwrap();
    let (_, _, bell, _writer) = link(0);
    let (pump, second, mut reader) = writable(&[]);
    fill(&pump);
    let doorbell = Doorbell::none().and(pump);
    assert!(!doorbell.is_none() && !doorbell.is_blocking());
    let key = doorbells.add(doorbell, None, bell.clone()).unwrap();
    settle(&mut doorbells);
    assert_eq!(doorbells.watched(), 1);
    let rung = rings(&bell);
    reader.read_exact(&mut [0; 40_000]).unwrap();
    wait_until(&mut doorbells, || rings(&bell) > rung);
    doorbells.unwatch(key);
    assert!(second.is_dropped());
    assert_eq!(doorbells.watched(), 0);
}

/// The registration goes with the pump, also where the descriptor stays open.
#[test]
fn a_descriptor_that_outlives_the_pump_is_not_watched_any_more() {
    let mut doorbells = Doorbells::new().unwrap();
    let mut watcher = Watcher::new(&doorbells);
    let (doorbell, _, bell, _writer) = link(100);
    let (pump, _, mut reader) = writable(&[]);
    fill(&pump);
    let _stays = pump.fd.try_clone().unwrap();
    let key = doorbells.add(doorbell.and(pump), None, bell).unwrap();
    settle(&mut doorbells);
    doorbells.unwatch(key);
    settle(&mut doorbells);
    assert!(!watcher.is_readable());
    reader.read_exact(&mut [0; 40_000]).unwrap();
    assert!(!watcher.is_readable());
}

/// Also while the first pump waits for room.
#[test]
fn what_it_has_left_is_moved_soon() {
    let mut doorbells = Doorbells::new().unwrap();
    let mut watcher = Watcher::new(&doorbells);
    let (doorbell, first, bell, mut writer) = link(0);
    writer.write_all(b"a").unwrap();
    let (pump, second, _reader) = writable(&[PumpStatus::Pending; 10]);
    doorbells.add(doorbell.and(pump), None, bell).unwrap();
    for _ in 0..100 {
        if !watcher.is_readable() {
            break;
        }
        doorbells.wait(Some(Duration::ZERO)).unwrap();
    }
    assert!(second.calls() >= 11, "{}", second.calls());
    assert!(!watcher.is_readable(), "an idle set wakes its loop");
    assert_eq!(first.moved(), b"");
}

#[test]
fn it_is_told_that_the_worker_is_gone() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, first, bell, writer) = link(0);
    let (pump, second, reader) = writable(&[]);
    fill(&pump);
    let worker = spawn("read line", vec![writer.into()]);
    doorbells.add(doorbell.and(pump), Some(worker.clone()), bell).unwrap();
    settle(&mut doorbells);
    worker.kill().unwrap();
    wait_until(&mut doorbells, || worker.exit().is_some());
    drop(reader);
    wait_until(&mut doorbells, || second.calls.lock().unwrap().contains(&true));
    assert!(!first.is_dropped(), "a full pump was dropped");
}
