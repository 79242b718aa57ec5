//! The way back: commands, answers, and how they end.

use std::thread;
use std::time::Duration;

use homing_core::{MakeDuplex, RecvError, RemoteEnd, Reply, SendErrorKind};

use super::*;
use crate::commands::CommandReceiver;

/// Much longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// The ends of a pipe.
struct Ends<D: Send + 'static, U: Send + 'static> {
    sender: Sender<U>,
    receiver: CommandReceiver<D>,
    remote: Arc<dyn RemoteEnd<D>>,
}

fn duplex<D: Send + 'static, U: Send + 'static>(
    factory: &ChannelFactory,
    pipe: u32,
    overflow: Overflow,
    capacity: usize,
) -> Ends<D, U> {
    let connection = ConnectionId::from_parts(pipe, 0);
    let ticket = Ticket::new(connection, Nonce::new(0)).with_overflow(overflow);
    let made = factory.make_duplex(ticket, capacity).unwrap();
    let (receiver, mut sender) = made.ends;
    sender.start().unwrap();
    Ends { sender, receiver, remote: made.remote }
}

/// What arrived on a duplex pipe whose messages and answers are numbers.
#[derive(Debug, PartialEq)]
enum Up {
    Message(u32),
    Answer(u32, u32),
    Missed(u64),
    Stopped,
}

fn drain_up(inlet: &mut ChannelInlet) -> Vec<Up> {
    std::iter::from_fn(|| {
        inlet.poll().unwrap().map(|arrival| match arrival {
            Arrival::Message { payload, .. } => Up::Message(payload.take().unwrap()),
            Arrival::Answer { question, payload, .. } => {
                Up::Answer(question, payload.take().unwrap())
            }
            Arrival::Missed { count, .. } => Up::Missed(count),
            Arrival::Stopped { .. } => Up::Stopped,
            arrival => panic!("{arrival:?}"),
        })
    })
    .collect()
}

#[test]
fn commands_come_in_order_and_are_counted_until_they_are_taken() {
    let (factory, _inlet) = link(2);
    let Ends { mut receiver, remote, sender: _sender } =
        duplex::<u32, u8>(&factory, 0, Overflow::Wait, 1000);
    let worker = thread::spawn(move || {
        let received: Vec<u32> = (0..3).map(|_| receiver.recv().unwrap()).collect();
        (received, receiver)
    });
    for command in 0..3 {
        remote.send(command).unwrap();
    }
    let (received, mut receiver) = worker.join().unwrap();
    assert_eq!((received, remote.untaken()), (vec![0, 1, 2], 0));
    assert_eq!(receiver.try_recv(), Err(RecvError::Empty));
    remote.send(3).unwrap();
    assert_eq!(remote.untaken(), 1);
}

#[test]
fn capacity_is_a_number_of_commands_of_at_least_16_bytes() {
    let (factory, _inlet) = link(2);
    let small = duplex::<u8, u8>(&factory, 0, Overflow::Wait, 50);
    let large = duplex::<[u8; 40], u8>(&factory, 1, Overflow::Wait, 100);
    let one = duplex::<[u8; 40], u8>(&factory, 2, Overflow::Wait, 0);
    let accepted = |remote: &dyn RemoteEnd<[u8; 40]>| {
        (0..100).take_while(|_| remote.send([0; 40]).is_ok()).count()
    };
    assert_eq!((accepted(&*large.remote), accepted(&*one.remote)), (2, 1));
    assert_eq!((0..100).take_while(|n| small.remote.send(*n).is_ok()).count(), 3);
    let full = small.remote.send(7).unwrap_err();
    assert_eq!((full.kind(), full.into_message()), (SendErrorKind::Full, 7));
    assert_eq!(small.remote.untaken(), 3);
}

#[test]
fn the_foreground_does_not_wait_for_its_own_commands() {
    let (factory, _inlet) = link(2);
    let mut ends = duplex::<u8, u8>(&factory, 0, Overflow::Wait, 50);
    assert_eq!(ends.receiver.recv(), Err(RecvError::Empty));
    assert_eq!(ends.receiver.recv_timeout(LONG), Err(RecvError::Empty));
}

/// Has a worker wait for a command, tells it something, and returns why it has returned.
fn woken_by(tell: impl FnOnce(&Ends<u32, u8>, ChannelInlet) -> Option<ChannelInlet>) -> RecvError {
    let (factory, inlet) = link(2);
    let mut ends = duplex::<u32, u8>(&factory, 0, Overflow::Wait, 1000);
    let (foreground, receiver): (Ends<u32, u8>, CommandReceiver<u32>) = {
        let other = duplex::<u32, u8>(&factory, 1, Overflow::Wait, 1000);
        let receiver = std::mem::replace(&mut ends.receiver, other.receiver);
        (ends, receiver)
    };
    let worker = thread::spawn(move || {
        let mut receiver = receiver;
        receiver.recv_timeout(LONG).unwrap_err()
    });
    // Most likely it waits by now; if it does not, the test says less, but nothing wrong.
    thread::sleep(Duration::from_millis(10));
    let _inlet = tell(&foreground, inlet);
    worker.join().unwrap()
}

#[test]
fn what_a_pipe_is_told_wakes_its_receiver() {
    let cancelled = woken_by(|ends, inlet| {
        ends.remote.cancel();
        Some(inlet)
    });
    assert_eq!(cancelled, RecvError::Cancelled);
    let closed = woken_by(|ends, inlet| {
        ends.remote.close();
        Some(inlet)
    });
    assert_eq!(closed, RecvError::Closed);
    let closed_by_link = woken_by(|ends, inlet| {
        inlet.notifier().unwrap().close(ends.sender.connection());
        Some(inlet)
    });
    assert_eq!(closed_by_link, RecvError::Closed);
    let stopping = woken_by(|_, inlet| {
        inlet.notifier().unwrap().announce_stop();
        Some(inlet)
    });
    assert_eq!(stopping, RecvError::Cancelled);
    let gone = woken_by(|_, inlet| {
        drop(inlet);
        None
    });
    assert_eq!(gone, RecvError::Disconnected);
}

#[test]
fn a_cancelled_pipe_stays_open_and_its_commands_are_received() {
    let (factory, mut inlet) = link(2);
    let mut ends = duplex::<u32, u32>(&factory, 0, Overflow::Wait, 1000);
    assert!(!ends.sender.is_cancelled() && !ends.receiver.is_cancelled());
    ends.remote.send(1).unwrap();
    ends.remote.cancel();
    ends.remote.cancel();
    ends.remote.send(2).unwrap();
    assert!(ends.sender.is_cancelled() && ends.receiver.is_cancelled());
    assert!(!ends.sender.is_closed() && !ends.sender.is_stopping());
    assert_eq!((ends.receiver.try_recv(), ends.receiver.try_recv()), (Ok(1), Ok(2)));
    assert_eq!(ends.receiver.try_recv(), Err(RecvError::Cancelled));
    ends.sender.send(3).unwrap();
    assert_eq!(drain_up(&mut inlet), [Up::Message(3)]);
}

#[test]
fn commands_of_a_pipe_that_is_closed_are_dropped_at_once_and_stay_counted() {
    let (factory, _inlet) = link(2);
    let held = Arc::new(());
    let mut ends = duplex::<Arc<()>, u8>(&factory, 0, Overflow::Wait, 1000);
    ends.remote.send(Arc::clone(&held)).unwrap();
    ends.remote.close();
    assert_eq!((Arc::strong_count(&held), ends.remote.untaken()), (1, 1));
    assert_eq!(ends.receiver.try_recv(), Err(RecvError::Closed));
    let error = ends.remote.send(held).unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Closed);
    let error = ends.sender.send(1).unwrap_err();
    assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Closed, 1));
    assert!(ends.sender.is_closed() && ends.receiver.is_closed());
}

#[test]
fn commands_are_dropped_when_the_foreground_or_the_receiver_is_gone() {
    let held = Arc::new(());
    let (factory, inlet) = link(2);
    let mut stopped = duplex::<Arc<()>, u8>(&factory, 0, Overflow::Wait, 1000);
    stopped.remote.send(Arc::clone(&held)).unwrap();
    let left = duplex::<Arc<()>, u8>(&factory, 1, Overflow::Wait, 50);
    left.remote.send(Arc::clone(&held)).unwrap();
    drop(left.receiver);
    assert_eq!(Arc::strong_count(&held), 2);
    left.remote.send(Arc::clone(&held)).unwrap();
    assert_eq!((Arc::strong_count(&held), left.remote.untaken()), (2, 2));
    drop(inlet);
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(stopped.receiver.try_recv(), Err(RecvError::Disconnected));
    // A router closes its pipes when its links are gone: that is no news to the worker.
    stopped.remote.close();
    assert_eq!(stopped.receiver.try_recv(), Err(RecvError::Disconnected));
    assert_eq!(stopped.sender.send(1).unwrap_err().kind(), SendErrorKind::Disconnected);
}

/// Threads of the foreground send while another closes: nothing stays in the queue.
#[test]
fn no_command_stays_in_a_pipe_that_is_closed_while_commands_come() {
    for _ in 0..200 {
        let (factory, _inlet) = link(2);
        let held = Arc::new(());
        let ends = duplex::<Arc<()>, u8>(&factory, 0, Overflow::Wait, 10_000);
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let (remote, held) = (Arc::clone(&ends.remote), Arc::clone(&held));
                thread::spawn(move || while remote.send(Arc::clone(&held)).is_ok() {})
            })
            .collect();
        let mut receiver = ends.receiver;
        let worker = thread::spawn(move || receiver.iter().count());
        ends.remote.close();
        for sender in senders {
            sender.join().unwrap();
        }
        worker.join().unwrap();
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

#[test]
fn answers_come_in_order_with_messages() {
    for overflow in [Overflow::Wait, Overflow::DropNewest, Overflow::DropOldest] {
        let (factory, mut inlet) = link(100);
        let mut ends = duplex::<u8, u32>(&factory, 0, overflow, 1000);
        let mut expected = Vec::new();
        for n in 0..40 {
            ends.sender.send(n).unwrap();
            expected.push(Up::Message(n));
            if n % 3 == 0 {
                ends.sender.answer(Reply::new(n), n + 100).unwrap();
                expected.push(Up::Answer(n, n + 100));
            }
        }
        ends.sender.stop().unwrap();
        expected.push(Up::Stopped);
        assert_eq!(drain_up(&mut inlet), expected, "{overflow:?}");
    }
}

#[test]
fn no_policy_drops_an_answer() {
    for (overflow, messages) in [
        (Overflow::DropOldest, vec![Up::Answer(0, 5), Up::Message(3), Up::Message(4)]),
        (Overflow::LatestWins, vec![Up::Answer(0, 5), Up::Message(4)]),
    ] {
        let (factory, mut inlet) = link(2);
        let mut ends = duplex::<u8, u32>(&factory, 0, overflow, 1000);
        ends.sender.send(0).unwrap();
        ends.sender.answer(Reply::new(0), 5_u32).unwrap();
        for n in 1..5 {
            ends.sender.send(n).unwrap();
        }
        assert_eq!(drain_up(&mut inlet), messages, "{overflow:?}");
    }
    // Room is made while the answer waits: on the foreground's thread it comes back instead.
    let (factory, mut inlet) = link(1);
    let mut ends = duplex::<u8, u32>(&factory, 0, Overflow::DropNewest, 1000);
    ends.sender.send(0).unwrap();
    let error = ends.sender.answer(Reply::new(0), 5_u32).unwrap_err();
    assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Full, 5));
    let worker = thread::spawn(move || ends.sender.answer(Reply::new(0), 5_u32).map(|()| ends));
    let mut arrived = Vec::new();
    while arrived.len() < 2 {
        arrived.extend(drain_up(&mut inlet));
        thread::yield_now();
    }
    assert_eq!(arrived, [Up::Message(0), Up::Answer(0, 5)]);
    worker.join().unwrap().unwrap();
}

#[test]
fn an_answer_comes_back_when_the_pipe_is_closed_or_not_duplex_or_the_foreground_gone() {
    for overflow in [Overflow::Wait, Overflow::DropOldest] {
        let (factory, inlet) = link(2);
        let mut one_way = sender::<u32>(&factory, 0, overflow);
        let error = one_way.answer(Reply::new(0), "a").unwrap_err();
        assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Closed, "a"));
        let mut closed = duplex::<u8, u32>(&factory, 1, overflow, 1000);
        let mut gone = duplex::<u8, u32>(&factory, 2, overflow, 1000);
        closed.remote.close();
        let error = closed.sender.answer(Reply::new(0), "b").unwrap_err();
        assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Closed, "b"));
        drop(inlet);
        let error = gone.sender.answer(Reply::new(0), "c").unwrap_err();
        assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Disconnected, "c"));
    }
}

#[test]
fn pipes_that_are_made_late_are_told_what_all_were_told() {
    let (factory, inlet) = link(2);
    inlet.notifier().unwrap().announce_stop();
    let mut ends = duplex::<u8, u8>(&factory, 0, Overflow::Wait, 1000);
    let one_way = sender::<u8>(&factory, 1, Overflow::Wait);
    assert!(ends.sender.is_stopping() && ends.receiver.is_stopping() && one_way.is_stopping());
    assert_eq!(ends.receiver.try_recv(), Err(RecvError::Cancelled));
}
