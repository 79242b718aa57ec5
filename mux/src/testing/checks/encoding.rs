//! What arrives is what postcard makes of a message, wherever its pieces fall in the words of
//! a ring, or the pieces of a stream.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

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

pub fn every_message_arrives_as_postcard_writes_it<R: SinkRig>() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) };
    let checked = TestRunner::new(config).run(&messages(), |messages| {
        let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
        let expected: Vec<Got> = messages.iter().map(|message| Got::message(7, message)).collect();
        let worker = std::thread::spawn(move || {
            let mut sender = sender::<Message, R::Sink>(&factory, 7, Overflow::Wait);
            for message in &messages {
                sender.send(message.clone()).unwrap();
            }
            sender.send_all(messages).unwrap();
        });
        let got = foreground.until_stopped(7);
        worker.join().unwrap();
        let got: Vec<&Got> = got.iter().filter(|got| matches!(got, Got::Message(..))).collect();
        prop_assert!(got.into_iter().eq(expected.iter().chain(&expected)));
        Ok(())
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
}
