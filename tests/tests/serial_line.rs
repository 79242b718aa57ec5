//! What a router says of a serial line that is not good, or comes to its end: with a loop that
//! watches doorbells and with one that is pinged, and for a line that a thread reads.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "checks fail by panicking"
)]

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use embedded_io_adapters::std::FromStd;
use homing::serial::{LineStats, Received, Serial};
use homing::{End, Event, Link, Lost, PipeOptions, ProtocolError, RecvError, Reply};
use homing_conformance::foreground::{App, Foreground};
use homing_conformance::{EventLoopRig, Pinged, Watched};
use homing_transport_serial::{DuplexLine, Line, Port, ReceiveBuffer};
use rustix::pty::OpenptFlags;

type Log = Rc<RefCell<Vec<Event<Received<u64>>>>>;

/// The frames that a chip writes in one run, each by itself: the start of port 0, so many
/// messages, and the stop.
fn frames(run: u32, port: u32, messages: u64) -> Vec<Vec<u8>> {
    let (mut one, two) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    let line: Line<_> = Line::new(FromStd::new(two), run);
    let mut sender = line.sender(Port(port)).unwrap();
    let mut frames = Vec::new();
    let mut take = || {
        let mut bytes = [0; 256];
        let len = one.read(&mut bytes).unwrap();
        frames.push(bytes[..len].to_vec());
    };
    sender.start().unwrap();
    take();
    for message in 0..messages {
        sender.send(message).unwrap();
        take();
    }
    sender.stop().unwrap();
    take();
    frames
}

/// How a line is read.
#[derive(Clone, Copy)]
enum Way {
    Watched,
    Threaded,
}

impl Way {
    fn serial(self, port: UnixStream) -> Serial {
        match self {
            Way::Watched => Serial::new(port),
            Way::Threaded => Serial::threaded(port),
        }
    }
}

/// A foreground with one pipe, on port 0 of a line.
fn listen<H: EventLoopRig>(
    serial: Serial,
) -> (Foreground<H>, Log, LineStats, Link<App, impl Sized>) {
    let foreground = Foreground::<H>::started();
    let stats = serial.stats();
    let link = foreground.router.link(serial).unwrap();
    let told = Log::default();
    let writes = Rc::clone(&told);
    let (port, _) = link
        .pipe(move |_: &mut App, event: Event<Received<u64>>| writes.borrow_mut().push(event))
        .unwrap();
    assert_eq!(port, Port(0));
    (foreground, told, stats, link)
}

fn until_ended<H: EventLoopRig>(foreground: &mut Foreground<H>, told: &Log) {
    foreground
        .until("the end", |_| told.borrow().last().is_some_and(|event| event.ended().is_some()));
}

fn message(number: u64) -> Event<Received<u64>> {
    Event::Message(Received::Message(number))
}

/// Makes tests of checks: with both kinds of loops, and both ways to read.
macro_rules! checks {
    ($($check:ident)*) => {
        $(mod $check {
            use super::*;

            #[test]
            fn watched() {
                super::$check::<Watched>(Way::Watched);
            }

            #[test]
            fn watched_by_a_monitor() {
                super::$check::<Pinged>(Way::Watched);
            }

            #[test]
            fn read_by_a_thread() {
                super::$check::<Watched>(Way::Threaded);
            }

            #[test]
            fn read_by_a_thread_that_pings() {
                super::$check::<Pinged>(Way::Threaded);
            }
        })*
    };
}

checks! {
    b03_what_is_missing_is_told
    b13_a_line_that_ends_loses_its_pipes
    b13_a_stop_that_was_lost_leaves_the_pipe_open
    b18_a_message_of_another_type_is_cut_off
    b19_a_chip_of_another_type_is_refused
    a_chip_that_was_reset_is_told
    noise_and_strange_ports_cost_nothing
}

/// What a chip has sent, of which the foreground expects numbers of 64 bits: how the pipe ended, and
/// after how many messages.
fn end_of_checked<H: EventLoopRig>(
    serial: Serial,
    start: impl FnOnce(&Line<FromStd<UnixStream>>),
    chip: UnixStream,
) -> (End, usize) {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.router.link(serial).unwrap();
    let told = Log::default();
    let writes = Rc::clone(&told);
    let write = move |_: &mut App, event| writes.borrow_mut().push(event);
    link.pipe_with(PipeOptions::checked(), write).unwrap();
    start(&Line::new(FromStd::new(chip), 1));
    until_ended(&mut foreground, &told);
    let told = told.take();
    (told.last().unwrap().ended().unwrap().clone(), told.len() - 1)
}

fn b19_a_chip_of_another_type_is_refused<H: EventLoopRig>(way: Way) {
    fn send<M: serde::Serialize, O: homing::Outlet<M>>(
        sender: &mut homing::Sender<M, O>,
        message: M,
    ) {
        sender.start().unwrap();
        sender.send(message).unwrap();
        sender.stop().unwrap();
    }

    let (port, chip) = UnixStream::pair().unwrap();
    let same = |line: &Line<_>| send(&mut line.checked_sender(Port(0)).unwrap(), 5u64);
    assert_eq!(end_of_checked::<H>(way.serial(port), same, chip), (End::Finished, 1));

    let (port, chip) = UnixStream::pair().unwrap();
    let other = |line: &Line<_>| send(&mut line.checked_sender(Port(0)).unwrap(), 5i64);
    let (end, messages) = end_of_checked::<H>(way.serial(port), other, chip);
    let End::Refused(ProtocolError::TypeMismatch(mismatch)) = end else { panic!("{end}") };
    assert!(mismatch.expected().contains("u64"), "{mismatch}");
    assert!(mismatch.found().starts_with("i64 ("), "{mismatch}");
    assert_eq!(messages, 0);

    let (port, chip) = UnixStream::pair().unwrap();
    let unchecked = |line: &Line<_>| send(&mut line.sender(Port(0)).unwrap(), 5u64);
    let (end, messages) = end_of_checked::<H>(way.serial(port), unchecked, chip);
    assert!(matches!(end, End::Refused(ProtocolError::TypeMismatch(_))), "{end}");
    assert_eq!(messages, 0);
}

fn b03_what_is_missing_is_told<H: EventLoopRig>(way: Way) {
    let (port, mut chip) = UnixStream::pair().unwrap();
    let (mut foreground, told, stats, _link) = listen::<H>(way.serial(port));
    let frames = frames(1, 0, 6);
    // The start, messages 1 and 2, and the last one are lost; 4 comes twice and 3 late.
    for frame in [1, 5, 5, 4, 7].map(|at: usize| &frames[at]) {
        chip.write_all(frame).unwrap();
    }
    until_ended(&mut foreground, &told);
    let expected = [
        message(0),
        Event::Message(Received::Gap(3)),
        message(4),
        Event::Message(Received::Gap(1)),
        Event::Ended(End::Finished),
    ];
    assert_eq!(*told.borrow(), expected);
    let counts = stats.counters();
    assert_eq!((counts.missed, counts.late, counts.damaged), (4, 2, 0));
    assert_eq!(foreground.router.counters().missed, 4);
}

fn b13_a_line_that_ends_loses_its_pipes<H: EventLoopRig>(way: Way) {
    let (port, mut chip) = UnixStream::pair().unwrap();
    let (mut foreground, told, _, link) = listen::<H>(way.serial(port));
    chip.write_all(&frames(1, 0, 1)[..2].concat()).unwrap();
    // Cut in the middle of a frame.
    chip.write_all(&[0, 5, 1]).unwrap();
    drop(chip);
    until_ended(&mut foreground, &told);
    assert_eq!(*told.borrow(), [message(0), Event::Ended(End::Lost(Lost::default()))]);
    foreground.until_links(0);
    assert!(!link.is_open());
}

fn b13_a_stop_that_was_lost_leaves_the_pipe_open<H: EventLoopRig>(way: Way) {
    let (port, mut chip) = UnixStream::pair().unwrap();
    let (mut foreground, told, _, _link) = listen::<H>(way.serial(port));
    chip.write_all(&frames(1, 0, 1)[..2].concat()).unwrap();
    chip.write_all(&frames(2, 0, 1)[..2].concat()).unwrap();
    foreground.until("the second run", |_| told.borrow().len() == 3);
    assert_eq!(*told.borrow(), [message(0), Event::Message(Received::Reset), message(0)]);
    assert_eq!(foreground.router.open_pipes(), 1);
    drop(chip);
    until_ended(&mut foreground, &told);
}

fn b18_a_message_of_another_type_is_cut_off<H: EventLoopRig>(way: Way) {
    let (port, chip) = UnixStream::pair().unwrap();
    let (mut foreground, told, _, _link) = listen::<H>(way.serial(port));
    let line: Line<_> = Line::new(FromStd::new(chip), 1);
    let mut sender = line.sender::<&str>(Port(0)).unwrap();
    sender.start().unwrap();
    sender.send("a text, not a number").unwrap();
    until_ended(&mut foreground, &told);
    let told = told.borrow();
    let [Event::Ended(End::Refused(ProtocolError::Undecodable(undecodable)))] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert!(undecodable.expected().contains("Received"), "{undecodable}");
}

fn a_chip_that_was_reset_is_told<H: EventLoopRig>(way: Way) {
    let (port, mut chip) = UnixStream::pair().unwrap();
    let (mut foreground, told, stats, _link) = listen::<H>(way.serial(port));
    let (first, second) = (frames(7, 0, 3), frames(8, 0, 3));
    // The start of the second run is lost, and so is its first message.
    for frame in [&first[..3], &second[2..3], &first[2..3], &second[3..]].concat() {
        chip.write_all(&frame).unwrap();
    }
    until_ended(&mut foreground, &told);
    let expected = [
        message(0),
        message(1),
        Event::Message(Received::Reset),
        Event::Message(Received::Gap(1)),
        message(1),
        message(2),
        Event::Ended(End::Finished),
    ];
    assert_eq!(*told.borrow(), expected);
    assert_eq!((stats.counters().restarts, stats.counters().late), (1, 1));
    // A port that has ended is heard no more.
    chip.write_all(&frames(9, 0, 1).concat()).unwrap();
    drop(chip);
    foreground.until_links(0);
    assert_eq!(told.borrow().len(), expected.len());
    assert_eq!(stats.counters().late, 1 + 3);
}

fn noise_and_strange_ports_cost_nothing<H: EventLoopRig>(way: Way) {
    let (port, chip) = UnixStream::pair().unwrap();
    let (mut foreground, told, stats, _link) = listen::<H>(way.serial(port));
    let (frames, strange) = (frames(1, 0, 1), frames(1, 9, 1).concat());
    let chip = foreground.spawn(move || {
        let mut chip = chip;
        for frame in &frames {
            chip.write_all(&[0x55; 100_000]).unwrap();
            chip.write_all(frame).unwrap();
            chip.write_all(&strange).unwrap();
        }
        chip
    });
    until_ended(&mut foreground, &told);
    drop(foreground.join(chip));
    foreground.until_links(0);
    assert_eq!(*told.borrow(), [message(0), Event::Ended(End::Finished)]);
    let counts = stats.counters();
    assert_eq!((counts.damaged, counts.noise, counts.unknown), (3, 300_000, 9));
    assert_eq!(counts.received, 3);
}

/// A pseudo-terminal, what a UART's adapter is to a program: the chip's side, and the program's.
fn terminal() -> (std::fs::File, std::fs::File) {
    let chip = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&chip).unwrap();
    rustix::pty::unlockpt(&chip).unwrap();
    let name = rustix::pty::ptsname(&chip, Vec::new()).unwrap();
    let port = std::fs::File::options().read(true).write(true).open(name.to_str().unwrap());
    let port = port.unwrap();
    let mut settings = rustix::termios::tcgetattr(&port).unwrap();
    settings.make_raw();
    rustix::termios::tcsetattr(&port, rustix::termios::OptionalActions::Now, &settings).unwrap();
    (chip.into(), port)
}

#[test]
fn a_terminal_is_a_line() {
    let (mut chip, port) = terminal();
    let (mut foreground, told, _, _link) = listen::<Watched>(Serial::new(port));
    chip.write_all(&frames(1, 0, 2)[..3].concat()).unwrap();
    foreground.until("two messages", |_| told.borrow().len() == 2);
    // The adapter is unplugged.
    drop(chip);
    until_ended(&mut foreground, &told);
    assert_eq!(*told.borrow(), [message(0), message(1), Event::Ended(End::Lost(Lost::default()))]);
}

/// A reader that does what the test says, and panics when that goes.
struct Reader(mpsc::Receiver<io::Result<Vec<u8>>>);

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes =
            self.0.recv().unwrap_or_else(|_| std::panic::resume_unwind(Box::new("gone")))?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

#[test]
fn a_reader_may_time_out() {
    let (says, reader) = mpsc::channel();
    let (mut foreground, told, _, _link) = listen::<Pinged>(Serial::threaded(Reader(reader)));
    for frame in frames(1, 0, 1) {
        for kind in [io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock] {
            says.send(Err(kind.into())).unwrap();
        }
        says.send(Err(io::ErrorKind::Interrupted.into())).unwrap();
        says.send(Ok(frame)).unwrap();
    }
    until_ended(&mut foreground, &told);
    assert_eq!(*told.borrow(), [message(0), Event::Ended(End::Finished)]);
}

#[test]
fn a_reader_that_fails_breaks_the_link() {
    for fails in [true, false] {
        let (says, reader) = mpsc::channel();
        let (mut foreground, told, _, _link) = listen::<Watched>(Serial::threaded(Reader(reader)));
        says.send(Ok(frames(1, 0, 1)[1].clone())).unwrap();
        if fails {
            says.send(Err(io::ErrorKind::Other.into())).unwrap();
        }
        // Otherwise it panics.
        drop(says);
        until_ended(&mut foreground, &told);
        let broken = Event::Ended(End::Refused(ProtocolError::Broken));
        assert_eq!(*told.borrow(), [message(0), broken]);
    }
}

/// B23, B25, B26: orders, a question and a cancel over a terminal, both ways. Of the orders one is
/// damaged.
#[test]
fn b23_a_terminal_has_a_way_back() {
    static RECEIVED: ReceiveBuffer<512> = ReceiveBuffer::new();
    let (chip, port) = terminal();
    let mut foreground = Foreground::<Watched>::started();
    let link = foreground.router.link(Serial::duplex(port)).unwrap();
    let told = Log::default();
    let writes = Rc::clone(&told);
    let write = move |_: &mut App, event| writes.borrow_mut().push(event);
    let (port, remote, _) = link.duplex::<(u64, Option<Reply<u64>>), Received<u64>>(write).unwrap();

    let mut wire = chip.try_clone().unwrap();
    // The UART's interrupt handler, on a line that damages one frame.
    let interrupts = std::thread::spawn(move || {
        let (mut byte, mut at, mut commands) = ([0; 1], 0, 0);
        while let Ok(1) = wire.read(&mut byte) {
            at = if byte == [0] { 0 } else { at + 1 };
            // What a frame is stands behind the first byte of its stuffing.
            commands += u32::from(at == 2 && byte == [5]);
            let is_damaged = commands == 2 && at == 3;
            RECEIVED.receive(&[byte[0] ^ u8::from(is_damaged)]);
        }
    });
    let work = std::thread::spawn(move || {
        let line: DuplexLine<_, 128, 512, 1, 128> =
            DuplexLine::with_way_back(FromStd::new(chip), 1, &RECEIVED);
        let (mut orders, mut sender) = line.duplex::<(u64, Option<Reply<u64>>), u64>(port).unwrap();
        sender.start().unwrap();
        let mut missing = 0;
        while !sender.is_cancelled() {
            match orders.try_recv() {
                Ok(Received::Message((order, None))) => sender.send(order).unwrap(),
                Ok(Received::Message((order, Some(reply)))) => {
                    sender.answer(reply, 2 * order).unwrap();
                }
                Ok(Received::Gap(count)) => missing += count,
                Ok(Received::Reset) => panic!("the foreground is the same"),
                Err(RecvError::Empty) => std::thread::sleep(Duration::from_micros(100)),
                Err(error) => panic!("{error}"),
            }
        }
        sender.stop().unwrap();
        missing
    });
    for order in 0..4 {
        remote.send((order, None)).unwrap();
    }
    let answer = Rc::new(Cell::new(0));
    let heard = Rc::clone(&answer);
    remote.ask(|reply| (21, Some(reply)), move |_, answer| heard.set(answer.unwrap())).unwrap();
    foreground.until("the answer", |_| answer.get() > 0);
    assert_eq!((answer.get(), remote.untaken()), (42, 0));
    remote.cancel();
    until_ended(&mut foreground, &told);
    assert_eq!(work.join().unwrap(), 1);
    let end = Event::Ended(End::Finished);
    assert_eq!(*told.borrow(), [message(0), message(2), message(3), end]);
    foreground.router.stop(&mut foreground.app).unwrap();
    interrupts.join().unwrap();
}
