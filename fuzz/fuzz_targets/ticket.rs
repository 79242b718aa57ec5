//! Any text is a ticket or refused, and a ticket can be written and read again.

#![no_main]

use homing_core::Ticket;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(ticket) = text.parse::<Ticket<u8>>() else { return };
    let again: Ticket<u8> = ticket.to_string().parse().expect("it was written by a ticket");
    assert_eq!(again.connection(), ticket.connection());
    assert_eq!(again.nonce(), ticket.nonce());
    assert_eq!(again.overflow(), ticket.overflow());
    // Nothing of the nonce is shown.
    let shown = format!("{ticket:?}");
    assert!(!shown.contains("once"), "{shown}");
});
