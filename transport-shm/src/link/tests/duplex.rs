//! Both directions of a link in one process, whose foreground sleeps until it is woken.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use homing_core::{
    Arrival, ConnectionId, EncodingRemote, Inlet as _, LinkEnd, Notifier as _, Pinger, RecvError,
    RemoteEnd, SendErrorKind,
};
use homing_mux::MuxDownlink;
use homing_process::Doorbells;
use rustix::io::ioctl_fionread;

use super::super::{Foreground as Parts, worker};
use super::*;
use crate::{Receiver, Sender, ShmHandle, ShmInlet};

/// Ends a test that hangs. Nothing is measured with it.
const HANG: Duration = Duration::from_secs(60);

/// The foreground's side.
struct Foreground {
    inlet: ShmInlet,
    downlink: Arc<MuxDownlink<ShmSink>>,
    doorbells: Doorbells,
}

/// A link whose worker is in this process.
fn link(shm: &Shm) -> (ShmHandle, Foreground) {
    let (parts, [there, back]) = shm.make().unwrap();
    let config = shm.mux.clone();
    let worker = worker::join(there.into_direction(), back.into_direction(), config).unwrap();
    (worker, Foreground::new(parts))
}

/// A link of two rings of so many bytes.
fn small(ring: usize) -> (ShmHandle, Foreground) {
    link(&Shm::new().ring(ring).way_back_ring(ring))
}

fn ends<D, U>(handle: &ShmHandle, pipe: u32) -> (Receiver<D>, Sender<U>)
where
    D: serde::de::DeserializeOwned,
    U: serde::Serialize,
{
    handle.duplex(duplex_ticket(pipe))
}

impl Foreground {
    fn new(Parts { inlet, doorbell, downlink }: Parts) -> Self {
        struct Silent;

        impl Pinger for Silent {
            fn ping(&self) {}
        }

        let mut doorbells = Doorbells::new().unwrap();
        doorbells.add(doorbell, None, Arc::new(Silent)).unwrap();
        Self { inlet, downlink, doorbells }
    }

    /// The sending end of a pipe that the worker has started.
    fn remote(&self, pipe: u32, capacity: usize) -> EncodingRemote {
        let connection = ConnectionId::from_parts(pipe, 0);
        let remote = EncodingRemote::new(&*self.downlink, connection, capacity);
        RemoteEnd::<u8>::note_started(&remote);
        remote
    }

    /// Serves the link until `done` says so, which gets each message with its pipe, and `None` when
    /// there is nothing to do but to sleep.
    fn serve(
        &mut self,
        remotes: &[&EncodingRemote],
        mut done: impl FnMut(Option<(u32, Vec<u8>)>) -> bool,
    ) -> Option<LinkEnd> {
        loop {
            let message = match self.inlet.poll() {
                Ok(None) => None,
                Ok(Some(Arrival::Message { connection, payload })) => {
                    Some((connection.index(), payload.decode().unwrap()))
                }
                Ok(Some(Arrival::Taken { connection, commands })) => {
                    let remote = remotes[connection.index() as usize];
                    RemoteEnd::<u8>::note_taken(remote, commands).unwrap();
                    continue;
                }
                Ok(Some(_)) => continue,
                Err(end) => return Some(end),
            };
            let idle = message.is_none();
            if done(message) {
                return None;
            }
            if idle {
                self.downlink.flush();
                let asleep = Instant::now();
                self.doorbells.wait(Some(HANG)).unwrap();
                assert!(asleep.elapsed() < HANG, "the foreground is not woken");
            }
        }
    }
}

fn command(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (number * 7 + at) as u8).collect()
}

/// Runs `work` on another thread, and says where its result arrives.
fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<T> {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result
}

fn get<T>(result: &mpsc::Receiver<T>) -> T {
    result.recv_timeout(HANG).expect("the worker hangs")
}

/// Sends until there is no room, and then waits for some.
fn blocked_sender(
    mut sender: Sender<Vec<u8>>,
) -> (mpsc::Receiver<()>, mpsc::Receiver<SendErrorKind>) {
    let (full, is_full) = mpsc::channel();
    let result = run(move || {
        sender.start().unwrap();
        while sender.try_send(vec![0; 500]).is_ok() {}
        full.send(()).unwrap();
        sender.send(vec![1; 500]).unwrap_err().kind()
    });
    (is_full, result)
}

#[test]
fn commands_of_any_size_arrive_while_both_rings_are_full() {
    for ring in [4096, 64 * 1024] {
        let (handle, mut foreground) = small(ring);
        let remote = foreground.remote(0, 400_000);
        const COUNT: usize = 48;
        let len = |n: usize| [0, 3, 700, 20_000, 65_536, 150_000][n % 6];
        let worker = run(move || {
            let (mut orders, mut sender) = ends::<Vec<u8>, Vec<u8>>(&handle, 0);
            sender.start().unwrap();
            for number in 0..COUNT {
                let order = orders.recv().unwrap();
                assert!(order == command(number, len(number)), "{number}");
                sender.send(order).unwrap();
            }
            sender.stop().unwrap();
        });
        // Nothing is taken until no more is accepted.
        let (mut sent, mut echoed) = (0, 0);
        foreground.serve(&[&remote], |message| {
            while sent < COUNT && remote.send(command(sent, len(sent))).is_ok() {
                sent += 1;
            }
            if let Some((_, message)) = message {
                assert!(message == command(echoed, len(echoed)), "{echoed}");
                echoed += 1;
            }
            echoed == COUNT
        });
        get(&worker);
    }
}

#[test]
fn the_foreground_is_woken_when_there_is_room_for_commands() {
    let (handle, mut foreground) = small(4096);
    let remotes: Vec<_> = (0..8).map(|pipe| foreground.remote(pipe, 1 << 20)).collect();
    const EACH: usize = 200;
    for number in 0..EACH {
        for remote in &remotes {
            remote.send(command(number, 300)).unwrap();
        }
    }
    // The worker sends nothing but what it has taken, and that late.
    let worker = run(move || {
        let ends: Vec<_> = (0..8).map(|pipe| ends::<Vec<u8>, Vec<u8>>(&handle, pipe)).collect();
        let threads = ends.into_iter().map(|(mut orders, mut sender)| {
            thread::spawn(move || {
                for number in 0..EACH {
                    assert_eq!(orders.recv(), Ok(command(number, 300)));
                }
                sender.start().unwrap();
                sender.send(vec![]).unwrap();
                sender.stop().unwrap();
            })
        });
        threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    });
    let mut left = remotes.len();
    foreground.serve(&remotes.iter().collect::<Vec<_>>(), |message| {
        left -= usize::from(message.is_some());
        left == 0
    });
    get(&worker);
}

#[test]
fn cancel_and_close_wake_what_waits() {
    for close in [false, true] {
        let tell = |remote: &EncodingRemote| match close {
            true => RemoteEnd::<u8>::close(remote),
            false => RemoteEnd::<u8>::cancel(remote),
        };
        let (handle, foreground) = small(4096);
        let remotes: Vec<_> = (0..4).map(|pipe| foreground.remote(pipe, 1000)).collect();
        // A thread at the socket of the way back and one behind it, and then the same for space.
        let receiving: Vec<_> = (0..2)
            .map(|pipe| {
                let (mut orders, _) = ends::<u8, u8>(&handle, pipe);
                run(move || orders.recv())
            })
            .collect();
        let sending: Vec<_> = (2..4)
            .map(|pipe| {
                let (is_full, result) = blocked_sender(ends::<u8, _>(&handle, pipe).1);
                get(&is_full);
                result
            })
            .collect();
        thread::sleep(Duration::from_millis(30));
        remotes.iter().rev().for_each(tell);
        let (received, sent) = match close {
            true => (RecvError::Closed, SendErrorKind::Closed),
            false => (RecvError::Cancelled, SendErrorKind::Cancelled),
        };
        for result in &receiving {
            assert_eq!(get(result), Err(received.clone()));
        }
        for result in &sending {
            assert_eq!(get(result), sent);
        }
    }
}

/// A thread that receives and one that sends, which change places at the socket, and one that looks
/// and may take what is for the others.
#[test]
fn nothing_is_missed_whichever_thread_takes_it() {
    for round in 0..300 {
        let (tell, told): (fn(&EncodingRemote), _) = match round % 2 {
            0 => (RemoteEnd::<u8>::cancel, SendErrorKind::Cancelled),
            _ => (RemoteEnd::<u8>::close, SendErrorKind::Closed),
        };
        let (handle, foreground) = small(4096);
        let remotes: Vec<_> = (0..3).map(|pipe| foreground.remote(pipe, 10_000)).collect();
        let (mut orders, _sender) = ends::<u8, u8>(&handle, 0);
        let receiving = run(move || {
            let wait = Duration::from_micros(200);
            match round % 3 {
                0 => (0..3).map(|_| orders.recv().unwrap()).collect::<Vec<_>>(),
                1 => orders.iter().take(3).collect(),
                _ => std::iter::repeat_with(|| orders.recv_timeout(wait).ok())
                    .flatten()
                    .take(3)
                    .collect(),
            }
        });
        let (_orders, looks) = ends::<u8, u8>(&handle, 2);
        let looking = run(move || {
            while !looks.is_cancelled() {
                thread::yield_now();
            }
        });
        let (is_full, sending) = blocked_sender(ends::<u8, _>(&handle, 1).1);
        get(&is_full);
        drop(handle);
        for number in 0..3_u8 {
            remotes[0].send(number).unwrap();
            if number == round as u8 % 4 {
                tell(&remotes[1]);
            }
        }
        tell(&remotes[1]);
        assert_eq!(get(&receiving), [0, 1, 2]);
        assert_eq!(get(&sending), told);
        RemoteEnd::<u8>::cancel(&remotes[2]);
        get(&looking);
    }
}

#[test]
fn the_end_of_the_inlet_ends_both_directions() {
    let (handle, foreground) = small(4096);
    let (mut orders, _sender) = ends::<u8, u8>(&handle, 0);
    // Claims the pipe, which needs the foreground.
    assert!(matches!(orders.try_recv(), Err(RecvError::Empty)));
    let receiving = run(move || (orders.recv(), orders.recv()));
    let (is_full, sending) = blocked_sender(ends::<u8, _>(&handle, 1).1);
    get(&is_full);
    let remote = foreground.remote(0, 1000);
    remote.send(7_u8).unwrap();
    let Foreground { inlet, downlink, .. } = foreground;
    drop(inlet);
    // What was put before arrives.
    assert_eq!(get(&receiving), (Ok(7), Err(RecvError::Disconnected)));
    assert_eq!(get(&sending), SendErrorKind::Disconnected);
    // A look finds it, too.
    let (mut orders, _sender) = ends::<u8, u8>(&handle, 2);
    assert!(matches!(orders.try_recv(), Err(RecvError::Disconnected)));
    // It is found by writing.
    let _ = remote.send(1_u8);
    downlink.flush();
    assert_eq!(remote.send(1_u8).unwrap_err().kind(), SendErrorKind::Disconnected);
}

#[test]
fn the_end_of_the_worker_leaves_commands_untaken() {
    let (handle, mut foreground) = small(4096);
    let remote = foreground.remote(0, 100_000);
    let (orders, mut sender) = ends::<Vec<u8>, u8>(&handle, 0);
    sender.start().unwrap();
    for number in 0..20 {
        remote.send(command(number, 1000)).unwrap();
    }
    drop((handle, orders, sender));
    assert_eq!(foreground.serve(&[&remote], |_| false), Some(LinkEnd::gone()));
    assert_eq!(RemoteEnd::<Vec<u8>>::untaken(&remote), 20);
}

/// A worker that only looks is not rung, so that a command is no system call on either side.
#[test]
fn a_worker_that_does_not_wait_is_not_rung() {
    let mut shm = Shm::new();
    let prepared = shm.prepare(LinkWaker::noop()).unwrap();
    let socket = prepared.handles[3].try_clone().unwrap();
    let downlink = prepared.downlink.unwrap();
    let worker = crate::adopt(prepared.handles, MuxConfig::new()).unwrap();
    let (mut orders, _sender) = ends::<u32, u8>(&worker, 0);
    let remote = EncodingRemote::new(&*downlink, ConnectionId::from_parts(0, 0), 1000);
    RemoteEnd::<u32>::note_started(&remote);
    for number in 0..20_u32 {
        remote.send(number).unwrap();
        assert_eq!(orders.try_recv(), Ok(number));
        assert_eq!(orders.try_recv(), Err(RecvError::Empty));
    }
    // The first found nothing that said whether the worker waits.
    assert_eq!(ioctl_fionread(&socket).unwrap(), 1);
}

#[test]
fn a_reader_waits_no_longer_than_it_was_told() {
    let (handle, foreground) = small(4096);
    let (mut orders, _sender) = ends::<u8, u8>(&handle, 0);
    assert_eq!(orders.recv_timeout(Duration::from_millis(5)), Err(RecvError::Empty));
    assert_eq!(orders.recv_timeout(Duration::ZERO), Err(RecvError::Empty));
    foreground.remote(0, 100).send(3_u8).unwrap();
    assert_eq!(orders.recv_timeout(Duration::MAX), Ok(3));
}
