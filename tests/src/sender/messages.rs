//! B3, B4, B6: what is sent arrives, whole and in order.

use std::cell::RefCell;
use std::rc::Rc;

use homing_core::{End, Event, Outlet, SendErrorKind, Sender};
use homing_mux::frame::DEFAULT_LIMIT;
use homing_router::Link;
use serde_bytes::ByteBuf;

use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground, open};
use crate::rig::{Sends, TransportRig};

/// B3: what was sent arrives although the worker never gets to do anything after it, not even
/// to drop its sender.
///
/// An implementation that fails it keeps messages back in the sender's own memory. (The suite of processes does
/// it with SIGKILL.)
pub fn b03_a_message_that_was_sent_needs_no_help<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    let worker = foreground.spawn(move || {
        for message in 0..10 {
            sender.send(message).unwrap();
        }
        // It stays open for ever, as that of a thread that hangs.
        std::mem::forget(sender);
    });
    foreground.join(worker);
    foreground.until("messages of a worker that hangs", |app| app.count(0) == 10);
    assert_eq!(foreground.app.messages(0), (0..10).collect::<Vec<_>>());
}

/// B4: 64 pipes of 64 messages each, sent by a pool of threads over four links. Each
/// receiver gets its own messages, all of them, in order.
pub fn b04_many_pipes_keep_their_order<T: TransportRig, H: EventLoopRig>() {
    const PIPES: usize = 64;
    const MESSAGES: u64 = 64;
    let mut foreground = Foreground::<H>::started();
    let links: Vec<_> = (0..4).map(|_| foreground.small_link::<T>()).collect();
    let mut pool: Vec<Vec<_>> = (0..4).map(|_| Vec::new()).collect();
    for (pipe, link) in (0..PIPES).zip(links.iter().cycle()) {
        // Links and threads are paired in all ways.
        pool[pipe / 4 % 4].push((pipe as u64, open::<T>(link, pipe)));
    }
    let pool: Vec<_> = (pool.into_iter())
        .map(|mut senders| {
            foreground.spawn(move || {
                for message in 0..MESSAGES {
                    for (pipe, sender) in &mut senders {
                        sender.send(*pipe * 1000 + message).unwrap();
                    }
                }
                for (_, sender) in &mut senders {
                    sender.stop().unwrap();
                }
            })
        })
        .collect();
    foreground.until("the ends of all pipes", |app| app.ended() == PIPES);
    for worker in pool {
        worker.join();
    }
    for pipe in 0..PIPES {
        let expected: Vec<_> = (0..MESSAGES).map(|message| pipe as u64 * 1000 + message).collect();
        assert_eq!(foreground.app.messages(pipe), expected, "pipe {pipe}");
        assert_eq!(foreground.app.end(pipe), Some(End::Finished));
    }
    assert_eq!(foreground.router.open_pipes(), 0);
}

/// B4: `send_all` keeps the order, also together with `send`, and sends all.
///
/// An implementation that fails it gathers messages in `put_all`, and forgets those that are left at its end.
pub fn b04_send_all_keeps_the_order<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut sender = open::<T>(&link, 0);
    let worker = foreground.spawn(move || {
        sender.send(0).unwrap();
        sender.send_all(1..5000).unwrap();
        sender.send_all([]).unwrap();
        sender.send(5000).unwrap();
        sender.send_all([5001]).unwrap();
        assert_eq!(sender.counters().sent, 5002);
        assert_eq!(sender.counters().dropped, 0);
        sender.stop().unwrap();
    });
    foreground.join(worker);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert_eq!(foreground.app.messages(0), (0..=5001).collect::<Vec<_>>());
}

/// A pipe whose messages are gathered.
fn gather<T, M>(
    link: &Link<App, T::Factory>,
) -> (Sender<M, impl Outlet<M> + Send + use<T, M>>, Rc<RefCell<Gathered<M>>>)
where
    T: TransportRig,
    T::Factory: Sends<M>,
    M: 'static,
{
    let gathered = Rc::new(RefCell::new(Gathered { messages: Vec::new(), end: None }));
    let told = Rc::clone(&gathered);
    let (mut sender, _) = link
        .pipe(move |_: &mut App, event: Event<M>| {
            let mut told = told.borrow_mut();
            assert_eq!(told.end, None);
            match event {
                Event::Message(message) => told.messages.push(message),
                Event::Ended(end) => told.end = Some(end),
            }
        })
        .expect("a link makes pipes");
    sender.start().expect("a new sender starts");
    (sender, gathered)
}

struct Gathered<M> {
    messages: Vec<M>,
    end: Option<End>,
}

/// B4: pipes for messages of different types share a link, and each keeps its order.
///
/// An implementation that fails it hands a message to the receiver of another type.
pub fn b04_types_share_a_link<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut numbers = open::<T>(&link, 0);
    let (mut texts, got_texts) = gather::<T, String>(&link);
    let (mut bytes, got_bytes) = gather::<T, ByteBuf>(&link);
    let worker = foreground.spawn(move || {
        for n in 0..100 {
            numbers.send(n).unwrap();
            texts.send(if n == 0 { String::new() } else { format!("text {n} é") }).unwrap();
            bytes.send(ByteBuf::from(vec![n as u8; n as usize])).unwrap();
        }
    });
    foreground.join(worker);
    foreground.until("three ends", |app| {
        app.end(0).is_some() && got_texts.borrow().end.is_some() && got_bytes.borrow().end.is_some()
    });
    assert_eq!(foreground.app.messages(0), (0..100).collect::<Vec<_>>());
    let got = got_texts.borrow();
    assert_eq!((got.messages.len(), got.messages[0].as_str()), (100, ""));
    assert!((1..100).all(|n| got.messages[n] == format!("text {n} é")));
    let got = got_bytes.borrow();
    assert_eq!(got.messages.len(), 100);
    assert!((0..100).all(|n| got.messages[n] == vec![n as u8; n]));
}

/// A message that shows when parts of it were lost or mixed up.
fn pattern(len: usize, seed: u8) -> ByteBuf {
    let byte = |at| (at as u8).wrapping_mul(31).wrapping_add((at >> 8) as u8) ^ seed;
    ByteBuf::from((0..len).map(byte).collect::<Vec<_>>())
}

/// B6: a message of any size under the limit arrives, also one larger than whatever the link
/// holds, and so do its neighbours on another pipe.
///
/// An implementation that fails it cannot send in parts, or mixes the parts of two pipes up.
pub fn b06_any_size_under_the_limit_arrives<T: TransportRig, H: EventLoopRig>() {
    const SIZES: [usize; 12] =
        [0, 1, 127, 128, 4095, 4097, 65_535, 65_536, 65_537, 131_073, 1_000_003, 3_000_000];
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let mut pipes = Vec::new();
    for seed in [1, 2] {
        let (mut sender, got) = gather::<T, ByteBuf>(&link);
        let worker = foreground.spawn(move || {
            for size in SIZES {
                sender.send(pattern(size, seed)).unwrap();
            }
            sender.stop().unwrap();
        });
        pipes.push((seed, worker, got));
    }
    for (seed, worker, got) in pipes {
        foreground.join(worker);
        foreground.until("the end of large messages", |_| got.borrow().end.is_some());
        let got = got.borrow();
        assert_eq!(got.end, Some(End::Finished));
        assert_eq!(got.messages.len(), SIZES.len());
        for (message, size) in got.messages.iter().zip(SIZES) {
            assert!(*message == pattern(size, seed), "the message of {size} bytes is torn");
        }
    }
}

/// B6: a large message that does not fit now, and may not wait, comes back; no part of it is
/// ever seen, and what follows is whole.
///
/// An implementation that fails it leaves the first part of a message on the link.
pub fn b06_a_large_message_comes_back_whole_or_arrives_whole<T: TransportRig, H: EventLoopRig>() {
    const LARGE: usize = 3_000_000;
    let mut foreground = Foreground::<H>::started();
    let link = foreground.small_link::<T>();
    let (mut sender, got) = gather::<T, ByteBuf>(&link);
    let worker = foreground.spawn(move || {
        let sent = match sender.try_send(pattern(LARGE, 3)) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.kind(), SendErrorKind::Full);
                assert!(error.into_message() == pattern(LARGE, 3), "it came back changed");
                false
            }
        };
        sender.send(pattern(10, 4)).unwrap();
        sent
    });
    let sent = foreground.join(worker);
    foreground.until("the small message", |_| got.borrow().end.is_some());
    let got = got.borrow();
    let lens: Vec<_> = got.messages.iter().map(|message| message.len()).collect();
    assert_eq!(lens, if sent { vec![LARGE, 10] } else { vec![10] });
    assert!(!sent || got.messages[0] == pattern(LARGE, 3));
}

/// B6: a message over the limit is refused with both lengths before a byte of it is written,
/// and comes back; the pipe and the link go on. The limit can be chosen; it is 16 MiB if
/// none is. A transport whose messages have no length has no limit, and excepts this check.
///
/// An implementation that fails it gets honest workers cut off.
pub fn b06_a_message_over_the_limit_is_refused<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let Some(limited) = T::limited(1000) else {
        panic!("messages of this transport have no length: except this check");
    };
    let link = foreground.router.link(limited).unwrap();
    let (mut sender, got) = gather::<T, ByteBuf>(&link);
    // Two bytes are the length of a vector of this size.
    for (n, size) in [998, 999, 5000, 998, 1].into_iter().enumerate() {
        let result = sender.send(pattern(size, n as u8));
        if size + 2 <= 1000 {
            result.unwrap();
            foreground.until("a message under the limit", |_| {
                got.borrow().messages.last().is_some_and(|last| *last == pattern(size, n as u8))
            });
        } else {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), SendErrorKind::TooLarge { len: size + 2, max: 1000 });
            assert!(error.into_message() == pattern(size, n as u8));
        }
    }
    sender.stop().unwrap();
    foreground.until("the end", |_| got.borrow().end.is_some());
    assert_eq!(got.borrow().end, Some(End::Finished));
    assert_eq!(got.borrow().messages.len(), 3);

    let link = foreground.link::<T>();
    let (mut sender, _got) = gather::<T, ByteBuf>(&link);
    let error = sender.send(ByteBuf::from(vec![0; DEFAULT_LIMIT])).unwrap_err();
    assert_eq!(
        error.kind(),
        SendErrorKind::TooLarge { len: DEFAULT_LIMIT + 4, max: DEFAULT_LIMIT }
    );
}
