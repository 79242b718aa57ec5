//! Mailboxes are bounded in bytes as well as in number.

#![allow(clippy::unwrap_used, reason = "tests")]

use homing_core::{Event, Overflow};
use homing_router::{Capacity, DoorbellSet, LoopBinding, Router};
use homing_transport_channel::Channel;

type Large = [u8; 1000];

fn filled(overflow: Overflow, messages: u8) -> (Vec<u8>, u64, usize) {
    let router: Router<()> = Router::new(LoopBinding::readiness(&DoorbellSet::new().unwrap()));
    router.start().unwrap();
    let link = router.link(Channel::new()).unwrap();
    let capacity = Capacity::messages(100).bytes(3500);
    let (mut sender, mut mailbox) = link.mailbox_with::<Large>(overflow, capacity).unwrap();
    sender.start().unwrap();
    for message in 0..messages {
        sender.send([message; 1000]).unwrap();
    }
    let _ = router.dispatch(&mut ());
    let bytes = mailbox.bytes();
    assert_eq!(mailbox.len() * 1000, bytes);
    let first = |event: Event<Large>| event.message().map(|large| large[0]);
    let mut got: Vec<u8> = mailbox.drain().filter_map(first).collect();
    // What had to wait comes when there is room.
    let dropped = mailbox.dropped();
    loop {
        let _ = router.dispatch(&mut ());
        let before = got.len();
        got.extend(mailbox.drain().filter_map(first));
        if got.len() == before {
            return (got, dropped, bytes);
        }
    }
}

#[test]
fn a_mailbox_that_makes_senders_wait_takes_one_message_more_than_its_bytes_at_most() {
    assert_eq!(filled(Overflow::Wait, 10), ((0..10).collect(), 0, 4000));
}

#[test]
fn a_mailbox_that_drops_keeps_its_bytes() {
    assert_eq!(filled(Overflow::DropNewest, 10), (vec![0, 1, 2], 7, 3000));
    assert_eq!(filled(Overflow::DropOldest, 10), (vec![7, 8, 9], 7, 3000));
}
