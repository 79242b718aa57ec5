//! What the firmware needs of its chip, the same on each: two interrupts, sleep, a count of
//! instructions, and an exit code for the shell.

#![no_std]

#[cfg_attr(target_arch = "arm", path = "chip/cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "chip/riscv.rs")]
mod chip;
mod exit;
#[cfg(feature = "log")]
mod log;

pub use chip::{instructions, pend_second, sleep, start_timer, stop_timer};
pub use exit::exit;

/// What the macros name.
#[doc(hidden)]
pub mod hidden {
    pub use crate::chip::*;
}
