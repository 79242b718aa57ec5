//! A thermometer on a bad line. It sends readings and remarks; its UART adds a greeting of its
//! own, and changes a byte now and then. Half-way it is reset.
//!
//! `examples/chip` is the foreground's end.

#![no_std]
#![no_main]

mod uart;

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SCB;
use cortex_m_rt::entry;
use embedded_io::Write as _;
use homing_transport_serial::{Line, Port};
use serde::Serialize;

use crate::uart::BadUart;

/// How many readings are sent in each run.
const READINGS: u32 = 200;

#[derive(Serialize)]
struct Reading {
    number: u32,
    celsius: i16,
}

/// How often the chip was started, in memory that a reset leaves alone. It is not 0 at first
/// on a real chip, but whatever was there, which will do as well.
// SAFETY: the section is for variables that are not initialised, and any bytes are an
// `AtomicU32`.
#[unsafe(link_section = ".uninit.RUNS")]
static RUNS: AtomicU32 = AtomicU32::new(0);

#[entry]
fn main() -> ! {
    let run = RUNS.load(Ordering::Relaxed).wrapping_add(1);
    RUNS.store(run, Ordering::Relaxed);

    let mut uart = BadUart::new();
    let Ok(()) = uart.write_all(b"\r\nBoot loader 2.1\r\n");
    let line: Line<_, 128> = Line::new(uart, run);
    let (Ok(mut readings), Ok(mut remarks)) = (line.sender(Port(0)), line.sender::<&str>(Port(1)))
    else {
        exit(false)
    };
    let well = readings.start().is_ok()
        && remarks.start().is_ok()
        && remarks.send("warming up").is_ok()
        && (0..READINGS).all(|number| {
            readings.send(Reading { number, celsius: (number % 50) as i16 - 10 }).is_ok()
        })
        && remarks.send("that is enough").is_ok();
    if run % 2 == 1 && well {
        // No sender is stopped, and no receiver is told.
        SCB::sys_reset();
    }
    exit(well && readings.stop().is_ok() && remarks.stop().is_ok())
}

/// Ends the emulation, with an exit code for the shell.
fn exit(well: bool) -> ! {
    semihosting::process::exit(i32::from(!well))
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(false)
}
