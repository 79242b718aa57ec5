//! Senders and receivers whose types do not name their transport.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod rigs;

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use homing::channel::Channel;
use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::{
    AnyAsyncSender, AnyReceiver, AnySender, End, Event, Overflow, Router, SendErrorKind,
    SenderError, SenderState,
};
use homing_conformance::TransportRig as _;
use rigs::serial::SerialLines;

/// Ends a test that hangs.
const HANG: Duration = Duration::from_secs(120);

/// What each pipe has delivered.
type App = Vec<(usize, Event<u32>)>;

fn record(pipe: usize) -> impl FnMut(&mut App, Event<u32>) {
    move |app, event| app.push((pipe, event))
}

fn started() -> (EventLoop, Router<App>) {
    let event_loop = EventLoop::new().unwrap();
    let router = Router::new(&event_loop);
    router.start().unwrap();
    (event_loop, router)
}

#[test]
fn senders_of_all_transports_are_of_one_type() {
    let (_event_loop, router) = started();
    let channel = router.link(Channel::new()).unwrap();
    let pipe = router.link(Pipe::new()).unwrap();
    let serial = router.link(SerialLines::transport()).unwrap();
    let mut senders: Vec<AnySender<u32>> = vec![
        channel.pipe(record(0)).unwrap().0.erase(),
        pipe.pipe(record(1)).unwrap().0.erase(),
        serial.pipe(record(2)).unwrap().0.erase(),
    ];
    #[cfg(target_os = "linux")]
    senders.push(router.link(Shm::new()).unwrap().pipe(record(3)).unwrap().0.erase());
    let count = senders.len();
    let worker = std::thread::spawn(move || {
        for sender in &mut senders {
            assert_eq!(sender.send(0).unwrap_err().kind(), {
                SendErrorKind::NotOpen(SenderState::Initial)
            });
            sender
                .scope(|sender| {
                    sender.send(1).unwrap();
                    sender.try_send(2).unwrap();
                    sender.send_all([3, 4]).unwrap();
                    assert_eq!(sender.counters().sent, 4);
                    assert!(!sender.is_cancelled() && !sender.is_closed());
                    Ok::<(), SenderError>(())
                })
                .unwrap();
        }
    });
    let ended = |app: &mut App| app.iter().filter(|(_, event)| event.ended().is_some()).count();
    let mut app = App::new();
    router.route_until(&mut app, |app| ended(app) == count, Some(HANG)).unwrap();
    worker.join().unwrap();
    for pipe in 0..count {
        let events: Vec<_> =
            app.iter().filter(|(of, _)| *of == pipe).map(|(_, event)| event).collect();
        let expected: Vec<_> =
            (1..=4).map(Event::Message).chain([Event::Ended(End::Finished)]).collect();
        assert_eq!(events, expected.iter().collect::<Vec<_>>(), "{pipe}");
    }
}

/// What is erased is one sender still: it neither ends the pipe nor starts anew.
#[test]
fn an_open_sender_stays_open_and_keeps_its_counters_and_its_end() {
    let (_event_loop, router) = started();
    let link = router.link(Channel::with_capacity(1)).unwrap();
    let (mut sender, _) = link.pipe_with(Overflow::DropNewest, record(0)).unwrap();
    sender.start().unwrap();
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    let mut sender = sender.erase();
    assert_eq!((sender.state(), sender.counters().dropped), (SenderState::Open, 1));
    assert!(matches!(sender.start(), Err(SenderError::WrongState(_))));
    // Also twice.
    let sender = sender.erase();
    let mut app = App::new();
    let _ = router.dispatch(&mut app);
    assert_eq!(app, [(0, Event::Message(1))]);
    drop(sender);
    let _ = router.dispatch(&mut app);
    assert_eq!(app.pop(), Some((0, Event::Ended(End::Dropped))));
}

#[test]
fn the_ends_of_duplex_pipes_are_of_one_type_and_tasks_can_wait_for_them() {
    let (_event_loop, router) = started();
    let channel = router.link(Channel::new()).unwrap();
    let pipe = router.link(Pipe::new()).unwrap();
    let ((channel_orders, channel_sender), by_channel, _) =
        channel.duplex::<u32, u32>(record(0)).unwrap();
    let ((pipe_orders, pipe_sender), by_pipe, _) = pipe.duplex::<u32, u32>(record(1)).unwrap();
    by_channel.send(10).unwrap();
    by_pipe.send(11).unwrap();
    let ends: Vec<(AnyReceiver<u32>, AnyAsyncSender<u32>)> = vec![
        (channel_orders.erase(), channel_sender.erase_async()),
        (pipe_orders.erase(), pipe_sender.erase_async()),
    ];
    let worker = std::thread::spawn(move || {
        let mut cx = Context::from_waker(Waker::noop());
        for ((mut orders, mut sender), order) in ends.into_iter().zip(10..) {
            sender.start().unwrap();
            assert_eq!(orders.recv(), Ok(order));
            assert_eq!(orders.poll_recv(&mut cx), Poll::Pending);
            let mut sending = std::pin::pin!(sender.send_async(1));
            let Poll::Ready(sent) = sending.as_mut().poll(&mut cx) else { panic!("there is room") };
            sent.unwrap();
        }
    });
    let mut app = App::new();
    router.route_until(&mut app, |app| app.len() == 4, Some(HANG)).unwrap();
    worker.join().unwrap();
}
