//! A UART of the board's, and a line that is not good.

use core::convert::Infallible;
use core::ptr;

use embedded_io::{ErrorType, Write};

// The registers of UART 0.
const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *const u32 = 0x4000_4004 as *const u32;
const CONTROL: *mut u32 = 0x4000_4008 as *mut u32;
const DIVIDER: *mut u32 = 0x4000_4010 as *mut u32;

/// In `STATE`: there is no room for a byte.
const FULL: u32 = 1;
/// In `CONTROL`.
const SENDS: u32 = 1;

/// One byte in so many is changed on its way.
const BAD: u32 = 997;

/// UART 0, on a line that changes bytes.
pub struct BadUart {
    sent: u32,
}

impl BadUart {
    /// Turns the UART on. There is to be one only.
    pub fn new() -> Self {
        // SAFETY: registers of the board, which nothing else uses.
        unsafe {
            ptr::write_volatile(DIVIDER, 16);
            ptr::write_volatile(CONTROL, SENDS);
        }
        Self { sent: 0 }
    }

    fn wait_for_room(&self) {
        // SAFETY: a register of the board.
        while unsafe { ptr::read_volatile(STATE) } & FULL != 0 {}
    }
}

impl ErrorType for BadUart {
    type Error = Infallible;
}

impl Write for BadUart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let Some(byte) = bytes.first() else { return Ok(0) };
        self.sent = self.sent.wrapping_add(1);
        let damage = if self.sent % BAD == 0 { 0x10 } else { 0 };
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
