//! Cortex-M: SysTick and PendSV.

use cortex_m::Peripherals;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};
pub use cortex_m_rt::{entry, exception};

/// Makes the two interrupt handlers of the functions named: of the timer, and of the second.
#[macro_export]
macro_rules! interrupts {
    ($timer:path, $second:path) => {
        #[$crate::hidden::exception]
        fn SysTick() {
            $timer();
        }

        #[$crate::hidden::exception]
        fn PendSV() {
            $second();
        }
    };
}

/// Makes the timer interrupt come again and again, after so many ticks of the chip's clock.
pub fn start_timer(ticks: u32) {
    let Some(peripherals) = Peripherals::take() else { return };
    let mut timer = peripherals.SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(ticks);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}

/// Ends that.
pub fn stop_timer() {
    // SAFETY: a write of one register, which nothing else writes after `start_timer`.
    unsafe { (*SYST::PTR).csr.write(0) };
}

/// Makes the second interrupt come.
pub fn pend_second() {
    SCB::set_pendsv();
}

/// Waits for an event. An interrupt is one, also if it came just before.
pub fn sleep() {
    cortex_m::asm::wfe();
}

/// Starts the count, which is the timer's.
pub fn start_counting() {
    let Some(peripherals) = Peripherals::take() else { return };
    let mut timer = peripherals.SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(0x00ff_ffff);
    timer.clear_current();
    timer.enable_counter();
}

/// Ticks of the chip's clock. `embedded/measure` knows how many are an instruction.
pub fn count() -> u32 {
    // It counts down.
    0x00ff_ffff - SYST::get_current()
}
