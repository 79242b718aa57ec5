//! Logs, and panics, through `defmt`.

use core::panic::PanicInfo;

use defmt_semihosting as _;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    defmt::error!("{}", defmt::Display2Format(info));
    crate::exit(false)
}
