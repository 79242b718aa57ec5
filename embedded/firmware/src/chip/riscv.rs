//! RISC-V: the machine's timer and software interrupts.

use core::sync::atomic::{AtomicU32, Ordering};

use riscv::interrupt::Interrupt;
use riscv::register::minstret;
pub use riscv_rt::{core_interrupt, entry};

pub use riscv::interrupt::Interrupt as Number;

/// Makes the two interrupt handlers of the functions named: of the timer, and of the second.
#[macro_export]
macro_rules! interrupts {
    ($timer:path, $second:path) => {
        #[$crate::hidden::core_interrupt($crate::hidden::Number::MachineTimer)]
        fn timer_interrupt() {
            $crate::hidden::next_tick();
            $timer();
        }

        #[$crate::hidden::core_interrupt($crate::hidden::Number::MachineSoft)]
        fn second_interrupt() {
            $crate::hidden::clear_second();
            $second();
        }
    };
}

// The registers of the core-local interruptor of QEMU's `virt` board.
const SOFT: *mut u32 = 0x0200_0000 as *mut u32;
const COMPARE: *mut u32 = 0x0200_4000 as *mut u32;
const NOW: *const u32 = 0x0200_bff8 as *const u32;

static TICKS: AtomicU32 = AtomicU32::new(0);

/// Makes the timer interrupt come again and again, after so many ticks of the chip's clock.
pub fn start_timer(ticks: u32) {
    TICKS.store(ticks, Ordering::Relaxed);
    next_tick();
    // SAFETY: the handlers are there, and no critical section is open.
    unsafe {
        riscv::interrupt::enable_interrupt(Interrupt::MachineTimer);
        riscv::interrupt::enable_interrupt(Interrupt::MachineSoft);
        riscv::interrupt::enable();
    }
}

/// Sets the time of the next timer interrupt.
pub fn next_tick() {
    // SAFETY: registers of the board. Programs run for less than 2^32 ticks, so the upper
    // halves stay 0.
    unsafe {
        COMPARE.add(1).write_volatile(0);
        COMPARE.write_volatile(NOW.read_volatile() + TICKS.load(Ordering::Relaxed));
    }
}

/// Ends that.
pub fn stop_timer() {
    riscv::interrupt::disable_interrupt(Interrupt::MachineTimer);
}

/// Makes the second interrupt come.
pub fn pend_second() {
    // SAFETY: a register of the board.
    unsafe { SOFT.write_volatile(1) };
}

/// Ends the second interrupt's request.
pub fn clear_second() {
    // SAFETY: as above.
    unsafe { SOFT.write_volatile(0) };
}

/// Waits for an interrupt, or returns at once.
pub fn sleep() {
    // An interrupt that came between the look at the flag and this would be slept through,
    // were it not for the timer, which comes again.
    riscv::asm::wfi();
}

/// Starts the count, which always runs.
pub fn start_counting() {}

/// Counts instructions.
pub fn count() -> u32 {
    minstret::read() as u32
}
