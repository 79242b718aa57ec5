//! A serial line with a way back, whose chip is a thread.

use std::io::{self, Read as _};
use std::ops::RangeInclusive;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use embedded_io_adapters::std::FromStd;
use homing::serial::{Received, Serial, SerialFactory, SerialInlet};
use homing::{Pinger, Ticket};
use homing_conformance::TransportRig;
use homing_conformance::homing_core::{
    AnswerOutlet, AsyncAnswerOutlet, AsyncCommands, AsyncOutlet, Authorization, Blocking,
    CloseReason, Commands, Decode, Disconnected, Duplex, MakeDuplex, MakeSender, NewLink, Nonce,
    Outgoing, Outlet, Panic, Payload, Postcard, Receiver, RecvError, Reply, SendError, Sender,
    Told, Transport, Undecodable, Wait,
};
use homing_conformance::homing_process::Doorbell;
use homing_transport_serial::{DuplexLine, ReceiveBuffer, SerialOutlet, SerialReceiver};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a large chip has.
const RING: usize = 16_384;

type Line = DuplexLine<FromStd<UnixStream>, 220_000, RING, 1, RING>;

/// A chip with one pipe: its line, and whether the foreground has hung up.
struct Chip {
    line: Line,
    gone: Arc<AtomicBool>,
}

/// How the ends of a pipe refer to the line.
#[derive(Clone)]
pub struct OnChip(Arc<Chip>);

impl std::ops::Deref for OnChip {
    type Target = Line;

    fn deref(&self) -> &Line {
        &self.0.line
    }
}

/// A line with a chip on it. To its receivers a message is a message, and a command a command, as
/// the suite wants it: on a socket nothing may be missing.
pub struct DuplexChips(Serial, OnChip);

impl DuplexChips {
    fn new() -> Self {
        let (port, uart) = UnixStream::pair().expect("the system gives sockets");
        let received: &'static ReceiveBuffer<RING> =
            on_large_stack(|| Box::leak(Box::<ReceiveBuffer<RING>>::default()));
        let gone = Arc::new(AtomicBool::new(false));
        let mut wire = uart.try_clone().expect("a socket has another descriptor");
        let hung_up = Arc::clone(&gone);
        // The UART's interrupt handler. It does not wait until there is room.
        thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(len @ 1..) = wire.read(&mut bytes) {
                received.receive(bytes.get(..len).unwrap_or(&[]));
            }
            hung_up.store(true, Ordering::Release);
        });
        let chip = on_large_stack(move || {
            let line = Line::with_way_back(FromStd::new(uart), 1, received);
            Arc::new(Chip { line, gone })
        });
        Self(Serial::duplex(port).limit(210_000), OnChip(chip))
    }
}

/// Makes what is larger than chips have it, and is moved a few times before it is in its place.
fn on_large_stack<T: Send + 'static>(make: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::Builder::new().stack_size(32 * 1024 * 1024).spawn(make);
    thread.expect("the system gives a thread").join().expect("it makes it")
}

pub struct DuplexChipFactory(SerialFactory, OnChip);

impl<P: Pinger + Send + Sync + 'static> Transport<P> for DuplexChips {
    type Factory = DuplexChipFactory;
    type Inlet = SerialInlet;
    type Doorbell = Doorbell;
    type Error = io::Error;

    fn link(&mut self, bell: P) -> io::Result<NewLink<DuplexChipFactory, SerialInlet, Doorbell>> {
        let NewLink { factory, inlet, doorbell } = self.0.link(bell)?;
        Ok(NewLink { factory: DuplexChipFactory(factory, self.1.clone()), inlet, doorbell })
    }
}

impl<M: Serialize + DeserializeOwned> Decode<M> for DuplexChipFactory {
    fn decode(payload: Payload<'_>) -> Result<M, Undecodable> {
        let heard: Received<M> = Postcard::decode(payload)?;
        heard.message().ok_or_else(|| Undecodable::new::<M>("a gap or a restart"))
    }
}

impl<M: Serialize + DeserializeOwned> MakeSender<M> for DuplexChipFactory {
    type Sender = Sender<M, SerialOutlet<OnChip>>;
    type Codec = Self;

    const AUTHORIZATION: Authorization = <SerialFactory as MakeSender<Received<M>>>::AUTHORIZATION;

    fn make_sender(&self, ticket: Ticket<M>) -> Self::Sender {
        let ticket: Ticket<Received<M>> = Ticket::new(ticket.connection(), Nonce::new(0));
        let port = self.0.make_sender(ticket);
        Line::sender_of(self.1.clone(), port).expect("ports are used once")
    }
}

impl<D, M> MakeDuplex<D, M> for DuplexChipFactory
where
    D: Serialize + DeserializeOwned,
    M: Serialize + DeserializeOwned,
{
    type Ends = (Receiver<D, ChipCommands<D>>, Sender<M, ChipOutlet<M>>);

    fn make_duplex(&self, ticket: Ticket<M, D>, capacity: usize) -> Option<Duplex<Self::Ends, D>> {
        let connection = ticket.connection();
        let ticket: Ticket<Received<M>, D> = Ticket::new(connection, Nonce::new(0));
        let made = self.0.make_duplex(ticket, capacity)?;
        let line = self.1.clone();
        let (orders, sender) = Line::duplex_of(line.clone(), made.ends).ok()?;
        let receiver = Receiver::new(connection, ChipCommands { orders, line });
        let sender = Sender::new(connection, ChipOutlet(Some(sender)));
        Some(Duplex::new((receiver, sender), made.remote))
    }
}

/// The receiver of a chip that has time to wait.
pub struct ChipCommands<D: DeserializeOwned> {
    orders: SerialReceiver<D, OnChip>,
    line: OnChip,
}

impl<D: DeserializeOwned> Commands<D> for ChipCommands<D> {
    fn recv(&mut self, wait: Wait) -> Result<D, RecvError> {
        let deadline = match wait {
            Wait::Never => Some(Instant::now()),
            Wait::AtMost(time) => Instant::now().checked_add(time),
            Wait::Forever => None,
        };
        loop {
            let gone = self.line.0.gone.load(Ordering::Acquire);
            match self.orders.try_recv() {
                Ok(Received::Message(command)) => return Ok(command),
                Ok(_) => panic!("nothing is lost on a socket"),
                Err(RecvError::Empty) if gone => return Err(RecvError::Disconnected),
                Err(RecvError::Empty) => {}
                Err(error) => return Err(error),
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(RecvError::Empty);
            }
            thread::sleep(Duration::from_micros(200));
        }
    }

    fn told(&self) -> Told {
        let orders = &self.orders;
        let told = [
            (orders.is_cancelled(), Told::CANCELLED),
            (orders.is_closed(), Told::CLOSED),
            (orders.is_stopping(), Told::STOPPING),
        ];
        told.iter().filter(|(is, _)| *is).fold(Told::NOTHING, |all, (_, told)| all.and(*told))
    }
}

/// A chip whose loop polls.
impl<D: DeserializeOwned> AsyncCommands<D> for ChipCommands<D> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<D, RecvError>> {
        match self.recv(Wait::AtMost(Duration::from_millis(1))) {
            Err(RecvError::Empty) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            received => Poll::Ready(received),
        }
    }
}

/// Encodes answers as messages are decoded here. `None` once it is closed.
pub struct ChipOutlet<M: Serialize>(Option<Sender<M, SerialOutlet<OnChip>>>);

impl<M: Serialize> ChipOutlet<M> {
    fn sender(&mut self) -> &mut Sender<M, SerialOutlet<OnChip>> {
        self.0.as_mut().expect("the state machine calls nothing after a close")
    }
}

impl<M: Serialize> Outlet<M> for ChipOutlet<M> {
    fn open(&mut self) -> Result<(), Disconnected> {
        self.sender().start().map_err(|_| Disconnected)
    }

    fn put(&mut self, message: M, _: Blocking) -> Result<u64, SendError<M>> {
        self.sender().send(message).map(|()| 0)
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        let closed = match reason {
            CloseReason::Stopped => self.sender().stop(),
            CloseReason::Failed { message } => self.sender().fail(message),
            // A sender that is dropped says so.
            _ => Ok(()),
        };
        self.0 = None;
        closed.map_err(|_| Disconnected)
    }

    fn told(&self) -> Told {
        let Some(sender) = &self.0 else { return Told::NOTHING };
        let told = [
            (sender.is_cancelled(), Told::CANCELLED),
            (sender.is_closed(), Told::CLOSED),
            (sender.is_stopping(), Told::STOPPING),
        ];
        told.iter().filter(|(is, _)| *is).fold(Told::NOTHING, |all, (_, told)| all.and(*told))
    }

    fn panicking(&self) -> Option<Panic> {
        None
    }
}

impl<A: Serialize, M: Serialize> AnswerOutlet<A> for ChipOutlet<M> {
    fn answer(&mut self, question: u32, answer: A) -> Result<(), SendError<A>> {
        let wrapped = self.sender().answer(Reply::new(question), Received::Message(answer));
        wrapped.map_err(|error| {
            let kind = error.kind();
            let answer = error.into_message().message().expect("it was one");
            SendError::new(answer, kind)
        })
    }
}

/// A line takes every message: its writer waits.
impl<M: Serialize> AsyncOutlet<M> for ChipOutlet<M> {
    fn poll_put(
        &mut self,
        message: &mut Outgoing<M>,
        _: &mut Context<'_>,
    ) -> Poll<Result<u64, SendError<M>>> {
        message.try_with(|message| self.put(message, Blocking::Allowed))
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl<A: Serialize, M: Serialize> AsyncAnswerOutlet<A> for ChipOutlet<M> {
    fn poll_answer(
        &mut self,
        question: u32,
        answer: &mut Outgoing<A>,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<A>>> {
        answer.try_with(|answer| self.answer(question, answer))
    }
}

/// Serial lines with a way back: the chip is a thread, its UART a socket.
pub struct DuplexSerialLines;

impl TransportRig for DuplexSerialLines {
    type Factory = DuplexChipFactory;
    type Transport = DuplexChips;

    const FIT: RangeInclusive<usize> = 100..=400_000;

    fn transport() -> DuplexChips {
        DuplexChips::new()
    }

    fn small() -> DuplexChips {
        let DuplexChips(serial, chip) = DuplexChips::new();
        DuplexChips(serial.buffer(1), chip)
    }

    fn limited(_: usize) -> Option<DuplexChips> {
        None
    }
}
