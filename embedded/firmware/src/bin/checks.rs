//! The checks of `embedded/checks`, on a chip.

#![no_std]
#![no_main]

use homing_firmware::exit;
use homing_firmware::hidden::entry;

// No interrupt comes, but something of the chip's crate has to be named for its start-up code
// to be linked.
homing_firmware::interrupts!(nothing, nothing);

fn nothing() {}

#[entry]
fn main() -> ! {
    let mut failed = 0;
    for (name, check) in homing_embedded_checks::ALL {
        match check() {
            Ok(()) => defmt::info!("{=str}: passed", name),
            Err(error) => {
                failed += 1;
                defmt::error!("{=str}: not so (line {}): {=str}", name, error.line, error.what);
            }
        }
    }
    defmt::info!("{} checks, {} failed", homing_embedded_checks::ALL.len(), failed);
    exit(failed == 0)
}
