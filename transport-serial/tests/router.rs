//! A serial line in a router, beside other links.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{Read, Write as _};
use std::thread;

use homing_conformance::{HomeRig, Pinged, Watched};
use homing_core::{End, Event};
use homing_router::Router;
use homing_transport_serial::{Gap, Heard, Line, Port, Serial};
use os_pipe::{PipeReader, PipeWriter};

/// A writer of bytes, as a chip has them.
struct Uart(PipeWriter);

impl embedded_io::ErrorType for Uart {
    type Error = embedded_io::ErrorKind;
}

impl embedded_io::Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, embedded_io::ErrorKind> {
        self.0.write(bytes).map_err(|_| embedded_io::ErrorKind::BrokenPipe)
    }

    fn flush(&mut self) -> Result<(), embedded_io::ErrorKind> {
        Ok(())
    }
}

#[derive(Default)]
struct App {
    heard: Vec<Heard<u32>>,
    end: Option<End>,
}

impl App {
    fn hear(&mut self, event: Event<Heard<u32>>) {
        match event {
            Event::Message(heard) => self.heard.push(heard),
            Event::Ended(end) => self.end = Some(end),
        }
    }
}

/// Runs a chip against a router in its event loop, until the line is gone.
fn run<H: HomeRig>(
    serial: impl FnOnce(PipeReader) -> Serial,
    chip: impl FnOnce(Uart) + Send + 'static,
) -> (App, homing_core::Counters) {
    let mut home = H::new();
    let router = Router::new(home.home());
    router.start().unwrap();
    let (reader, writer) = os_pipe::pipe().unwrap();
    let link = router.link(serial(reader)).unwrap();
    let (port, _) = link.pipe(|app: &mut App, event| app.hear(event)).unwrap();
    assert_eq!(port, Port(0));
    let chip = thread::spawn(move || chip(Uart(writer)));
    let mut app = App::default();
    while app.end.is_none() {
        home.turn(&router, &mut app, homing_conformance::DEADLINE);
    }
    chip.join().unwrap();
    (app, router.counters())
}

fn all_homes(
    chip: impl Fn(Uart) + Clone + Send + 'static,
    check: impl Fn(App, homing_core::Counters),
) {
    let one = chip.clone();
    let (app, counters) = run::<Watched>(Serial::new, one);
    check(app, counters);
    let one = chip.clone();
    let (app, counters) = run::<Pinged>(Serial::new, one);
    check(app, counters);
    let one = chip.clone();
    let (app, counters) = run::<Watched>(Serial::threaded, one);
    check(app, counters);
    let (app, counters) = run::<Pinged>(Serial::threaded, chip);
    check(app, counters);
}

const MANY: u32 = 20_000;

#[test]
fn all_messages_arrive_in_order_and_the_end_after_them() {
    all_homes(
        |uart| {
            let line: Line<_, 64> = Line::new(uart);
            let mut sender = line.sender(Port(0));
            let mut sender = sender.scope().unwrap();
            for number in 0..MANY {
                sender.send(number).unwrap();
            }
        },
        |app, counters| {
            assert!(app.heard.into_iter().eq((0..MANY).map(Heard::Message)));
            assert_eq!((app.end, counters.routed), (Some(End::Finished), MANY.into()));
        },
    );
}

#[test]
fn a_line_that_goes_dead_is_reported() {
    all_homes(
        |uart| {
            let line: Line<_, 64> = Line::new(uart);
            let mut sender = line.sender(Port(0));
            sender.start().unwrap();
            sender.send(7u32).unwrap();
            // Nobody says goodbye.
            std::mem::forget(sender);
        },
        |app, _| {
            assert_eq!(app.heard, [Heard::Message(7)]);
            assert_eq!(app.end, Some(End::Lost(None)));
        },
    );
}

#[test]
fn a_gap_is_told_and_counted() {
    all_homes(
        |uart| {
            let mut tap = uart.0.try_clone().unwrap();
            let (mut reader, writer) = os_pipe::pipe().unwrap();
            let line: Line<_, 64> = Line::new(Uart(writer));
            let mut sender = line.sender(Port(0));
            let mut copy = |pass: bool| {
                let mut bytes = [0; 256];
                let len = reader.read(&mut bytes).unwrap();
                if pass {
                    tap.write_all(bytes.get(..len).unwrap()).unwrap();
                }
            };
            sender.start().unwrap();
            copy(true);
            for number in 0..10u32 {
                sender.send(number).unwrap();
                copy(!(3..6).contains(&number));
            }
            sender.stop().unwrap();
            copy(true);
        },
        |app, counters| {
            let gap = Heard::Gap(Gap { lost: 3, restarted: false });
            let mut expected: Vec<_> = (0..10).map(Heard::Message).collect();
            expected.splice(3..6, [gap]);
            assert_eq!((app.heard, app.end), (expected, Some(End::Finished)));
            assert_eq!(counters.missed, 3);
        },
    );
}

#[test]
fn messages_of_another_type_have_the_line_cut_off() {
    all_homes(
        |uart| {
            let line: Line<_, 64> = Line::new(uart);
            let mut sender = line.sender(Port(0));
            sender.start().unwrap();
            sender.send("not a number").unwrap();
            std::mem::forget(sender);
        },
        |app, _| {
            assert!(matches!(app.end, Some(End::Refused(_))), "{:?}", app.end);
            assert!(app.heard.is_empty());
        },
    );
}

#[test]
fn one_line_is_one_link() {
    let (reader, _writer) = os_pipe::pipe().unwrap();
    let mut serial = Serial::new(reader);
    struct Silent;
    impl homing_core::Pinger for Silent {
        fn ping(&self) {}
    }
    homing_core::Transport::link(&mut serial, Silent).unwrap();
    let error = homing_core::Transport::link(&mut serial, Silent).unwrap_err();
    assert_eq!(error.to_string(), "the serial line is in use already");
}
