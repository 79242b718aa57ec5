//! Both directions of a link, in one process.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use homing_core::{
    Arrival, ConnectionId, Downlink, EncodingRemote, Inlet, LinkEnd, Nonce, RecvError, RemoteEnd,
    Ticket,
};
use homing_mux::{MuxCommands, MuxReceiver};
use homing_process::{Doorbells, WatchKey};

use super::*;
use crate::PipeHandle;

/// Ends a test that hangs.
const HANG: Duration = Duration::from_secs(60);

type Orders = MuxReceiver<Vec<u8>, PipeSink>;
type Reports = crate::Sender<Vec<u8>>;

/// The foreground of a link, as a router would be it.
struct Foreground {
    inlet: Option<Box<dyn Inlet>>,
    downlink: Arc<dyn Downlink>,
    doorbells: Doorbells,
    key: WatchKey,
}

fn link_of(pipe: Pipe) -> (PipeHandle, Foreground) {
    let mut pipe = pipe;
    let prepared = pipe.prepare(LinkWaker::noop()).unwrap();
    let worker = crate::adopt(prepared.handles, MuxConfig::new().limit(prepared.limit)).unwrap();
    let mut doorbells = Doorbells::new().unwrap();
    let key = doorbells.add(prepared.doorbell, None, Arc::new(Silent)).unwrap();
    let downlink = prepared.downlink.unwrap();
    (worker, Foreground { inlet: Some(prepared.inlet), downlink, doorbells, key })
}

/// A link of which the foreground buffers next to nothing.
fn small() -> (PipeHandle, Foreground) {
    link_of(Pipe::new().buffer(1))
}

fn connection(pipe: u32) -> ConnectionId {
    ConnectionId::from_parts(pipe, 0)
}

fn ends(handle: &PipeHandle, pipe: u32) -> (Orders, Reports) {
    let (orders, mut reports) = handle.duplex(Ticket::new(connection(pipe), Nonce::new(7)));
    reports.start().unwrap();
    (orders, reports)
}

/// What arrived in the foreground.
#[derive(Debug, PartialEq)]
enum Got {
    Message(u32, Vec<u8>),
    Stopped(u32),
    End,
}

impl Foreground {
    /// The way back of a pipe that was claimed.
    fn remote(&self, pipe: u32, capacity: usize) -> EncodingRemote {
        let remote = EncodingRemote::new(&*self.downlink, connection(pipe), capacity);
        RemoteEnd::<Vec<u8>>::note_started(&remote);
        remote
    }

    /// Takes what has come, if anything.
    fn poll(&mut self, remotes: &[&EncodingRemote]) -> Option<Got> {
        loop {
            return match self.inlet.as_mut().unwrap().poll() {
                Ok(None) => None,
                Ok(Some(Arrival::Message { connection, payload })) => {
                    Some(Got::Message(connection.index(), payload.decode().unwrap()))
                }
                Ok(Some(Arrival::Taken { connection, commands })) => {
                    let remote = remotes[connection.index() as usize];
                    RemoteEnd::<Vec<u8>>::note_taken(remote, commands).unwrap();
                    continue;
                }
                Ok(Some(Arrival::Stopped { connection, .. })) => {
                    Some(Got::Stopped(connection.index()))
                }
                Ok(Some(_)) => continue,
                Err(LinkEnd::Gone(_)) => Some(Got::End),
                Err(end) => panic!("{end:?}"),
            };
        }
    }

    /// Routes until `done` says so of what has arrived, or of nothing, which sleeps in between.
    fn route(&mut self, remotes: &[&EncodingRemote], mut done: impl FnMut(Option<Got>) -> bool) {
        let deadline = Instant::now() + HANG;
        loop {
            let got = self.poll(remotes);
            let is_idle = got.is_none();
            if done(got) {
                return;
            }
            assert!(Instant::now() < deadline, "nothing comes");
            if is_idle {
                self.doorbells.waker().notify_capacity();
                self.doorbells.wait(Some(HANG)).unwrap();
            }
        }
    }

    /// Goes, as a router does that stops.
    fn stop(&mut self) {
        self.inlet = None;
        self.doorbells.unwatch(self.key);
    }
}

fn command(number: usize, len: usize) -> Vec<u8> {
    let mut command = number.to_le_bytes().to_vec();
    command.resize(8 + len, number as u8);
    command
}

/// What a thread returns, if it does.
fn result<T>(thread: JoinHandle<T>) -> T {
    let deadline = Instant::now() + HANG;
    while !thread.is_finished() {
        assert!(Instant::now() < deadline, "the thread is stuck");
        thread::sleep(Duration::from_millis(1));
    }
    thread.join().unwrap()
}

/// Waits until a thread sleeps, as far as that can be told: for long enough that it has got there.
fn let_sleep() {
    thread::sleep(Duration::from_millis(100));
}

/// Both directions are full again and again, and commands have many fragments.
#[test]
fn both_directions_carry_all_sizes_at_once() {
    const LENS: [usize; 6] = [0, 100, 5_000, 64 * 1024, 200_000, 300_000];
    const COUNT: usize = 60;
    let (worker, mut foreground) = small();
    let remote = foreground.remote(0, 3_000_000);
    let echo = thread::spawn(move || {
        let (mut orders, mut reports) = ends(&worker, 0);
        for number in 0..COUNT {
            let order = orders.recv().unwrap();
            assert!(order == command(number, LENS[number % LENS.len()]), "{number}");
            reports.send(order).unwrap();
        }
        reports.stop().unwrap();
    });
    let (mut sent, mut echoed) = (0, 0);
    // How many were not taken when the last one was refused.
    let mut refused_at = u64::MAX;
    foreground.route(&[&remote], |got| {
        while sent < COUNT && RemoteEnd::<Vec<u8>>::untaken(&remote) < refused_at {
            match remote.send(command(sent, LENS[sent % LENS.len()])) {
                Ok(()) => (sent, refused_at) = (sent + 1, u64::MAX),
                Err(error) => {
                    assert!(error.is_full());
                    refused_at = RemoteEnd::<Vec<u8>>::untaken(&remote);
                }
            }
        }
        if let Some(Got::Message(_, message)) = &got {
            assert!(*message == command(echoed, LENS[echoed % LENS.len()]), "{echoed}");
            echoed += 1;
        }
        got == Some(Got::Stopped(0))
    });
    assert_eq!((sent, echoed), (COUNT, COUNT));
    assert_eq!(RemoteEnd::<Vec<u8>>::untaken(&remote), 0);
    result(echo);
}

#[test]
fn pipes_with_threads_of_their_own_share_the_way_back() {
    const PIPES: usize = 8;
    const COUNT: usize = 400;
    let (worker, mut foreground) = small();
    let threads: Vec<_> = (0..PIPES)
        .map(|pipe| {
            let (mut orders, mut reports) = ends(&worker, pipe as u32);
            thread::spawn(move || {
                for number in 0..COUNT {
                    assert_eq!(orders.recv().unwrap(), command(number, pipe));
                    // Looks between waits, by which the thread comes and goes.
                    for _ in 0..number % 40 {
                        assert!(!reports.is_cancelled());
                    }
                    reports.send(command(number, pipe)).unwrap();
                }
                reports.stop().unwrap();
            })
        })
        .collect();
    drop(worker);
    let remotes: Vec<_> = (0..PIPES).map(|pipe| foreground.remote(pipe as u32, 2_000)).collect();
    let remotes: Vec<_> = remotes.iter().collect();
    let (mut sent, mut echoed, mut stopped) = ([0; PIPES], [0; PIPES], 0);
    foreground.route(&remotes, |got| {
        for (pipe, remote) in remotes.iter().enumerate() {
            while sent[pipe] < COUNT && remote.send(command(sent[pipe], pipe)).is_ok() {
                sent[pipe] += 1;
            }
        }
        match got {
            Some(Got::Message(pipe, message)) => {
                let pipe = pipe as usize;
                assert_eq!(message, command(echoed[pipe], pipe));
                echoed[pipe] += 1;
            }
            Some(Got::Stopped(_)) => stopped += 1,
            _ => {}
        }
        stopped == PIPES
    });
    assert_eq!(echoed, [COUNT; PIPES]);
    threads.into_iter().for_each(result);
}

/// The foreground sends, and does nothing else: no thread of it is needed to wake the worker.
#[test]
fn a_command_wakes_a_receiver_that_sleeps() {
    let (worker, foreground) = small();
    let remote = foreground.remote(0, 1000);
    let (mut orders, _reports) = ends(&worker, 0);
    let receiving = thread::spawn(move || orders.recv());
    let_sleep();
    remote.send(vec![1u8, 2]).unwrap();
    assert_eq!(result(receiving), Ok(vec![1, 2]));
}

#[test]
fn a_receiver_waits_no_longer_than_it_is_told() {
    let (worker, _foreground) = small();
    let (mut orders, _reports) = ends(&worker, 0);
    let start = Instant::now();
    let error = orders.recv_timeout(Duration::from_millis(50)).unwrap_err();
    assert_eq!(error, RecvError::Empty);
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(orders.try_recv().unwrap_err(), RecvError::Empty);
}

/// What waits, and what it finds after something has come for its pipe.
fn waits(worker: &PipeHandle) -> (JoinHandle<RecvError>, JoinHandle<SendErrorKind>) {
    let (mut orders, first) = ends(worker, 0);
    let receiving = thread::spawn(move || {
        let error = orders.recv().unwrap_err();
        drop(first);
        error
    });
    let (second, mut reports) = ends(worker, 1);
    let sending = thread::spawn(move || {
        while reports.try_send(vec![0; 1000]).is_ok() {}
        let error = loop {
            if let Err(error) = reports.send(vec![0; 1000]) {
                break error.kind();
            }
        };
        drop(second);
        error
    });
    let_sleep();
    (receiving, sending)
}

#[test]
fn cancel_wakes_a_receiver_and_a_sender() {
    let (worker, foreground) = small();
    let remotes = [foreground.remote(0, 1000), foreground.remote(1, 1000)];
    let (receiving, sending) = waits(&worker);
    remotes.iter().for_each(RemoteEnd::<Vec<u8>>::cancel);
    assert_eq!(result(receiving), RecvError::Cancelled);
    assert_eq!(result(sending), SendErrorKind::Cancelled);
}

#[test]
fn close_wakes_a_receiver_and_a_sender() {
    let (worker, foreground) = small();
    let remotes = [foreground.remote(0, 1000), foreground.remote(1, 1000)];
    let (receiving, sending) = waits(&worker);
    remotes.iter().for_each(RemoteEnd::<Vec<u8>>::close);
    assert_eq!(result(receiving), RecvError::Closed);
    assert_eq!(result(sending), SendErrorKind::Closed);
}

#[test]
fn the_end_of_the_foreground_wakes_a_receiver_and_a_sender() {
    let (worker, mut foreground) = small();
    // A part of the foreground may keep its end of a pipe.
    let _remote = foreground.remote(0, 1000);
    let (receiving, sending) = waits(&worker);
    foreground.stop();
    assert_eq!(result(receiving), RecvError::Disconnected);
    assert_eq!(result(sending), SendErrorKind::Disconnected);
}

/// A thread that waits must not sleep on after another thread has read what it waits for.
#[test]
fn a_command_that_another_thread_reads_is_received() {
    let (worker, mut foreground) = small();
    let remote = foreground.remote(0, 1000);
    let (mut orders, reports) = ends(&worker, 0);
    let (_others, looks) = ends(&worker, 1);
    let (stop, stopped) = mpsc::channel::<()>();
    // Looks that read, and later a thread that reads in their place.
    let looking = thread::spawn(move || {
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            assert!(!looks.is_cancelled());
        }
    });
    let receiving = thread::spawn(move || {
        for number in 0..2000 {
            assert_eq!(orders.recv(), Ok(command(number, 0)));
        }
        drop(reports);
    });
    let mut sent = 0;
    foreground.route(&[&remote], |got| {
        if sent < 2000 && remote.send(command(sent, 0)).is_ok() {
            sent += 1;
        }
        got == Some(Got::Stopped(0))
    });
    result(receiving);
    drop(stop);
    result(looking);
}

/// Cancel and close are seen by a worker that does nothing but look.
#[test]
fn a_look_sees_what_has_come() {
    let (worker, foreground) = small();
    let remote = foreground.remote(0, 1000);
    let (orders, reports) = ends(&worker, 0);
    for _ in 0..1000 {
        assert!(!reports.is_cancelled() && !orders.is_cancelled());
    }
    RemoteEnd::<Vec<u8>>::cancel(&remote);
    let deadline = Instant::now() + HANG;
    while !reports.is_cancelled() {
        assert!(Instant::now() < deadline);
    }
    assert!(orders.is_cancelled() && !orders.is_closed());
    RemoteEnd::<Vec<u8>>::close(&remote);
    while !orders.is_closed() {
        assert!(Instant::now() < deadline);
    }
    assert!(reports.is_closed());
}

/// The foreground writes what found no space when it finds some, by the doorbell alone.
#[test]
fn what_waits_in_the_foreground_is_written_when_there_is_space() {
    let (worker, mut foreground) = small();
    let remote = foreground.remote(0, 10_000_000);
    // Larger than the OS pipe.
    remote.send(command(1, 1_000_000)).unwrap();
    remote.send(command(2, 1_000_000)).unwrap();
    let (mut orders, reports) = ends(&worker, 0);
    let receiving = thread::spawn(move || {
        let got = [orders.recv().unwrap(), orders.recv().unwrap()];
        drop(reports);
        got
    });
    foreground.route(&[&remote], |got| got == Some(Got::Stopped(0)));
    assert!(result(receiving) == [command(1, 1_000_000), command(2, 1_000_000)]);
}

#[test]
fn a_worker_that_is_gone_is_found() {
    let (worker, mut foreground) = small();
    let remote = foreground.remote(0, 1_000_000);
    drop(ends(&worker, 0));
    drop(worker);
    foreground.route(&[&remote], |got| got == Some(Got::End));
    until_refused(&remote);
}

/// Sends until the worker is found to be gone.
fn until_refused(remote: &EncodingRemote) {
    let deadline = Instant::now() + HANG;
    let error = loop {
        match remote.send(vec![1u8]) {
            Err(error) if !error.is_full() => break error,
            _ => assert!(Instant::now() < deadline, "the worker's end is open"),
        }
        thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(error.kind(), SendErrorKind::Disconnected);
}

/// The thread that reads in place of looks, asleep or not, ends with the link, whose descriptor it
/// holds.
#[test]
fn the_thread_ends_with_its_link() {
    for sleeps in [false, true] {
        let (worker, foreground) = small();
        let remote = foreground.remote(0, 1_000_000);
        let (mut orders, reports) = ends(&worker, 0);
        for _ in 0..1000 {
            assert!(!reports.is_cancelled());
        }
        if sleeps {
            remote.send(vec![1u8]).unwrap();
            orders.recv().unwrap();
            orders.recv_timeout(Duration::from_millis(1)).unwrap_err();
            remote.send(vec![1u8]).unwrap();
            let_sleep();
        }
        drop((worker, orders, reports));
        until_refused(&remote);
    }
}

/// Links within one process have both directions, too.
#[test]
fn a_link_within_one_process_has_a_way_back() {
    use homing_core::{Duplex, MakeDuplex};
    let NewLink { factory, inlet, doorbell } = Pipe::new().link(Silent).unwrap();
    let mut doorbells = Doorbells::new().unwrap();
    let key = doorbells.add(doorbell, None, Arc::new(Silent)).unwrap();
    let ticket = Ticket::<Vec<u8>, Vec<u8>>::new(connection(0), Nonce::new(7));
    let Duplex { ends: (receiver, sender), remote, .. } =
        factory.make_duplex(ticket, 10_000_000).unwrap();
    let (mut sender, mut receiver): (_, homing_core::Receiver<_, MuxCommands<Vec<u8>, _>>) =
        (sender, receiver);
    remote.note_started();
    remote.send(command(1, 1_000_000)).unwrap();
    let receiving = thread::spawn(move || {
        sender.start().unwrap();
        let order = receiver.recv().unwrap();
        let error = receiver.recv().unwrap_err();
        (order, error)
    });
    let deadline = Instant::now() + HANG;
    let mut inlet = Some(inlet);
    while remote.untaken() > 0 {
        assert!(Instant::now() < deadline);
        match inlet.as_mut().unwrap().poll().unwrap() {
            Some(Arrival::Taken { commands, .. }) => {
                remote.note_taken(commands).unwrap();
            }
            Some(_) => {}
            None => doorbells.wait(Some(HANG)).unwrap(),
        }
    }
    // The factory and the remote stay, as an application may keep them.
    drop(inlet.take());
    doorbells.unwatch(key);
    let (order, error) = result(receiving);
    assert!(order == command(1, 1_000_000));
    assert_eq!(error, RecvError::Disconnected);
    drop(factory);
}
