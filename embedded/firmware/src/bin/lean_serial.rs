//! The whole life of a line to a desktop, with both directions, and nothing else. The frames that
//! come are examples of `WIRE.md`.
//!
//! It links only if no panic can be reached from it.

#![no_std]
#![no_main]

use core::convert::Infallible;

use embedded_io::{ErrorType, Write};
use homing_core::Reply;
use homing_firmware::exit;
use homing_firmware::hidden::entry;
use homing_transport_serial::{DuplexLine, Line, Port, ReceiveBuffer, Received};
use serde::{Deserialize, Serialize};

homing_firmware::interrupts!(nothing, nothing);
homing_firmware::no_panics!();

fn nothing() {}

#[derive(Serialize)]
struct Reading {
    number: u32,
    celsius: i16,
}

#[derive(Deserialize)]
struct Order(u32);

/// A UART that adds up what is written to it.
struct Sum(u32);

impl ErrorType for Sum {
    type Error = Infallible;
}

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

static RECEIVED: ReceiveBuffer<128> = ReceiveBuffer::new();

/// Of port 1 in run 9: all commands below 3 are taken, 4 were sent, and the pipe is cancelled.
const STATE: [u8; 13] =
    [0x00, 0x0b, 0x06, 0x01, 0x09, 0x03, 0x04, 0x01, 0x60, 0x6f, 0x8c, 0x7b, 0x00];

fn duplex() -> Option<bool> {
    let line: DuplexLine<_, 64, 128, 1, 64> = DuplexLine::with_way_back(Sum(0), 1, &RECEIVED);
    let (mut orders, mut readings) = line.duplex::<Order, Reading>(Port(1)).ok()?;
    readings.start().ok()?;
    let mut well = RECEIVED.receive(&STATE) == STATE.len();
    let (mut sum, mut missing) = (0, 0);
    while let Ok(received) = orders.try_recv() {
        match received {
            Received::Message(Order(number)) => sum += number,
            Received::Gap(count) => missing += count,
            Received::Reset => well = false,
        }
    }
    well &= sum == 0 && missing == 1 && orders.is_cancelled() && !readings.is_closed();
    readings.send(Reading { number: 1, celsius: -4 }).ok()?;
    readings.answer(Reply::new(7), 5u32).ok()?;
    readings.stop().ok()?;
    Some(well)
}

fn one_way() -> Option<()> {
    let line: Line<_, 64> = Line::new(Sum(0), 1);
    let mut readings = line.sender(Port(0)).ok()?;
    readings.start().ok()?;
    readings.send(Reading { number: 1, celsius: -4 }).ok()?;
    readings.stop().ok()?;
    drop(readings);
    (line.into_writer().0 != 0).then_some(())
}

#[entry]
fn main() -> ! {
    exit(one_way().is_some() && duplex() == Some(true))
}
