//! A program that does nothing: what `lean` is weighed against.

#![no_std]
#![no_main]

use homing_firmware::exit;
use homing_firmware::hidden::entry;

homing_firmware::interrupts!(nothing, nothing);
homing_firmware::no_panics!();

fn nothing() {}

#[entry]
fn main() -> ! {
    exit(true)
}
