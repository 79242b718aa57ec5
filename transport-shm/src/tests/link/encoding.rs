//! What arrives is what postcard makes of a message, wherever its pieces fall in the words of
//! the ring.

use homing_core::Overflow;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Got, link, sender, small};

/// Numbers, bytes one by one and pieces of any length, at any offset.
type Message = (Vec<u64>, u8, Option<i32>, String, Vec<u8>, (u16, u128));

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let number = (any::<u64>(), 0u32..64).prop_map(|(number, shift)| number >> shift);
    let message = (
        vec(number, 0..8),
        any::<u8>(),
        any::<Option<i32>>(),
        ".{0,60}",
        vec(any::<u8>(), 0..80),
        any::<(u16, u128)>(),
    );
    vec(message, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_message_arrives_as_postcard_writes_it(messages in messages()) {
        let (factory, mut foreground) = link(small());
        let expected: Vec<Got> = messages.iter().map(|message| Got::message(7, message)).collect();
        let worker = std::thread::spawn(move || {
            let mut sender = sender::<Message>(&factory, 7, Overflow::Wait);
            for message in &messages {
                sender.send(message.clone()).unwrap();
            }
            sender.send_all(messages).unwrap();
        });
        let got = foreground.until_stopped(7);
        worker.join().unwrap();
        let got: Vec<&Got> = got.iter().filter(|got| matches!(got, Got::Message(..))).collect();
        prop_assert!(got.into_iter().eq(expected.iter().chain(&expected)));
    }
}
