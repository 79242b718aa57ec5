//! B3 on a serial line: whatever the line does, no message is heard that was not sent, none
//! twice, none out of order, and what is missing is told.

mod model;

use model::{Deed, Fate, check};
use proptest::collection::vec;
use proptest::prelude::*;

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    // Delimiters, and what is long for COBS, more often than by chance.
    vec(prop_oneof![3 => any::<u8>(), 1 => Just(0), 1 => Just(0xff)], 0..most)
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        20 => (any::<u8>(), bytes(40)).prop_map(|(port, filler)| Deed::Send { port, filler }),
        1 => any::<u8>().prop_map(|port| Deed::Stop { port }),
        1 => Just(Deed::Reset),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    let at = any::<u16>;
    prop_oneof![
        4 => Just(Fate::Arrive),
        1 => Just(Fate::Lose),
        1 => Just(Fate::Twice),
        1 => (0..9u8).prop_map(Fate::Late),
        1 => (at(), 1..=255u8).prop_map(|(at, bits)| Fate::Flip { at, bits }),
        1 => (at(), 1..9u8).prop_map(|(at, len)| Fate::Cut { at, len }),
        1 => (at(), bytes(9)).prop_map(|(at, bytes)| Fate::Insert { at, bytes }),
        1 => (at(), at()).prop_map(|(at, with)| Fate::Swap { at, with }),
        1 => bytes(500).prop_map(Fate::Noise),
    ]
}

proptest! {
    #[test]
    fn b03_each_message_is_heard_once_in_order_or_missed(
        deeds in vec(deed(), 0..80),
        fates in vec(fate(), 0..80),
        step in prop_oneof![1..8usize, 1..5000usize],
    ) {
        check(&deeds, &fates, step);
    }

    #[test]
    fn b03_an_undisturbed_line_loses_nothing(deeds in vec(deed(), 0..80), step in 1..500usize) {
        let counters = check(&deeds, &[], step);
        prop_assert_eq!((counters.missed, counters.damaged, counters.noise), (0, 0, 0));
    }
}
