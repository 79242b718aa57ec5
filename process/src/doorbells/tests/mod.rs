mod second;

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use homing_core::{ConnectionId, Exit, Nonce, Ticket};

use super::*;
use crate::ChildProcess as Worker;
use crate::doorbell::Doorbell;
use crate::pump::{PumpStatus, ReadyPump};

/// What is passed between a test and its pump.
#[derive(Default)]
struct Shared {
    moved: Mutex<Vec<u8>>,
    /// What was told about the worker at each call.
    calls: Mutex<Vec<bool>>,
    /// Bytes that may still be moved.
    room: AtomicUsize,
    dropped: AtomicBool,
}

impl Shared {
    fn with_room(room: usize) -> Arc<Self> {
        Arc::new(Self { room: AtomicUsize::new(room), ..Self::default() })
    }

    fn moved(&self) -> Vec<u8> {
        self.moved.lock().unwrap().clone()
    }

    fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::SeqCst)
    }
}

/// Moves at most three bytes a call from an OS pipe to a `Vec`.
struct BytePump {
    reader: os_pipe::PipeReader,
    shared: Arc<Shared>,
}

impl ReadyPump for BytePump {
    fn fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    fn pump(&mut self, worker_gone: bool) -> PumpStatus {
        self.shared.calls.lock().unwrap().push(worker_gone);
        let room = self.shared.room.load(Ordering::SeqCst);
        if room == 0 {
            return PumpStatus::Backpressured;
        }
        let mut bytes = [0; 3];
        match self.reader.read(&mut bytes[..room.min(3)]) {
            Ok(0) => PumpStatus::Closed,
            Ok(len) => {
                self.shared.room.fetch_sub(len, Ordering::SeqCst);
                self.shared.moved.lock().unwrap().extend(&bytes[..len]);
                PumpStatus::Pending
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => PumpStatus::WouldBlock,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for BytePump {
    fn drop(&mut self) {
        self.shared.dropped.store(true, Ordering::SeqCst);
    }
}

/// Counts its rings, and whether the pump had been dropped at the last.
struct Counting {
    shared: Arc<Shared>,
    rings: AtomicUsize,
    dropped_at_last: AtomicBool,
}

impl Pinger for Counting {
    fn ping(&self) {
        self.rings.fetch_add(1, Ordering::SeqCst);
        self.dropped_at_last.store(self.shared.is_dropped(), Ordering::SeqCst);
    }
}

/// A link to be watched: its pump, what the pump shares, its bell, and the worker's end.
fn link(room: usize) -> (Doorbell, Arc<Shared>, Arc<Counting>, os_pipe::PipeWriter) {
    let (reader, writer) = os_pipe::pipe().unwrap();
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    let shared = Shared::with_room(room);
    let bell = Arc::new(Counting {
        shared: Arc::clone(&shared),
        rings: AtomicUsize::new(0),
        dropped_at_last: AtomicBool::new(false),
    });
    (Doorbell::readable(BytePump { reader, shared: Arc::clone(&shared) }), shared, bell, writer)
}

/// Waits, as a monitor does, until `done`; fails when that takes too long.
fn wait_until(doorbells: &mut Doorbells, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "it did not come");
        doorbells.wait(Some(Duration::from_secs(1))).unwrap();
    }
}

/// Waits until nothing is left to do at once, and says how many waits that took.
fn settle(doorbells: &mut Doorbells) -> usize {
    let quiet = Duration::from_millis(50);
    for waits in 0..100 {
        let start = Instant::now();
        doorbells.wait(Some(quiet)).unwrap();
        if start.elapsed() >= quiet {
            return waits;
        }
    }
    panic!("the set never sleeps");
}

/// Whether an event loop that watches the set's descriptor would be woken now.
struct Watcher(mio::Poll);

impl Watcher {
    fn new(doorbells: &Doorbells) -> Self {
        use std::os::fd::AsRawFd as _;
        let poll = mio::Poll::new().unwrap();
        let fd = doorbells.as_fd().as_raw_fd();
        let source = &mut mio::unix::SourceFd(&fd);
        poll.registry().register(source, mio::Token(0), mio::Interest::READABLE).unwrap();
        Self(poll)
    }

    fn is_readable(&mut self) -> bool {
        let mut events = mio::Events::with_capacity(4);
        self.0.poll(&mut events, Some(Duration::from_millis(20))).unwrap();
        !events.is_empty()
    }
}

fn start(mut command: Command, handles: Vec<crate::OwnedHandle>) -> Worker {
    let ticket: Ticket<u8> = Ticket::new(ConnectionId::from_parts(0, 0), Nonce::new(0));
    command.stdin(Stdio::piped());
    Worker::spawn(command, "test", handles, 16, 128, &ticket).unwrap()
}

fn spawn(script: &str, handles: Vec<crate::OwnedHandle>) -> Worker {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    start(command, handles)
}

#[test]
fn what_comes_is_moved_and_the_bell_rung() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, shared, bell, mut writer) = link(100);
    // One byte came before the link was watched.
    writer.write_all(b"a").unwrap();
    doorbells.add(doorbell, None, bell.clone()).unwrap();
    wait_until(&mut doorbells, || shared.moved() == b"a");
    settle(&mut doorbells);
    assert!(bell.rings.load(Ordering::SeqCst) > 0);

    writer.write_all(b"bcdefgh").unwrap();
    wait_until(&mut doorbells, || shared.moved() == b"abcdefgh");

    writer.write_all(b"i").unwrap();
    drop(writer);
    wait_until(&mut doorbells, || shared.is_dropped());
    assert_eq!(shared.moved(), b"abcdefghi");
    assert!(bell.dropped_at_last.load(Ordering::SeqCst), "rung before the pump was dropped");
    assert!(doorbells.watched() == 0);
    settle(&mut doorbells);
}

#[test]
fn a_loop_that_watches_the_set_is_told_of_what_is_left() {
    let mut doorbells = Doorbells::new().unwrap();
    let mut watcher = Watcher::new(&doorbells);
    let (doorbell, shared, bell, mut writer) = link(100);
    doorbells.add(doorbell, None, bell).unwrap();
    writer.write_all(&[7; 30]).unwrap();
    // Each turn moves a part; as long as something is left, the descriptor says so.
    for _ in 0..100 {
        if !watcher.is_readable() {
            break;
        }
        doorbells.wait(Some(Duration::ZERO)).unwrap();
    }
    assert_eq!(shared.moved().len(), 30);
    assert!(!watcher.is_readable(), "an idle set wakes its loop");
}

#[test]
fn a_full_pump_sleeps_until_room_is_made() {
    let mut doorbells = Doorbells::new().unwrap();
    let mut watcher = Watcher::new(&doorbells);
    let (doorbell, shared, bell, mut writer) = link(2);
    let waker = doorbells.waker();
    doorbells.add(doorbell, None, bell).unwrap();
    writer.write_all(b"abcd").unwrap();
    wait_until(&mut doorbells, || shared.moved() == b"ab");
    settle(&mut doorbells);
    assert!(!watcher.is_readable(), "a full pump wakes its loop");
    let calls = shared.calls();

    // It sleeps without end, and the one call that made room ends it.
    let room = Arc::clone(&shared);
    let maker = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        let calls = room.calls();
        room.room.store(2, Ordering::SeqCst);
        waker.notify_capacity();
        calls
    });
    let start = Instant::now();
    while shared.moved() != b"abcd" {
        doorbells.wait(None).unwrap();
    }
    assert!(start.elapsed() >= Duration::from_millis(90));
    let spun = maker.join().unwrap() - calls;
    assert!(spun <= 2, "it was pumped {spun} times while it slept");
    settle(&mut doorbells);

    // Once no pump waits for room any more, making some wakes no thread.
    shared.room.store(100, Ordering::SeqCst);
    doorbells.waker().notify_capacity();
    settle(&mut doorbells);
    doorbells.waker().notify_capacity();
    assert_eq!(settle(&mut doorbells), 0);
}

#[test]
fn making_room_wakes_nobody_after_a_full_pump_was_cut() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, shared, bell, mut writer) = link(1);
    let key = doorbells.add(doorbell, None, bell).unwrap();
    writer.write_all(b"ab").unwrap();
    wait_until(&mut doorbells, || shared.moved() == b"a");
    settle(&mut doorbells);
    assert_eq!(doorbells.waker().full.load(Ordering::SeqCst), 1);
    doorbells.unwatch(key);
    assert!(shared.is_dropped());
    assert_eq!(doorbells.waker().full.load(Ordering::SeqCst), 0);
    assert!(doorbells.watched() == 0);
    doorbells.unwatch(key);
    settle(&mut doorbells);
    // The other end finds the pipe broken.
    assert_eq!(writer.write(b"c").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

/// Room that is made at any moment is noticed.
#[test]
fn no_room_is_overlooked() {
    const BYTES: usize = 5_000;
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, shared, bell, mut writer) = link(1);
    let waker = doorbells.waker();
    doorbells.add(doorbell, None, bell).unwrap();
    writer.write_all(&[7; BYTES]).unwrap();
    let foreground = {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            for _ in 1..BYTES {
                while shared.room.load(Ordering::SeqCst) > 0 {
                    std::hint::spin_loop();
                }
                shared.room.store(1, Ordering::SeqCst);
                waker.notify_capacity();
            }
        })
    };
    let end = Instant::now() + Duration::from_secs(20);
    while shared.moved().len() < BYTES {
        let start = Instant::now();
        doorbells.wait(Some(Duration::from_secs(5))).unwrap();
        assert!(start.elapsed() < Duration::from_secs(4), "a wake-up was lost");
        assert!(Instant::now() < end);
    }
    foreground.join().unwrap();
}

#[test]
fn a_set_that_is_dropped_tells_the_inlets() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, shared, bell, _writer) = link(0);
    doorbells.add(doorbell, None, bell.clone()).unwrap();
    settle(&mut doorbells);
    let before = bell.rings.load(Ordering::SeqCst);
    let waker = doorbells.waker();
    drop(doorbells);
    assert!(shared.is_dropped());
    assert!(bell.rings.load(Ordering::SeqCst) > before);
    assert!(bell.dropped_at_last.load(Ordering::SeqCst));
    // There is no set left to be woken.
    waker.wake();
    waker.notify_capacity();
}

#[test]
fn a_link_with_nothing_to_watch_is_forgotten() {
    let mut doorbells = Doorbells::new().unwrap();
    let (_, _, bell, _writer) = link(0);
    doorbells.add(Doorbell::from(()), None, bell).unwrap();
    settle(&mut doorbells);
    assert!(doorbells.watched() == 0);
}

#[test]
fn the_end_of_a_worker_is_known() {
    let cases = [
        ("read line; exit 3", Exit::Code(3)),
        ("read line; exit 0", Exit::Code(0)),
        ("read line; kill -9 $$", Exit::Signal(9)),
        ("read line; kill -15 $$", Exit::Signal(15)),
    ];
    for (script, expected) in cases {
        let mut doorbells = Doorbells::new().unwrap();
        let (doorbell, shared, bell, writer) = link(100);
        let worker = spawn(script, vec![writer.into()]);
        doorbells.add(doorbell, Some(worker.clone()), bell.clone()).unwrap();
        settle(&mut doorbells);
        assert_eq!(worker.exit(), None, "{script}");
        let before = bell.rings.load(Ordering::SeqCst);
        drop(worker.take_stdin());
        wait_until(&mut doorbells, || doorbells_are_done(&worker, &shared));
        assert_eq!(worker.exit(), Some(Some(expected)), "{script}");
        assert!(bell.rings.load(Ordering::SeqCst) > before);
        settle(&mut doorbells);
        assert!(doorbells.watched() == 0, "{script}");
        // Reaped: nothing is left to kill.
        worker.kill().unwrap();
        worker.end();
        assert_eq!(worker.exit(), Some(Some(expected)), "{script}");
    }
}

fn doorbells_are_done(worker: &Worker, shared: &Shared) -> bool {
    worker.exit().is_some() && shared.is_dropped()
}

#[test]
fn a_worker_that_was_ended_by_hand_rings_as_well() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, shared, bell, writer) = link(100);
    let worker = spawn("read line", vec![writer.into()]);
    let key = doorbells.add(doorbell, Some(worker.clone()), bell.clone()).unwrap();
    settle(&mut doorbells);
    doorbells.unwatch(key);
    assert!(shared.is_dropped());
    let before = bell.rings.load(Ordering::SeqCst);
    worker.end();
    assert_eq!(worker.exit(), Some(Some(Exit::Signal(9))));
    wait_until(&mut doorbells, || bell.rings.load(Ordering::SeqCst) > before);
    settle(&mut doorbells);
    assert!(doorbells.watched() == 0);
}

/// The worker's end of the link lives on in a process of its own making. What the worker has
/// written arrives, and then the link has ended all the same.
#[test]
fn a_grandchild_that_holds_the_link_does_not_keep_it() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, shared, bell, writer) = link(100);
    use std::os::fd::AsRawFd as _;
    let fd = writer.as_raw_fd();
    let script = format!("sleep 1000 & echo $! >&2; printf last >/dev/fd/{fd}; kill -9 $$");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stderr(Stdio::piped());
    let worker = start(command, vec![writer.into()]);
    let mut stderr = std::io::BufReader::new(worker.take_stderr().unwrap());
    let mut grandchild = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut grandchild).unwrap();

    doorbells.add(doorbell, Some(worker.clone()), bell).unwrap();
    wait_until(&mut doorbells, || doorbells_are_done(&worker, &shared));
    assert_eq!(shared.moved(), b"last");
    assert_eq!(worker.exit(), Some(Some(Exit::Signal(9))));
    assert!(shared.calls.lock().unwrap().contains(&true));
    let killed = Command::new("kill").args(["-9", grandchild.trim()]).status().unwrap();
    assert!(killed.success(), "the grandchild was gone before");
}

/// A pump that is full when its worker ends keeps what is left for when there is room.
#[test]
fn what_a_worker_wrote_before_its_end_waits_for_room() {
    let mut doorbells = Doorbells::new().unwrap();
    let (doorbell, shared, bell, writer) = link(1);
    use std::os::fd::AsRawFd as _;
    let script = format!("printf abcdef >/dev/fd/{}; kill -9 $$", writer.as_raw_fd());
    let worker = spawn(&script, vec![writer.into()]);
    doorbells.add(doorbell, Some(worker.clone()), bell).unwrap();
    wait_until(&mut doorbells, || worker.exit().is_some());
    settle(&mut doorbells);
    assert_eq!(shared.moved(), b"a");
    shared.room.store(100, Ordering::SeqCst);
    doorbells.waker().notify_capacity();
    wait_until(&mut doorbells, || shared.is_dropped());
    assert_eq!(shared.moved(), b"abcdef");
}

/// Many links come and go; the set keeps nothing of them.
#[test]
fn links_that_are_gone_leave_nothing() {
    let mut doorbells = Doorbells::new().unwrap();
    let mut open = VecDeque::new();
    for turn in 0..500usize {
        let (doorbell, shared, bell, writer) = link(100);
        let key = doorbells.add(doorbell, None, bell).unwrap();
        open.push_back((key, writer, shared));
        if open.len() > 8 {
            let (key, writer, shared) = open.pop_front().unwrap();
            if turn % 2 == 0 {
                doorbells.unwatch(key);
            } else {
                drop(writer);
                wait_until(&mut doorbells, || shared.is_dropped());
            }
        }
    }
    assert_eq!(doorbells.watched(), open.len());
    drop(open);
    settle(&mut doorbells);
    assert!(doorbells.watched() == 0);
}
