//! Both directions of a link, over the sink in memory that the documentation shows.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[allow(dead_code, unreachable_pub, reason = "the documentation shows the file as a crate")]
#[path = "memory/sink.rs"]
mod sink;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use homing_core::{
    Arrival, ConnectionId, EncodingRemote, Inlet, LinkEnd, Nonce, Notifier, RecvError, RemoteEnd,
    Reply, SendErrorKind, Ticket,
};
use homing_mux::{
    MuxConfig, MuxDownlink, MuxHandle, MuxReceiver, MuxSender, WayBack, WayBackSource,
};
use serde::{Deserialize, Serialize};
use sink::{MemoryInlet, MemorySink, memory_link};

/// A small link is soon full.
const CAPACITY: usize = 16 * 1024;
const LIMIT: usize = 1 << 20;

/// A bell that the test rings whenever the foreground has done something.
#[derive(Clone, Default)]
struct Bell(Arc<(Mutex<u64>, Condvar)>);

impl Bell {
    fn ring(&self) {
        *self.0.0.lock().unwrap() += 1;
        self.0.1.notify_all();
    }
}

/// Waits for the bell, as a source without a thread does. Returning early is allowed.
struct Rung(Bell);

impl WayBackSource for Rung {
    fn has_news(&self) -> bool {
        true
    }

    fn wait(&self, timeout: Option<Duration>) -> Option<()> {
        let (rings, changed) = &*self.0.0;
        let _ = timeout;
        let _ = changed.wait_timeout(rings.lock().unwrap(), Duration::from_millis(2)).unwrap();
        Some(())
    }
}

/// The foreground's side of a link.
struct Foreground {
    inlet: MemoryInlet,
    downlink: Arc<MuxDownlink<MemorySink>>,
    bell: Bell,
}

type Handle = MuxHandle<MemorySink>;

fn link() -> (Handle, Foreground) {
    let (sink, inlet) = memory_link(CAPACITY, LIMIT);
    let (down, commands) = memory_link(CAPACITY, LIMIT);
    let config = MuxConfig::new().limit(LIMIT);
    let bell = Bell::default();
    let way_back = WayBack::new(commands, Rung(bell.clone()));
    let handle = MuxHandle::new(sink, config.clone()).with_way_back(way_back);
    let downlink = Arc::new(MuxDownlink::new(down, config));
    (handle, Foreground { inlet, downlink, bell })
}

fn connection(pipe: u32) -> ConnectionId {
    ConnectionId::from_parts(pipe, 0)
}

fn ends<D, U>(handle: &Handle, pipe: u32) -> (MuxReceiver<D, MemorySink>, MuxSender<U, MemorySink>)
where
    D: serde::de::DeserializeOwned,
    U: Serialize,
{
    handle.duplex(Ticket::<U, D>::new(connection(pipe), Nonce::new(7)))
}

/// What arrived in the foreground, as far as a test needs it.
#[derive(Debug, PartialEq)]
enum Got {
    Started,
    Message(Vec<u8>),
    Answer(u32, Vec<u8>),
    Taken(u64),
    Stopped,
}

impl Foreground {
    fn remote(&self, pipe: u32, capacity: usize) -> EncodingRemote {
        EncodingRemote::new(&*self.downlink, connection(pipe), capacity)
    }

    fn poll(&mut self) -> Option<Got> {
        loop {
            let got = match self.inlet.poll() {
                Ok(None) | Err(LinkEnd::Gone(_)) => return None,
                Ok(Some(Arrival::Partial | Arrival::Fragment { .. })) => continue,
                Ok(Some(Arrival::Started { .. })) => Got::Started,
                Ok(Some(Arrival::Message { payload, .. })) => {
                    Got::Message(payload.decode().unwrap())
                }
                Ok(Some(Arrival::Answer { question, payload, .. })) => {
                    Got::Answer(question, payload.decode().unwrap())
                }
                Ok(Some(Arrival::Taken { commands, .. })) => Got::Taken(commands),
                Ok(Some(Arrival::Stopped { .. })) => Got::Stopped,
                other => panic!("{other:?}"),
            };
            return Some(got);
        }
    }

    /// Routes for the remote of the only pipe until `done` says so of what has arrived.
    fn route<D>(&mut self, remote: &impl RemoteEnd<D>, mut done: impl FnMut(Option<Got>) -> bool) {
        loop {
            let got = self.poll();
            match &got {
                Some(Got::Started) => remote.note_started(),
                Some(Got::Taken(commands)) => remote.note_taken(*commands).unwrap(),
                None => {
                    self.downlink.flush();
                    thread::yield_now();
                }
                _ => {}
            }
            self.bell.ring();
            if done(got) {
                return;
            }
        }
    }
}

fn command(number: u32, len: usize) -> Vec<u8> {
    let mut command = number.to_le_bytes().to_vec();
    command.resize(4 + len, number as u8);
    command
}

#[test]
fn commands_arrive_in_order_whatever_their_size_while_messages_fill_the_link() {
    let (handle, mut foreground) = link();
    let remote = foreground.remote(0, 256 * 1024);
    const COUNT: u32 = 300;
    let lens = |n: u32| [0, 10, 1000, 20_000, 100_000][n as usize % 5];
    let worker = thread::spawn(move || {
        let (mut orders, mut sender) = ends::<Vec<u8>, Vec<u8>>(&handle, 0);
        sender.start().unwrap();
        for number in 0..COUNT {
            let order = orders.recv().unwrap();
            assert_eq!(order, command(number, lens(number)));
            sender.send(order).unwrap();
        }
        sender.stop().unwrap();
    });
    let (mut sent, mut echoed) = (0, 0);
    foreground.route::<Vec<u8>>(&remote, |got| {
        while sent < COUNT && remote.send(command(sent, lens(sent))).is_ok() {
            sent += 1;
        }
        if let Some(Got::Message(message)) = &got {
            assert_eq!(*message, command(echoed, lens(echoed)));
            echoed += 1;
        }
        got == Some(Got::Stopped)
    });
    assert_eq!((sent, echoed, RemoteEnd::<Vec<u8>>::untaken(&remote)), (COUNT, COUNT, 0));
    worker.join().unwrap();
}

#[test]
fn a_worker_that_does_not_read_costs_its_bound_and_other_pipes_nothing() {
    let (handle, mut foreground) = link();
    let (deaf, heard) = (foreground.remote(0, 100_000), foreground.remote(1, 100_000));
    let (_orders, mut deaf_sender) = ends::<Vec<u8>, u8>(&handle, 0);
    let (mut orders, mut sender) = ends::<Vec<u8>, u8>(&handle, 1);
    deaf_sender.start().unwrap();
    sender.start().unwrap();
    for remote in [&deaf, &heard] {
        RemoteEnd::<Vec<u8>>::note_started(remote);
    }
    let mut accepted = 0;
    let full = loop {
        match deaf.send(command(0, 1000)) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(full.is_full());
    assert_eq!(full.into_message(), command(0, 1000));
    assert!((80..=100).contains(&accepted), "{accepted}");
    assert_eq!(RemoteEnd::<Vec<u8>>::untaken(&deaf), accepted);
    let worker = thread::spawn(move || orders.recv().unwrap());
    heard.send(command(5, 0)).unwrap();
    while !worker.is_finished() {
        foreground.downlink.flush();
        while foreground.poll().is_some() {}
        foreground.bell.ring();
        thread::yield_now();
    }
    assert_eq!(worker.join().unwrap(), command(5, 0));
}

#[test]
fn cancel_is_seen_and_wakes_a_receiver_after_what_was_sent() {
    let (handle, mut foreground) = link();
    let remote = foreground.remote(0, 100_000);
    let worker = thread::spawn(move || {
        let (mut orders, mut sender) = ends::<u32, Vec<u8>>(&handle, 0);
        sender.start().unwrap();
        assert!(!sender.is_cancelled());
        let received: Vec<_> = orders.iter().collect();
        assert_eq!(orders.recv(), Err(RecvError::Cancelled));
        assert!(sender.is_cancelled() && orders.is_cancelled() && !sender.is_closed());
        sender.send(vec![1]).unwrap();
        sender.stop().unwrap();
        received
    });
    for number in 0..3_u32 {
        remote.send(number).unwrap();
    }
    let mut is_cancelled = false;
    foreground.route::<u32>(&remote, |got| {
        if !is_cancelled {
            // Also while its commands wait.
            RemoteEnd::<u32>::cancel(&remote);
            is_cancelled = true;
        }
        got == Some(Got::Stopped)
    });
    assert_eq!(worker.join().unwrap(), [0, 1, 2]);
}

/// Fills the link, and then sends what has to wait.
fn blocked_sender(handle: Handle) -> thread::JoinHandle<SendErrorKind> {
    thread::spawn(move || {
        let (_orders, mut sender) = ends::<u32, Vec<u8>>(&handle, 0);
        sender.start().unwrap();
        let error = loop {
            if let Err(error) = sender.send(vec![1; 1000]) {
                break error;
            }
        };
        let kind = error.kind();
        assert_eq!(error.into_message(), vec![1; 1000]);
        kind
    })
}

#[test]
fn cancel_and_close_wake_a_sender_that_waits_for_room() {
    for (close, expected) in [(false, SendErrorKind::Cancelled), (true, SendErrorKind::Closed)] {
        let (handle, mut foreground) = link();
        let remote = foreground.remote(0, 1000);
        let watched = handle.clone();
        let worker = blocked_sender(handle);
        while foreground.poll() != Some(Got::Started) {
            thread::yield_now();
        }
        RemoteEnd::<u32>::note_started(&remote);
        match close {
            true => RemoteEnd::<u32>::close(&remote),
            false => RemoteEnd::<u32>::cancel(&remote),
        }
        // What a transport's thread does when something has come.
        let (_orders, looks) = ends::<u32, u8>(&watched, 1);
        while !worker.is_finished() {
            let _ = looks.is_closed();
            thread::yield_now();
        }
        assert_eq!(worker.join().unwrap(), expected);
        if close {
            assert_eq!(remote.send(1_u32).unwrap_err().kind(), SendErrorKind::Closed);
        }
    }
}

#[test]
fn close_drops_what_was_not_received_and_wakes_the_receiver() {
    let (handle, mut foreground) = link();
    let remote = foreground.remote(0, 100_000);
    let (mut orders, mut sender) = ends::<u32, u8>(&handle, 0);
    sender.start().unwrap();
    RemoteEnd::<u32>::note_started(&remote);
    for number in 0..5_u32 {
        remote.send(number).unwrap();
    }
    assert_eq!(orders.recv(), Ok(0));
    RemoteEnd::<u32>::close(&remote);
    foreground.bell.ring();
    assert_eq!(orders.recv(), Err(RecvError::Closed));
    assert_eq!(sender.send(1).unwrap_err().kind(), SendErrorKind::Closed);
    assert!(sender.is_closed() && orders.is_closed());
    drop((sender, orders));
    while foreground.poll().is_some() {}
    assert!((4..=5).contains(&RemoteEnd::<u32>::untaken(&remote)));
}

#[test]
fn a_foreground_that_is_gone_ends_all_waits() {
    let (handle, foreground) = link();
    let receiving = {
        let (mut orders, _sender) = ends::<u32, u8>(&handle, 1);
        thread::spawn(move || orders.recv())
    };
    let sending = blocked_sender(handle);
    thread::sleep(Duration::from_millis(30));
    drop(foreground);
    assert_eq!(receiving.join().unwrap(), Err(RecvError::Disconnected));
    assert_eq!(sending.join().unwrap(), SendErrorKind::Disconnected);
}

#[derive(Serialize, Deserialize)]
enum Order {
    Small(Reply<Vec<u8>>),
    Large(Reply<Vec<u8>>),
}

#[test]
fn answers_arrive_in_order_with_messages_and_name_their_question() {
    let (handle, mut foreground) = link();
    let remote = foreground.remote(0, 1000);
    let worker = thread::spawn(move || {
        let (mut orders, mut sender) = ends::<Order, Vec<u8>>(&handle, 0);
        while let Ok(order) = orders.recv() {
            if sender.start().is_ok() {
                sender.send(vec![1]).unwrap();
            }
            match order {
                Order::Small(reply) => sender.answer(reply, vec![2; 3]).unwrap(),
                Order::Large(reply) => sender.answer(reply, vec![3; 200_000]).unwrap(),
            }
            sender.send(vec![4]).unwrap();
        }
    });
    remote.send(Order::Small(Reply::new(8))).unwrap();
    remote.send(Order::Large(Reply::new(9))).unwrap();
    let mut got = VecDeque::new();
    foreground.route::<Order>(&remote, |next| {
        got.extend(next.filter(|got| !matches!(got, Got::Taken(_) | Got::Started)));
        got.len() == 5
    });
    let expected = [
        Got::Message(vec![1]),
        Got::Answer(8, vec![2; 3]),
        Got::Message(vec![4]),
        Got::Answer(9, vec![3; 200_000]),
        Got::Message(vec![4]),
    ];
    assert_eq!(got, expected);
    drop(foreground);
    worker.join().unwrap();
}

/// As by a worker that starts a closed pipe again and again, and does not read.
#[test]
fn late_starts_cost_the_foreground_their_bound() {
    let (down, mut commands) = memory_link(CAPACITY, LIMIT);
    let downlink = MuxDownlink::new(down, MuxConfig::new());
    for _ in 0..200_000 {
        downlink.close(connection(7));
    }
    let mut told = 0;
    loop {
        match commands.poll() {
            Ok(Some(Arrival::Told { .. })) => told += 1,
            Ok(Some(_)) => {}
            Ok(None) if told == 0 => panic!("nothing was written"),
            // Space for more.
            Ok(None) => {
                let before = told;
                downlink.flush();
                while let Ok(Some(arrival)) = commands.poll() {
                    told += usize::from(matches!(arrival, Arrival::Told { .. }));
                }
                if told == before {
                    break;
                }
            }
            Err(end) => panic!("{end:?}"),
        }
    }
    // A notice takes five bytes.
    assert!((1_000..30_000).contains(&told), "{told}");
}

#[test]
fn a_worker_cannot_take_what_was_not_sent() {
    let (_handle, foreground) = link();
    let remote = foreground.remote(0, 1000);
    RemoteEnd::<u32>::note_started(&remote);
    remote.send(1_u32).unwrap();
    for commands in [2, u64::MAX] {
        assert!(RemoteEnd::<u32>::note_taken(&remote, commands).is_err());
    }
    RemoteEnd::<u32>::note_taken(&remote, 1).unwrap();
    assert_eq!(RemoteEnd::<u32>::untaken(&remote), 0);
    // Nor what found no space on the link.
    let remote = foreground.remote(1, 1 << 20);
    RemoteEnd::<Vec<u8>>::note_started(&remote);
    while remote.send(command(0, 1000)).is_ok() {}
    let untaken = RemoteEnd::<Vec<u8>>::untaken(&remote);
    assert!(RemoteEnd::<Vec<u8>>::note_taken(&remote, 25).is_err(), "{untaken}");
}
