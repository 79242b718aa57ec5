//! Receivers that are read.

use homing_core::{End, Event, Overflow};
use homing_router::Mailbox;

use crate::event_loops::EventLoopRig;
use crate::foreground::{Foreground, open, send_to_closed};
use crate::rig::TransportRig;

/// B5: a mailbox that is full makes the senders of its link wait: it never holds more than
/// its capacity, nothing is lost, and other links go on. Reading it wakes the loop.
///
/// An implementation that fails it hides a queue without a bound behind a mailbox, or never looks at the link
/// again.
pub fn mailbox_makes_senders_wait<T: TransportRig, H: EventLoopRig>() {
    let count = 2 * *T::FIT.end() as u64 + 100;
    let mut foreground = Foreground::<H>::started();
    let (link, other_link) = (foreground.small_link::<T>(), foreground.small_link::<T>());
    let (mut sender, mut mailbox) = link.mailbox_with::<u64>(Overflow::Wait, 3).unwrap();
    let mut other = open::<T>(&other_link, 0);
    sender.start().unwrap();
    let worker = foreground.spawn(move || {
        for message in 0..count {
            sender.send(message).unwrap();
        }
        sender.stop().unwrap();
    });
    let fills = |mailbox: &Mailbox<u64>| mailbox.len() == 3;
    foreground.until("a full mailbox", |_| fills(&mailbox));
    for message in 0..10 {
        other.send(message).unwrap();
        foreground.until("another link", |app| app.total() as u64 > message);
        assert!(fills(&mailbox));
    }
    assert!(!worker.is_done(), "the worker cannot be done: there is no room for all");
    let mut next = 0;
    while next < count {
        foreground.until("a message in the mailbox", |_| {
            assert!(mailbox.len() <= 3);
            !mailbox.is_empty()
        });
        while let Some(event) = mailbox.try_recv() {
            match event {
                Event::Message(message) => assert_eq!(message, next),
                Event::Ended(end) => panic!("{end} after {next} of {count} messages"),
            }
            next += 1;
            // Both: reading one by one, and all at once.
            if next % 7 == 0 || next == count {
                break;
            }
        }
    }
    let is_end = |event| event == Some(Event::Ended(End::Finished));
    foreground.until("the end in the mailbox", |_| is_end(mailbox.try_recv()));
    assert_eq!(mailbox.dropped(), 0);
    foreground.join(worker);
}

/// A mailbox that is dropped closes its pipe: what comes later is discarded, and a full one
/// no longer holds its link up.
pub fn mailbox_closes_its_pipe<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let (mut sender, mailbox) = link.mailbox_with::<u64>(Overflow::Wait, 1).unwrap();
    let pipe = mailbox.pipe();
    sender.start().unwrap();
    let mut beside = open::<T>(&link, 0);
    let worker = foreground.spawn(move || {
        let mut sent = 0;
        for message in 0..20 {
            sent += u64::from(send_to_closed(&mut sender, message));
            beside.send(message).unwrap();
        }
        beside.stop().unwrap();
        sent
    });
    foreground.until("a full mailbox", |_| mailbox.len() == 1);
    assert_eq!(foreground.router.open_pipes(), 2);
    drop(mailbox);
    assert_eq!(foreground.router.open_pipes(), 1);
    assert!(!foreground.router.has_pipe(pipe));
    let sent = foreground.join(worker);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert!(foreground.app.messages(0).iter().copied().eq(0..20));
    foreground.until("the end of the closed pipe", |_| true);
    // The first is in the mailbox.
    assert_eq!(foreground.router.counters().discarded_closed, sent - 1);
}

/// A mailbox whose router has stopped, or is gone, yields what it holds and `Closed`.
pub fn mailbox_outlives_its_router<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let (mut sender, mut mailbox) = link.mailbox::<u64>().unwrap();
    let (_other, unread) = link.mailbox::<u64>().unwrap();
    sender.start().unwrap();
    sender.send(1).unwrap();
    foreground.until("a message in the mailbox", |_| mailbox.len() == 1);
    foreground.router.stop(&mut foreground.app).unwrap();
    drop((foreground, link));
    assert_eq!(mailbox.try_recv(), Some(Event::Message(1)));
    assert_eq!(mailbox.try_recv(), Some(Event::Ended(End::Closed)));
    assert_eq!(mailbox.try_recv(), None);
    drop(unread);
}

/// A mailbox of the latest message holds that one, and no sender waits for it.
pub fn mailbox_of_the_latest<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let (mut sender, mut mailbox) = link.mailbox_with::<u64>(Overflow::LatestWins, 99).unwrap();
    sender.start().unwrap();
    let worker = foreground.spawn(move || {
        for message in 0..1000 {
            sender.send(message).unwrap();
        }
        sender
    });
    let mut sender = foreground.join(worker);
    sender.stop().unwrap();
    let router = foreground.router.clone();
    foreground.until("the end", |_| {
        assert!(mailbox.len() <= 1);
        router.open_pipes() == 0
    });
    assert_eq!(mailbox.try_recv(), Some(Event::Message(999)));
    assert_eq!(mailbox.try_recv(), Some(Event::Ended(End::Finished)));
    let accounted = mailbox.dropped() + router.counters().missed + 1;
    assert_eq!(accounted, 1000, "each message was read, or dropped and counted");
}

/// Mailboxes that drop messages keep the ones that their policy says, and count the others.
pub fn mailbox_that_drops<T: TransportRig, H: EventLoopRig>() {
    for (overflow, kept) in [(Overflow::DropNewest, [0, 1]), (Overflow::DropOldest, [2, 3])] {
        let mut foreground = Foreground::<H>::started();
        let link = foreground.link::<T>();
        let (mut sender, mut mailbox) = link.mailbox_with::<u64>(overflow, 2).unwrap();
        sender.start().unwrap();
        for message in 0..4 {
            sender.send(message).unwrap();
        }
        assert_eq!(sender.counters().dropped, 0, "the link has room for four");
        foreground.until("four messages", |_| mailbox.len() as u64 + mailbox.dropped() == 4);
        assert_eq!(mailbox.dropped(), 2);
        let got: Vec<_> = mailbox.drain().filter_map(Event::message).collect();
        assert_eq!(got, kept, "{overflow:?}");
        sender.send(4).unwrap();
        foreground.until("room again", |_| mailbox.try_recv() == Some(Event::Message(4)));
    }
}
