//! What the firmware needs of its chip, the same on each: two interrupts, sleep, a count of
//! instructions, and an exit code for the shell.

#![no_std]

#[cfg_attr(target_arch = "arm", path = "chip/cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "chip/riscv.rs")]
mod chip;
mod exit;
#[cfg(feature = "log")]
mod log;

pub use chip::{count, pend_second, sleep, start_counting, start_timer, stop_timer};
pub use exit::exit;

/// What the macros name.
#[doc(hidden)]
pub mod hidden {
    pub use crate::chip::*;
}

/// Makes a panic handler that cannot be linked: a program that has it is linked only if no
/// panic can be reached from it.
#[macro_export]
macro_rules! no_panics {
    () => {
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            // SAFETY: no program that names this function can be linked, so it is never called.
            unsafe extern "C" {
                /// There is no such function.
                fn a_panic_can_be_reached() -> !;
            }
            // SAFETY: as above.
            unsafe { a_panic_can_be_reached() }
        }
    };
}
