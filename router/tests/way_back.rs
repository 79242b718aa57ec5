//! The way back over OS pipes, with a loop that watches its doorbells and one that is pinged.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::thread;
use std::time::Duration;

use homing_core::{End, Event, Pinger, RecvError, Reply};
use homing_router::{AskError, DoorbellSet, LoopBinding, PipeOptions, Remote, Router};
use homing_transport_pipe::Pipe;
use serde::{Deserialize, Serialize};

/// Much longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
enum Order {
    Echo(Vec<u8>),
    Count(Reply<u32>),
}

#[derive(Default)]
struct App {
    echoed: Vec<usize>,
    answers: Vec<Result<u32, AskError>>,
    ended: Option<End>,
}

impl App {
    fn on_event(&mut self, event: Event<Vec<u8>>) {
        match event {
            Event::Message(message) => self.echoed.push(message.len()),
            Event::Ended(end) => self.ended = Some(end),
        }
    }
}

/// The loop is driven by hand.
struct NoLoop;

impl Pinger for NoLoop {
    fn ping(&self) {}
}

fn routers() -> [Router<App>; 2] {
    [LoopBinding::readiness(&DoorbellSet::new().unwrap()), LoopBinding::pinger(NoLoop)].map(
        |binding| {
            let router = Router::new(binding);
            router.start().unwrap();
            router
        },
    )
}

/// A worker that echoes orders until its pipe is cancelled or closed. Returns how many came, and
/// why no more did.
fn worker(router: &Router<App>) -> (thread::JoinHandle<(u32, RecvError)>, Remote<App, Order>) {
    let link = router.link(Pipe::new()).unwrap();
    let options = PipeOptions::new().command_capacity(100_000_000);
    let handler = |app: &mut App, event| app.on_event(event);
    let ((mut orders, mut sender), remote, _) =
        link.duplex_with::<Order, Vec<u8>>(options, handler).unwrap();
    let worker = thread::spawn(move || {
        let mut count = 0;
        sender.start().unwrap();
        let end = loop {
            match orders.recv() {
                Ok(Order::Echo(bytes)) => {
                    count += 1;
                    if sender.send(bytes).is_err() {
                        assert!(sender.is_closed() || sender.is_cancelled());
                    }
                }
                Ok(Order::Count(reply)) => sender.answer(reply, count).unwrap(),
                Err(error) => break error,
            }
        };
        sender.stop().unwrap();
        (count, end)
    });
    (worker, remote)
}

/// All commands are sent before the first message is routed: both directions fill up.
#[test]
fn commands_that_find_no_space_are_written_when_the_worker_reads() {
    for router in routers() {
        let mut app = App::default();
        let (worker, remote) = worker(&router);
        let lens = |n: usize| [0, 10, 3000, 40_000][n % 4];
        for n in 0..100 {
            remote.send(Order::Echo(vec![n as u8; lens(n)])).unwrap();
        }
        remote.ask(Order::Count, |app: &mut App, answer| app.answers.push(answer)).unwrap();
        router.route_until(&mut app, |app| !app.answers.is_empty(), Some(LONG)).unwrap();
        assert!(app.echoed.iter().copied().eq((0..100).map(lens)));
        assert_eq!(app.answers, [Ok(100)]);
        remote.cancel();
        router.route_until(&mut app, |app| app.ended.is_some(), Some(LONG)).unwrap();
        assert_eq!((app.ended, remote.untaken()), (Some(End::Finished), 0));
        assert_eq!(worker.join().unwrap(), (100, RecvError::Cancelled));
    }
}

/// A thread of the foreground sends more than fits while the router's thread waits.
#[test]
fn a_handle_of_another_thread_needs_no_message_to_be_flushed() {
    for router in routers() {
        let mut app = App::default();
        let (worker, remote) = worker(&router);
        let handle = remote.handle();
        let sending = thread::spawn(move || {
            for _ in 0..200 {
                handle.send(Order::Echo(vec![1; 5000])).unwrap();
            }
        });
        router.route_until(&mut app, |app| app.echoed.len() == 200, Some(LONG)).unwrap();
        sending.join().unwrap();
        router.stop(&mut app).unwrap();
        assert_eq!(worker.join().unwrap(), (200, RecvError::Disconnected));
    }
}

#[test]
fn a_pipe_that_is_closed_tells_its_worker_and_its_questions() {
    for router in routers() {
        let mut app = App::default();
        let (worker, remote) = worker(&router);
        for _ in 0..100 {
            remote.send(Order::Echo(vec![1; 5000])).unwrap();
        }
        router.route_until(&mut app, |app| !app.echoed.is_empty(), Some(LONG)).unwrap();
        remote.ask(Order::Count, |app: &mut App, answer| app.answers.push(answer)).unwrap();
        router.close_pipe(&mut app, remote.pipe()).unwrap();
        assert_eq!(app.answers, [Err(AskError::Ended(End::Closed))]);
        assert_eq!(app.ended, Some(End::Closed));
        // What the worker still sends is discarded.
        let mut app = App::default();
        let finished = |_: &mut App| worker.is_finished();
        while router.route_until(&mut app, finished, Some(Duration::from_millis(10))).is_err() {}
        let (count, end) = worker.join().unwrap();
        assert_eq!(end, RecvError::Closed);
        assert!(count <= 100 && app.echoed.is_empty());
    }
}

#[test]
fn shutdown_lets_a_worker_finish() {
    for router in routers() {
        let mut app = App::default();
        let (worker, remote) = worker(&router);
        for _ in 0..100 {
            remote.send(Order::Echo(vec![1; 5000])).unwrap();
        }
        router.shutdown(&mut app, LONG).unwrap();
        assert_eq!(app.ended, Some(End::Finished));
        // Orders that had not come when the stop was announced are not waited for.
        let (count, end) = worker.join().unwrap();
        assert_eq!(end, RecvError::Cancelled);
        assert!(count <= 100 && u64::from(100 - count) == remote.untaken(), "{count}");
    }
}
