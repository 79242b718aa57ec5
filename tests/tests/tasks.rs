//! Both ends of duplex pipes as tasks of runtimes: workers on tokio, smol and embassy's executor,
//! and a foreground on tokio.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod rigs;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use homing::task::TaskDriver;
use homing::transport::{AsyncAnswerOutlet, AsyncCommands, AsyncOutlet, Decode, MakeDuplex};
use homing::{
    AskError, End, Event, PipeOptions, Receiver, RecvError, Remote, Reply, Router, SendErrorKind,
    Sender,
};
use homing_conformance::TransportRig;
use serde::{Deserialize, Serialize};
use smol::stream::StreamExt as _;

/// Ends a test that hangs. Nothing is measured with it.
const HANG: Duration = Duration::from_secs(120);

/// More than any queue here holds.
const COUNT: u64 = 3_000;

#[derive(Serialize, Deserialize, Debug)]
enum Order {
    /// To be sent back.
    Number(u64),
    /// Twice the number is the answer.
    Double(u64, Reply<u64>),
    /// Not to be answered.
    Never(Reply<u64>),
    Finish,
}

/// A transport whose pipes this file uses.
trait Rig:
    TransportRig<
    Factory: MakeDuplex<
        Order,
        u64,
        Ends = (Receiver<Order, Self::Commands>, Sender<u64, Self::Outlet>),
        Codec: Decode<u64> + 'static,
    >,
>
{
    type Commands: AsyncCommands<Order> + Send + Unpin + 'static;
    type Outlet: AsyncOutlet<u64> + AsyncAnswerOutlet<u64> + Send + 'static;
}

impl Rig for rigs::Channels {
    type Commands = homing::channel::ChannelCommands<Order>;
    type Outlet = homing::channel::ChannelOutlet<u64>;
}

impl Rig for rigs::Pipes {
    type Commands = homing::pipe::PipeCommands<Order>;
    type Outlet = homing::pipe::PipeOutlet;
}

#[cfg(target_os = "linux")]
impl Rig for rigs::SharedMemory {
    type Commands = homing::shm::ShmCommands<Order>;
    type Outlet = homing::shm::ShmOutlet;
}

/// Runs a worker's future on a thread of its own, and says when it is done.
type Runtime = fn(Pin<Box<dyn Future<Output = ()> + Send>>);

fn tokio(work: Pin<Box<dyn Future<Output = ()> + Send>>) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work);
}

fn smol(work: Pin<Box<dyn Future<Output = ()> + Send>>) {
    smol::block_on(work);
}

/// It never returns: the thread is left behind.
fn embassy(work: Pin<Box<dyn Future<Output = ()> + Send>>) {
    #[embassy_executor::task]
    async fn run(work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        work.await;
    }
    let executor = Box::leak(Box::new(embassy_executor::Executor::new()));
    executor.run(|spawner| spawner.spawn(run(work).unwrap()));
}

/// A worker that sends back what it is ordered.
async fn echo<I, O>(mut orders: Receiver<Order, I>, mut sender: Sender<u64, O>)
where
    I: AsyncCommands<Order> + Unpin,
    O: AsyncOutlet<u64> + AsyncAnswerOutlet<u64>,
{
    sender.start().unwrap();
    while let Some(order) = orders.next().await {
        match order {
            Order::Number(number) => sender.send_async(number).await.unwrap(),
            Order::Double(number, reply) => sender.answer_async(reply, 2 * number).await.unwrap(),
            Order::Never(_) => {}
            Order::Finish => break,
        }
    }
    sender.stop_async().await.unwrap();
}

/// A worker that gives up what it waits for all the time, by timeouts.
async fn impatient<I, O>(mut orders: Receiver<Order, I>, mut sender: Sender<u64, O>)
where
    I: AsyncCommands<Order> + Unpin,
    O: AsyncOutlet<u64> + AsyncAnswerOutlet<u64>,
{
    const SHORT: Duration = Duration::from_micros(50);
    sender.start().unwrap();
    loop {
        let order = tokio::select! {
            order = orders.recv_async() => order,
            () = tokio::time::sleep(SHORT) => continue,
        };
        match order.unwrap() {
            Order::Number(number) => {
                let before = sender.counters().sent;
                while sender.counters().sent == before {
                    // When the time is over, the counters say whether it was sent.
                    if let Ok(sent) = tokio::time::timeout(SHORT, sender.send_async(number)).await {
                        sent.unwrap();
                    }
                }
            }
            Order::Double(number, reply) => sender.answer_async(reply, 2 * number).await.unwrap(),
            Order::Never(_) => {}
            Order::Finish => break sender.stop_async().await.unwrap(),
        }
    }
}

/// What the application knows of the pipe.
struct App {
    got: Vec<u64>,
    end: Option<End>,
    router: Router<App>,
}

impl App {
    fn record(&mut self, event: Event<u64>) {
        match event {
            Event::Message(number) => self.got.push(number),
            Event::Ended(end) => {
                self.end = Some(end);
                self.router.clone().stop(self).unwrap();
            }
        }
    }
}

/// Runs a worker, and a foreground on tokio that does `work` until the pipe ends.
fn foreground<T: Rig, W: Future<Output = ()> + Send + 'static, F: Future<Output = ()>>(
    runtime: Runtime,
    worker: fn(Receiver<Order, T::Commands>, Sender<u64, T::Outlet>) -> W,
    work: fn(Remote<App, Order, <T::Factory as homing::transport::MakeSender<u64>>::Codec>) -> F,
) -> (Vec<u64>, End) {
    let driver = TaskDriver::new();
    let router: Router<App> = Router::new(&driver);
    router.start().unwrap();
    let link = router.link(T::small()).expect("there can be a link");
    let options = PipeOptions::new().command_capacity(1024);
    let ((orders, sender), remote, _) =
        link.duplex_with::<Order, u64>(options, App::record).expect("a way back");
    drop(link);
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        runtime(Box::pin(async move {
            worker(orders, sender).await;
            done.send(()).unwrap();
        }));
    });
    let mut app = App { got: Vec::new(), end: None, router: router.clone() };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    tokio.block_on(async {
        let both = async { tokio::join!(driver.run(&router, &mut app), work(remote)) };
        tokio::time::timeout(HANG, both).await.expect("it hangs");
    });
    is_done.recv_timeout(HANG).expect("a worker hangs");
    (app.got, app.end.unwrap())
}

async fn send_all<K: Decode<u64> + 'static>(remote: Remote<App, Order, K>) {
    for number in 0..COUNT {
        remote.send_async(Order::Number(number)).await.unwrap();
        if number % 1000 == 0 {
            let answer = remote.ask_async(|reply| Order::Double(number, reply)).await;
            assert_eq!(answer, Ok(2 * number));
        }
    }
    // For commands that are made when they can be sent.
    let mut order = Order::Finish;
    while let Err(error) = {
        remote.ready().await;
        remote.send(order)
    } {
        assert!(error.is_full());
        order = error.into_message();
    }
}

fn echoes<T: Rig>(runtime: Runtime) {
    let (got, end) = foreground::<T, _, _>(runtime, echo, send_all);
    assert!(got.iter().copied().eq(0..COUNT));
    assert_eq!(end, End::Finished);
}

fn gives_up<T: Rig>() {
    let (got, end) = foreground::<T, _, _>(tokio, impatient, send_all);
    assert!(got.iter().copied().eq(0..COUNT));
    assert_eq!(end, End::Finished);
}

/// A question that the worker does not answer ends with the pipe, and later ones are not sent.
fn questions_end<T: Rig>() {
    let (got, end) = foreground::<T, _, _>(smol, echo, |remote| async move {
        let asked = remote.ask_async(Order::Never);
        let finished = remote.send_async(Order::Finish);
        let (answer, sent) = tokio::join!(asked, finished);
        sent.unwrap();
        assert_eq!(answer, Err(AskError::Ended(End::Finished)));
        let answer = remote.ask_async(Order::Never).await;
        assert_eq!(answer, Err(AskError::NotSent(SendErrorKind::Closed)));
        assert!(remote.send_async(Order::Finish).await.unwrap_err().is_closed());
        remote.ready().await;
    });
    assert_eq!((got, end), (vec![], End::Finished));
}

macro_rules! tests {
    ($($name:ident: $rig:ty;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn a_worker_on_tokio() {
                echoes::<$rig>(tokio);
            }

            #[test]
            fn a_worker_on_smol() {
                echoes::<$rig>(smol);
            }

            #[test]
            fn a_worker_on_embassy() {
                echoes::<$rig>(embassy);
            }

            #[test]
            fn timeouts_lose_nothing() {
                gives_up::<$rig>();
            }

            #[test]
            fn a_question_that_is_not_answered() {
                questions_end::<$rig>();
            }
        }
    )*};
}

tests! {
    channel: rigs::Channels;
    pipe: rigs::Pipes;
}

#[cfg(target_os = "linux")]
tests! {
    shm: rigs::SharedMemory;
}

/// A router that is dropped answers no question; the task learns that none will come.
#[test]
fn a_question_to_a_router_that_is_dropped() {
    let driver = TaskDriver::new();
    let router: Router<()> = Router::new(&driver);
    router.start().unwrap();
    let link = router.link(homing::channel::Channel::new()).unwrap();
    let (ends, remote, _) = link.duplex::<Order, u64>(|(), _| {}).unwrap();
    let asked = RefCell::new(Some((router, link)));
    let answer = smol::block_on(async {
        let asking = remote.ask_async(Order::Never);
        let dropping = async {
            drop(asked.take());
        };
        smol::future::zip(asking, dropping).await.0
    });
    assert_eq!(answer, Err(AskError::Ended(End::Closed)));
    let (mut orders, _) = ends;
    assert!(matches!(orders.try_recv(), Err(RecvError::Disconnected | RecvError::Closed)));
}
