//! What the policies do on a full link.

use std::thread;

use super::*;

/// What arrived of one pipe.
fn of(pipe: u32, got: Vec<Got>) -> Vec<Got> {
    got.into_iter().filter(|got| got.pipe() == pipe).collect()
}

pub fn wait_waits_and_loses_nothing<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<u32, R::Sink>(&factory, 0, Overflow::Wait);
    let _full = fill(&factory);
    let worker = thread::spawn(move || {
        assert!(sender.try_send(1).unwrap_err().is_full());
        (0..1000).for_each(|n| sender.send(n).unwrap());
    });
    // Most likely it waits by now.
    thread::sleep(Duration::from_millis(20));
    let got = of(0, foreground.until_stopped(0));
    // The attempt may have found room when this thread was late.
    assert_eq!(got[got.len() - 1001..got.len() - 1], {
        let all: Vec<_> = (0..1000u32).map(|n| Got::message(0, &n)).collect();
        all
    });
    worker.join().unwrap();
}

pub fn give_back_gives_back<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<u32, R::Sink>(&factory, 0, Overflow::GiveBack);
    let _full = fill(&factory);
    let error = sender.send(5).unwrap_err();
    assert!(error.is_full());
    assert_eq!(error.into_message(), 5);
    let mut got = vec![foreground.recv().unwrap()];
    sender.send(6).unwrap();
    drop(sender);
    got.extend(foreground.until_stopped(0));
    let got = of(0, got);
    let expected = [Got::started(0), Got::message(0, &6u32), Got::Stopped(0, End::Dropped)];
    assert_eq!(got, expected);
}

pub fn drop_newest_drops_and_reports<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<u32, R::Sink>(&factory, 0, Overflow::DropNewest);
    sender.send(1).unwrap();
    let full = fill(&factory);
    for n in 0..10 {
        sender.send(n).unwrap();
    }
    assert_eq!((sender.counters().sent, sender.counters().dropped), (11, 10));
    let mut got = vec![foreground.recv().unwrap()];
    sender.send(2).unwrap();
    sender.send(3).unwrap();
    drop(full);
    drop(sender);
    got.extend(foreground.until_stopped(0));
    let got = of(0, got);
    let expected = [
        Got::started(0),
        Got::message(0, &1u32),
        Got::Missed(0, 10),
        Got::message(0, &2u32),
        Got::message(0, &3u32),
        Got::Stopped(0, End::Dropped),
    ];
    assert_eq!(got, expected);
}

pub fn what_was_dropped_last_is_reported_before_the_end<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<u32, R::Sink>(&factory, 0, Overflow::DropNewest);
    let _full = fill(&factory);
    sender.send(1).unwrap();
    drop(sender);
    let got = of(0, foreground.until_stopped(0));
    assert_eq!(got, [Got::started(0), Got::Missed(0, 1), Got::Stopped(0, End::Dropped)]);
}

pub fn drop_newest_finishes_a_large_message_that_it_began<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<ByteBuf, R::Sink>(&factory, 0, Overflow::DropNewest);
    sender.send(filled(1, 1 << 20)).unwrap();
    sender.send(filled(2, 10)).unwrap();
    sender.send(filled(2, 1 << 20)).unwrap();
    assert_eq!((sender.counters().sent, sender.counters().dropped), (3, 2));
    sender.stop().unwrap();
    let got = of(0, foreground.until_stopped(0));
    let missed: u64 =
        got.iter().map(|got| if let Got::Missed(_, count) = got { *count } else { 0 }).sum();
    assert_eq!(missed, 2);
    assert!(got.contains(&Got::message(0, &filled(1, 1 << 20))));
    assert!(!got.iter().any(|got| matches!(got, Got::Message(_, bytes) if bytes.contains(&2))));
}

pub fn drop_oldest_keeps_the_newest_messages<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<u32, R::Sink>(&factory, 0, Overflow::DropOldest);
    sender.send(1000).unwrap();
    let _full = fill(&factory);
    for n in 0..200 {
        sender.send(n).unwrap();
    }
    assert_eq!((sender.counters().sent, sender.counters().dropped), (201, 136));
    // Without any further call.
    let mut got = Vec::new();
    while got.last() != Some(&Got::message(0, &199u32)) {
        got.push(foreground.recv().unwrap());
    }
    let mut expected = vec![Got::started(0), Got::message(0, &1000u32), Got::Missed(0, 136)];
    expected.extend((136..200u32).map(|n| Got::message(0, &n)));
    assert_eq!(of(0, got), expected);
    sender.send(7).unwrap();
    drop(sender);
    let rest = foreground.until_stopped(0);
    assert_eq!(of(0, rest), [Got::message(0, &7u32), Got::Stopped(0, End::Dropped)]);
}

pub fn latest_wins_delivers_the_newest_without_any_further_call<R: SinkRig>() {
    for len in [8, 5000, 100_000, 300_000] {
        let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
        let mut sender = sender::<ByteBuf, R::Sink>(&factory, 0, Overflow::LatestWins);
        let _full = fill(&factory);
        for n in 0..100 {
            sender.send(filled(n, len)).unwrap();
        }
        let dropped = sender.counters().dropped;
        // One of several frames may have begun before there was no space at all.
        assert!(dropped == 99 || dropped == 98 && len > 8, "{len}: {dropped}");
        let mut got = Vec::new();
        while got.last() != Some(&Got::message(0, &filled(99, len))) {
            got.push(foreground.recv().unwrap());
        }
        let got = of(0, got);
        let missed: u64 =
            got.iter().map(|got| if let Got::Missed(_, count) = got { *count } else { 0 }).sum();
        assert_eq!(missed, dropped, "{len}");
        let messages = got.iter().filter(|got| matches!(got, Got::Message(..))).count();
        assert_eq!(messages as u64, 100 - dropped, "{len}");
        sender.send(filled(1, len)).unwrap();
        drop(sender);
        let rest = of(0, foreground.until_stopped(0));
        let end = [Got::message(0, &filled(1, len)), Got::Stopped(0, End::Dropped)];
        assert!(rest == end, "{len}");
    }
}

pub fn the_end_follows_queued_messages<R: SinkRig>() {
    for on_foreground in [true, false] {
        for overflow in [Overflow::DropOldest, Overflow::LatestWins] {
            let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
            let mut sender = sender::<u32, R::Sink>(&factory, 0, overflow);
            let full = fill(&factory);
            sender.send(1).unwrap();
            drop(factory);
            let worker = match on_foreground {
                true => {
                    drop(sender);
                    None
                }
                false => Some(thread::spawn(move || drop(sender))),
            };
            // The link's last handle may go before all is flushed.
            drop(full);
            let (got, end) = foreground.until_end();
            let expected = [Got::started(0), Got::message(0, &1u32), Got::Stopped(0, End::Dropped)];
            assert_eq!((of(0, got).as_slice(), end), (expected.as_slice(), LinkEnd::gone()));
            if let Some(worker) = worker {
                worker.join().unwrap();
            }
        }
    }
}

pub fn queues_of_many_pipes_and_waiting_senders_get_on_together<R: SinkRig>() {
    let (factory, mut foreground) = R::link(1 << 20);
    let policies = [Overflow::Wait, Overflow::DropOldest, Overflow::LatestWins];
    let workers: Vec<_> = (0..9u32)
        .map(|pipe| {
            let overflow = policies[pipe as usize % 3];
            let mut sender = sender::<(u32, ByteBuf), R::Sink>(&factory, pipe, overflow);
            thread::spawn(move || {
                for n in 0..100 {
                    let len = [10, 5000, 70_000, 300_000][(n + pipe) as usize % 4];
                    sender.send((n, filled(0, len))).unwrap();
                }
                sender.stop().unwrap();
                sender.counters()
            })
        })
        .collect();
    drop(factory);
    let (got, end) = foreground.until_end();
    assert_eq!(end, LinkEnd::gone());
    for (pipe, worker) in workers.into_iter().enumerate() {
        let counters = worker.join().unwrap();
        let got = of(pipe as u32, got.clone());
        let messages = got.iter().filter(|got| matches!(got, Got::Message(..))).count();
        let missed: u64 =
            got.iter().map(|got| if let Got::Missed(_, count) = got { *count } else { 0 }).sum();
        assert_eq!(missed, counters.dropped, "{pipe}");
        assert_eq!(messages as u64 + missed, 100, "{pipe}");
        let newest = Got::message(
            pipe as u32,
            &(99u32, { filled(0, [10, 5000, 70_000, 300_000][(99 + pipe) % 4]) }),
        );
        assert!(got[got.len() - 2] == newest, "{pipe}");
    }
}
