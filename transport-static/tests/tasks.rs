//! Tasks that wait for room and for commands: who wakes them, and that none is forgotten.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use homing_core::wake::PollPingee;
use homing_core::{
    Authorize, FixedRouter, LinkId, Overflow, Polled, RecvError, Router, SendErrorKind,
};
use homing_transport_static::{CommandQueue, StaticFactory, ValueInlet, ValueLink};

struct To;
impl Authorize for To {}

type Foreground = FixedRouter<ValueInlet<u32>, To, 1, 8>;

static PINGED: PollPingee = PollPingee::new();

fn foreground<const N: usize>(
    link: &'static ValueLink<u32, N>,
) -> (Foreground, StaticFactory<homing_transport_static::Moved<u32>>, LinkId) {
    let mut router: Foreground = Router::fixed();
    router.start().unwrap();
    let (factory, inlet) = link.split(&PINGED).unwrap();
    let link = router.attach(inlet).unwrap();
    (router, factory, link)
}

fn take(router: &mut Foreground, link: LinkId) -> Option<u32> {
    let mut taken = None;
    let polled = router.poll_with(link, |To, payload| {
        taken = Some(payload.take()?);
        Ok(())
    });
    assert!(matches!(polled, Polled::Handled | Polled::Empty | Polled::Ended(..)));
    taken
}

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn get(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn b28_a_task_waits_for_room() {
    static LINK: ValueLink<u32, 4> = ValueLink::new();
    let (mut router, factory, link) = foreground(&LINK);
    let pipe = router.trusted_pipe(link, To).unwrap();
    let mut sender = factory.sender::<u32>(pipe, Overflow::GiveBack).unwrap();
    sender.start().unwrap();
    let (woken, waker) = Count::new();
    for message in 0..2 {
        assert!(poll(&mut pin!(sender.send_async(message)), &waker).is_ready());
    }
    {
        let mut third = pin!(sender.send_async(2));
        assert!(poll(&mut third, &waker).is_pending());
        assert_eq!(woken.get(), 0);
        assert_eq!(take(&mut router, link), Some(0));
        assert_eq!(woken.get(), 1);
        assert!(matches!(poll(&mut third, &waker), Poll::Ready(Ok(()))));
    }
    // One that is dropped was not sent.
    assert!(poll(&mut pin!(sender.send_async(9)), &waker).is_pending());
    assert!(poll(&mut pin!(sender.ready()), &waker).is_pending());
    assert_eq!(take(&mut router, link), Some(1));
    assert!(poll(&mut pin!(sender.ready()), &waker).is_ready());
    assert_eq!((take(&mut router, link), take(&mut router, link)), (Some(2), None));
    assert_eq!(sender.counters().sent, 3);

    // And one whose foreground goes away.
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    let mut last = pin!(sender.send_async(3));
    assert!(poll(&mut last, &waker).is_pending());
    let before = woken.get();
    router.stop().unwrap();
    assert!(woken.get() > before);
    let Poll::Ready(Err(error)) = poll(&mut last, &waker) else { panic!("the foreground is gone") };
    assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Disconnected, 3));
}

#[test]
fn b28_more_tasks_than_a_link_remembers_are_all_woken() {
    static LINK: ValueLink<u32, 10> = ValueLink::new();
    let (mut router, factory, link) = foreground(&LINK);
    let mut senders: Vec<_> = (0..7)
        .map(|_| {
            let pipe = router.trusted_pipe(link, To).unwrap();
            let mut sender = factory.sender::<u32>(pipe, Overflow::GiveBack).unwrap();
            sender.start().unwrap();
            sender
        })
        .collect();
    senders[0].send_all([0, 0]).unwrap();
    let tasks: Vec<_> = senders.iter().map(|_| Count::new()).collect();
    let mut futures: Vec<_> =
        senders.iter_mut().map(|sender| Box::pin(sender.send_async(1))).collect();
    for (future, (_, waker)) in futures.iter_mut().zip(&tasks) {
        assert!(poll(future, waker).is_pending());
    }
    take(&mut router, link).unwrap();
    assert!(tasks.iter().all(|(woken, _)| woken.get() == 1));
}

#[test]
fn b28_a_task_waits_for_commands() {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    static COMMANDS: CommandQueue<u16, 4> = CommandQueue::new();
    let (mut router, factory, link) = foreground(&LINK);
    let pipe = router.trusted_pipe(link, To).unwrap();
    let (mut remote, mut commands, _sender) =
        factory.duplex::<u16, u32, 4>(pipe, Overflow::GiveBack, &COMMANDS).unwrap();
    let (woken, waker) = Count::new();
    {
        let mut first = pin!(commands.recv_async());
        assert!(poll(&mut first, &waker).is_pending());
        remote.send(7).unwrap();
        assert_eq!(woken.get(), 1);
        assert_eq!(poll(&mut first, &waker), Poll::Ready(Ok(7)));
    }
    {
        let mut second = pin!(commands.recv_async());
        assert!(poll(&mut second, &waker).is_pending());
        remote.cancel();
        assert_eq!(woken.get(), 2);
        assert_eq!(poll(&mut second, &waker), Poll::Ready(Err(RecvError::Cancelled)));
    }
    drop(remote);
    let last = poll(&mut pin!(commands.recv_async()), &waker);
    assert_eq!(last, Poll::Ready(Err(RecvError::Disconnected)));
}

#[test]
fn b25_cancel_and_close_end_a_wait_for_room() {
    static LINK: ValueLink<u32, 4> = ValueLink::new();
    static COMMANDS: CommandQueue<u16, 4> = CommandQueue::new();
    let (mut router, factory, link) = foreground(&LINK);
    let pipe = router.trusted_pipe(link, To).unwrap();
    let (mut remote, _commands, mut sender) =
        factory.duplex::<u16, u32, 4>(pipe, Overflow::GiveBack, &COMMANDS).unwrap();
    sender.start().unwrap();
    sender.send_all([0, 1]).unwrap();
    let (woken, waker) = Count::new();
    {
        let mut third = pin!(sender.send_async(2));
        assert!(poll(&mut third, &waker).is_pending());
        remote.cancel();
        assert_eq!(woken.get(), 1);
        let Poll::Ready(Err(error)) = poll(&mut third, &waker) else { panic!("it is cancelled") };
        assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Cancelled, 2));
    }
    // What is sent after that waits again.
    let mut again = pin!(sender.send_async(3));
    assert!(poll(&mut again, &waker).is_pending());
    remote.close();
    let Poll::Ready(Err(error)) = poll(&mut again, &waker) else { panic!("it is closed") };
    assert_eq!(error.kind(), SendErrorKind::Closed);
}

/// A thread for each side, as a processor with two cores has it.
#[test]
fn b16_no_wake_up_is_lost() {
    const COUNT: u32 = 20_000;
    static LINK: ValueLink<u32, 4> = ValueLink::new();
    static COMMANDS: CommandQueue<u32, 4> = CommandQueue::new();

    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let (mut router, factory, link) = foreground(&LINK);
    let pipe = router.trusted_pipe(link, To).unwrap();
    let (mut remote, mut commands, mut sender) =
        factory.duplex::<u32, u32, 4>(pipe, Overflow::GiveBack, &COMMANDS).unwrap();
    let worker = thread::spawn(move || {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut work = pin!(async {
            sender.start().unwrap();
            for number in 0..COUNT {
                assert_eq!(commands.recv_async().await, Ok(number));
                sender.send_async(number).await.unwrap();
                sender.send_async(number).await.unwrap();
            }
            sender.stop().unwrap();
        });
        while work.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            thread::park();
        }
    });
    let (mut sent, mut heard) = (0, 0);
    while heard < 2 * COUNT {
        if sent < COUNT && remote.send(sent).is_ok() {
            sent += 1;
        }
        match take(&mut router, link) {
            Some(number) => {
                assert_eq!(number, heard / 2);
                heard += 1;
            }
            None => thread::yield_now(),
        }
    }
    worker.join().unwrap();
}
