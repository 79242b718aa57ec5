//! A thermometer on a bad line, whose rate the desktop sets. Its UART adds a greeting of its own,
//! and changes a byte of its readings now and then. When it has sent 200 of them it is reset, once.
//!
//! `examples/chip` is the foreground's end.

#![no_std]
#![no_main]

mod uart;

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::Peripherals;
use cortex_m::asm;
use cortex_m::peripheral::SCB;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::{entry, exception};
use embedded_io::Write as _;
use homing_transport_serial::{DuplexLine, Port, ReceiveBuffer, Received};
use serde::{Deserialize, Serialize};

use crate::uart::BadUart;

/// How many readings are sent before the reset.
const READINGS: u32 = 200;

/// The frequency of the chip's clock.
const CLOCK: u32 = 25_000_000;

#[derive(Serialize)]
struct Reading {
    number: u32,
    celsius: i16,
    /// How many are sent in a second.
    hertz: u32,
}

#[derive(Deserialize)]
enum Order {
    /// To send so many readings in a second.
    Rate(u32),
}

/// How often the chip was started, in memory that a reset leaves alone. It is not 0 at first
/// on a real chip, but whatever was there, which will do as well.
// SAFETY: the section is for variables that are not initialised, and any bytes are an
// `AtomicU32`.
#[unsafe(link_section = ".uninit.RUNS")]
static RUNS: AtomicU32 = AtomicU32::new(0);

/// What has come over the line.
static RECEIVED: ReceiveBuffer<128> = ReceiveBuffer::new();

/// Readings that are due.
static DUE: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    DUE.fetch_add(1, Ordering::Relaxed);
}

/// The interrupts of the board: only that of bytes is turned on.
// SAFETY: it uses nothing that it interrupts but atomics.
#[exception]
unsafe fn DefaultHandler(_number: i16) {
    if let Some(byte) = uart::take() {
        RECEIVED.receive(&[byte]);
    }
}

#[entry]
fn main() -> ! {
    let run = RUNS.load(Ordering::Relaxed).wrapping_add(1);
    RUNS.store(run, Ordering::Relaxed);
    exit(work(run).is_some())
}

fn work(run: u32) -> Option<()> {
    let mut timer = Peripherals::take()?.SYST;
    let mut uart = BadUart::new();
    let Ok(()) = uart.write_all(b"\r\nBoot loader 2.1\r\n");
    // Frames of 128 bytes, one duplex pipe, and 64 bytes for orders that have come.
    let line: DuplexLine<_, 128, 128, 1, 64> = DuplexLine::with_way_back(uart, run, &RECEIVED);
    let (mut orders, mut readings) = line.duplex::<Order, Reading>(Port(0)).ok()?;
    let mut remarks = line.sender::<&str>(Port(1)).ok()?;
    readings.start().ok()?;
    remarks.start().ok()?;
    remarks.send("warming up").ok()?;

    let (mut number, mut rate) = (0, 0);
    while !readings.is_cancelled() {
        if let Ok(Received::Message(Order::Rate(hertz))) = orders.try_recv() {
            rate = hertz;
            timer.set_clock_source(SystClkSource::Core);
            timer.set_reload(CLOCK.checked_div(hertz)?);
            timer.clear_current();
            timer.enable_interrupt();
            timer.enable_counter();
        }
        if DUE.swap(0, Ordering::Relaxed) == 0 {
            // An interrupt that came since then ends it at once.
            asm::wfe();
            continue;
        }
        let celsius = (number % 50) as i16 - 10;
        uart::set_bad(true);
        readings.send(Reading { number, celsius, hertz: rate }).ok()?;
        uart::set_bad(false);
        number += 1;
        if number == READINGS && run % 2 == 1 {
            remarks.send("I feel dizzy").ok()?;
            // No sender is stopped, and no receiver is told.
            SCB::sys_reset();
        }
    }
    remarks.send("that is enough").ok()?;
    readings.stop().ok()?;
    remarks.stop().ok()
}

/// Ends the emulation, with an exit code for the shell.
fn exit(well: bool) -> ! {
    semihosting::process::exit(i32::from(!well))
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(false)
}
