//! Messages arrive in order, from every sender, and whatever their types.

use std::thread;

use super::*;

#[test]
fn order_is_kept_per_connection() {
    const SENDERS: u32 = 4;
    const MESSAGES: u64 = 20_000;
    let (factory, mut inlet) = link(16);
    let threads: Vec<_> = (0..SENDERS)
        .map(|pipe| {
            let mut sender = sender::<u64>(&factory, pipe, Overflow::Wait);
            thread::spawn(move || (0..MESSAGES).for_each(|n| sender.send(n).unwrap()))
        })
        .collect();
    let mut next = [0; SENDERS as usize];
    let mut open = SENDERS;
    while open > 0 {
        match take::<u64>(&mut inlet).unwrap() {
            Some(Got::Message(pipe, n)) => {
                assert_eq!(n, next[pipe as usize]);
                next[pipe as usize] += 1;
            }
            Some(Got::Stopped(pipe, End::Dropped)) => {
                assert_eq!(next[pipe as usize], MESSAGES);
                open -= 1;
            }
            Some(other) => panic!("{other:?}"),
            None => thread::yield_now(),
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn two_types_of_messages_share_a_link() {
    let (factory, mut inlet) = link(8);
    let mut words = sender::<String>(&factory, 0, Overflow::Wait);
    let mut numbers = sender::<u8>(&factory, 1, Overflow::Wait);
    words.send("one".to_string()).unwrap();
    numbers.send(1).unwrap();
    words.send("two".to_string()).unwrap();
    assert_eq!(take(&mut inlet), Ok(Some(Got::Message(0, "one".to_string()))));
    assert_eq!(take(&mut inlet), Ok(Some(Got::Message(0, "two".to_string()))));
    assert_eq!(take(&mut inlet), Ok(Some(Got::Message(1, 1u8))));
    assert_eq!(drain::<u8>(&mut inlet), []);
}

#[test]
fn a_message_is_opened_as_its_own_type_only() {
    let (factory, mut inlet) = link(8);
    let mut numbers = sender::<u8>(&factory, 0, Overflow::Wait);
    numbers.send(1).unwrap();
    let Ok(Some(Arrival::Message { payload, .. })) = inlet.poll() else { panic!("no message") };
    assert!(<ByValue as Decode<u16>>::decode(payload).is_err());
}

#[test]
fn a_flooding_queue_lets_the_others_have_their_turn() {
    let (factory, mut inlet) = link(1000);
    let mut flood = sender::<u64>(&factory, 0, Overflow::Wait);
    let mut quiet = sender::<u32>(&factory, 1, Overflow::Wait);
    (0..1000).for_each(|n| flood.send(n).unwrap());
    quiet.send(7).unwrap();
    for _ in 0..64 {
        match inlet.poll() {
            Ok(Some(Arrival::Message { connection, .. })) if connection.index() == 1 => return,
            Ok(Some(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    panic!("the quiet pipe's message is behind the flood");
}
