//! Hears a microcontroller and a worker process on one event loop, and sets the chip's rate.
//!
//! The chip is at the other end of a serial line: here, the standard output and input of the command
//! that emulates it. Its firmware is in `embedded/serial/`; `embedded/run serial` builds it and
//! starts this program with it. The worker process is this program again, over an OS pipe.
//!
//! ```text
//! cargo run --example chip --features serial -- COMMAND…
//! ```

use std::env;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, bail, ensure};
use homing::pipe::Pipe;
use homing::serial::{Received, Serial};
use homing::std_loop::{EventLoop, Handle};
use homing::worker::{self, InheritError};
use homing::{End, Event, Remote, Router};
use serde::{Deserialize, Serialize};

/// What the firmware sends on port 0. On port 1 it sends texts.
#[derive(Deserialize)]
struct Reading {
    number: u32,
    celsius: i16,
    hertz: u32,
}

/// What it is told on port 0.
#[derive(Serialize)]
enum Order {
    Rate(u32),
}

/// How many readings a second the chip is told to send: at first, and when it was reset.
const RATES: [u32; 2] = [500, 1000];

/// After so many readings at the second rate the chip is told to stop.
const ENOUGH: u64 = 200;

/// What was heard.
#[derive(Default)]
struct App {
    readings: u64,
    /// At each of the rates.
    at: [u64; 2],
    missing: u64,
    restarts: u64,
    /// The number that the next reading should have.
    next: u64,
    /// Readings that are not what the chip has sent.
    wrong: u64,
    remarks: u64,
    numbers: u64,
    ends: Vec<End>,
    quit: Option<Handle>,
    chip: Option<Remote<App, Order>>,
}

impl App {
    fn reading(&mut self, event: Event<Received<Reading>>) {
        match event {
            Event::Message(Received::Message(Reading { number, celsius, hertz })) => {
                let expected = (number % 50) as i16 - 10;
                if u64::from(number) != self.next || celsius != expected {
                    self.wrong += 1;
                }
                self.readings += 1;
                self.next = u64::from(number) + 1;
                for (rate, at) in RATES.iter().zip(&mut self.at) {
                    *at += u64::from(*rate == hertz);
                }
                if self.at[1] == ENOUGH
                    && let Some(chip) = &self.chip
                {
                    chip.cancel();
                }
            }
            Event::Message(Received::Gap(missing)) => {
                self.missing += missing;
                self.next += missing;
            }
            Event::Message(Received::Reset) => {
                self.restarts += 1;
                self.next = 0;
                // It has forgotten what it was told.
                self.set_rate(RATES[1]);
            }
            Event::Ended(end) => self.end(end),
        }
    }

    fn set_rate(&mut self, hertz: u32) {
        if let Some(chip) = &self.chip
            && let Err(error) = chip.send(Order::Rate(hertz))
        {
            eprintln!("the chip cannot be told: {error}");
        }
    }

    fn remark(&mut self, event: Event<Received<String>>) {
        match event {
            Event::Message(heard) => {
                if let Some(remark) = heard.message() {
                    eprintln!("the chip says: {remark}");
                    self.remarks += 1;
                }
            }
            Event::Ended(end) => self.end(end),
        }
    }

    fn number(&mut self, event: Event<u64>) {
        match event {
            Event::Message(number) => {
                if number != self.numbers {
                    self.wrong += 1;
                }
                self.numbers += 1;
            }
            Event::Ended(end) => self.end(end),
        }
    }

    fn end(&mut self, end: End) {
        self.ends.push(end);
        if self.ends.len() == 3
            && let Some(quit) = &self.quit
        {
            quit.stop();
        }
    }
}

fn main() -> ExitCode {
    let result = match worker::sender() {
        Ok(sender) => work(sender),
        Err(InheritError::NotAWorker) => listen(),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chip: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The worker process.
fn work(mut sender: worker::Sender<u64>) -> anyhow::Result<()> {
    sender.start()?;
    for number in 0..1000 {
        sender.send(number)?;
    }
    Ok(sender.stop()?)
}

/// The foreground.
fn listen() -> anyhow::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let Some(program) = arguments.next() else { bail!("usage: chip COMMAND…") };
    let mut emulator = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| program.display().to_string())?;
    let line = emulator.stdout.take().context("it was piped")?;
    let way_back = emulator.stdin.take().context("it was piped")?;

    let mut event_loop = EventLoop::new()?;
    let router = Router::new(&event_loop);
    router.start()?;
    // One descriptor that is both, as a terminal's, would be `Serial::duplex(port)`.
    let serial = Serial::new(line).writer(way_back);
    let stats = serial.stats();
    let link = router.link(serial)?;
    // Ports 0 and 1, as the firmware knows.
    let (_, chip, _) =
        link.duplex::<Order, Received<Reading>>(|app: &mut App, event| app.reading(event))?;
    link.pipe(|app: &mut App, event| app.remark(event))?;
    let worker = Command::new(env::current_exe()?);
    router.spawn(Pipe::new(), worker).pipe(|app: &mut App, event| app.number(event))?;

    let quit = Some(event_loop.handle());
    let mut app = App { quit, chip: Some(chip), ..App::default() };
    // It is sent when the chip is there.
    app.set_rate(RATES[0]);
    event_loop.run(&router, &mut app)?;
    router.stop(&mut app)?;

    println!("readings heard: {}", app.readings);
    for (rate, at) in RATES.iter().zip(app.at) {
        println!("readings at {rate} hertz: {at}");
    }
    println!("readings missing: {}", app.missing);
    println!("restarts seen by the readings: {}", app.restarts);
    println!("remarks heard: {}", app.remarks);
    println!("numbers of the worker process: {}", app.numbers);
    println!("bytes of noise: {}", stats.counters().noise);
    let status = emulator.wait()?;
    ensure!(status.success(), "the chip failed: {status}");
    ensure!(app.wrong == 0, "{} messages were not what was sent", app.wrong);
    ensure!(app.ends == [const { End::Finished }; 3], "the pipes ended so: {:?}", app.ends);
    Ok(())
}
