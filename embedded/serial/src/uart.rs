//! A UART of the board's, and a line that is not good.

use core::convert::Infallible;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use embedded_io::{ErrorType, Write};

// The registers of UART 0.
const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *const u32 = 0x4000_4004 as *const u32;
const CONTROL: *mut u32 = 0x4000_4008 as *mut u32;
const INTERRUPTS: *mut u32 = 0x4000_400c as *mut u32;
const DIVIDER: *mut u32 = 0x4000_4010 as *mut u32;

/// In `STATE`: there is no room for a byte.
const FULL: u32 = 1;
/// In `STATE`: a byte has come.
const HAS_BYTE: u32 = 2;
/// In `CONTROL`: it sends, receives, and interrupts when a byte has come.
const ALL: u32 = 1 | 2 | 8;
/// In `INTERRUPTS`: a byte has come.
const CAME: u32 = 2;

/// One byte in so many is changed on its way.
const BAD: u32 = 997;

/// Whether the line is bad now.
static IS_BAD: AtomicBool = AtomicBool::new(false);

/// The interrupt of a byte that has come.
#[derive(Clone, Copy)]
pub struct Received;

// SAFETY: it is the number of this interrupt on this board, and always the same.
unsafe impl InterruptNumber for Received {
    fn number(self) -> u16 {
        0
    }
}

/// UART 0, on a line that changes bytes.
pub struct BadUart {
    sent: u32,
}

impl BadUart {
    /// Turns the UART and its interrupt on. There is to be one only.
    pub fn new() -> Self {
        // SAFETY: registers of the board, which nothing else uses. No critical section is open that
        // the interrupt could break.
        unsafe {
            ptr::write_volatile(DIVIDER, 16);
            ptr::write_volatile(CONTROL, ALL);
            NVIC::unmask(Received);
        }
        Self { sent: 0 }
    }

    fn wait_for_room(&self) {
        // SAFETY: a register of the board.
        while unsafe { ptr::read_volatile(STATE) } & FULL != 0 {}
    }
}

/// Makes the line bad, or good again.
pub fn set_bad(is_bad: bool) {
    IS_BAD.store(is_bad, Ordering::Relaxed);
}

/// What the interrupt handler does: takes the byte that has come.
pub fn take() -> Option<u8> {
    // SAFETY: registers of the board. Only the interrupt handler reads bytes.
    unsafe {
        ptr::write_volatile(INTERRUPTS, CAME);
        let has_byte = ptr::read_volatile(STATE) & HAS_BYTE != 0;
        has_byte.then(|| ptr::read_volatile(DATA) as u8)
    }
}

impl ErrorType for BadUart {
    type Error = Infallible;
}

impl Write for BadUart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let Some(byte) = bytes.first() else { return Ok(0) };
        let is_bad = IS_BAD.load(Ordering::Relaxed);
        self.sent = self.sent.wrapping_add(u32::from(is_bad));
        let damage = if is_bad && self.sent % BAD == 0 { 0x10 } else { 0 };
        self.wait_for_room();
        // SAFETY: as above.
        unsafe { ptr::write_volatile(DATA, u32::from(byte ^ damage)) };
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        self.wait_for_room();
        Ok(())
    }
}
