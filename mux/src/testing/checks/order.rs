//! Order, and what belongs to a pipe beside its messages.

use std::thread;

use super::*;

pub fn a_pipe_is_claimed_sends_in_order_and_ends<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut sender = sender::<u32, R::Sink>(&factory, 3, Overflow::Wait);
    let worker = thread::spawn(move || {
        for n in 0..50_000 {
            sender.send(n).unwrap();
        }
        assert_eq!(sender.counters().sent, 50_000);
    });
    assert_eq!(foreground.recv(), Ok(Got::started(3)));
    for n in 0..50_000u32 {
        assert_eq!(foreground.recv(), Ok(Got::message(3, &n)));
    }
    assert_eq!(foreground.recv(), Ok(Got::Stopped(3, End::Dropped)));
    worker.join().unwrap();
    drop(factory);
    assert_eq!(foreground.recv(), Err(LinkEnd::gone()));
}

pub fn threads_that_share_a_link_tear_nothing<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let workers: Vec<_> = (0..4u32)
        .map(|pipe| {
            let mut sender = sender::<(u32, ByteBuf), R::Sink>(&factory, pipe, Overflow::Wait);
            thread::spawn(move || {
                for n in 0..500u32 {
                    // Short ones, longer ones than an atomic write, ones in parts.
                    let len = [3, 3, 3, 9000, 150_000][n as usize % 5];
                    sender.send((n, filled(pipe as u8, len))).unwrap();
                }
            })
        })
        .collect();
    drop(factory);
    let (got, end) = foreground.until_end();
    assert_eq!(end, LinkEnd::gone());
    for pipe in 0..4 {
        let mut of_pipe = got.iter().filter(|got| match got {
            Got::Started(of, _) | Got::Message(of, _) | Got::Stopped(of, _) => *of == pipe,
            Got::Answer(..) | Got::Taken(..) | Got::Missed(..) => panic!("{got:?}"),
        });
        assert_eq!(of_pipe.next(), Some(&Got::started(pipe)));
        for n in 0..500u32 {
            let len = [3, 3, 3, 9000, 150_000][n as usize % 5];
            let expected = Got::message(pipe, &(n, filled(pipe as u8, len)));
            assert!(of_pipe.next() == Some(&expected), "{pipe} {n}");
        }
        assert_eq!(of_pipe.next(), Some(&Got::Stopped(pipe, End::Dropped)));
        assert_eq!(of_pipe.next(), None);
    }
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

pub fn every_way_out_is_told<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    drop(initial::<u8, R::Sink>(&factory, 1, Overflow::Wait));
    assert_eq!(foreground.recv(), Ok(Got::started(1)));
    assert_eq!(foreground.recv(), Ok(Got::Stopped(1, End::Lost(homing_core::Lost::default()))));
    let open = sender::<u8, R::Sink>(&factory, 2, Overflow::Wait);
    let panicked = thread::spawn(move || {
        let _open = open;
        std::panic::resume_unwind(Box::new("a worker's"));
    });
    assert!(panicked.join().is_err());
    assert_eq!(foreground.recv(), Ok(Got::started(2)));
    assert_eq!(
        foreground.recv(),
        Ok(Got::Stopped(2, End::Panicked(homing_core::Panic::default())))
    );
}

/// On some links a sender that is alone goes without the lock, and must make way for each
/// that comes.
pub fn other_senders_come_and_go_while_one_sends<R: SinkRig>() {
    const MANY: u32 = 300_000;
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut one = sender::<u32, R::Sink>(&factory, 0, Overflow::Wait);
    let sends = thread::spawn(move || (0..MANY).for_each(|n| one.send(n).unwrap()));
    let others = thread::spawn(move || {
        for pipe in 1..200 {
            let mut other = sender::<u32, R::Sink>(&factory, pipe, Overflow::Wait);
            (0..50).for_each(|n| other.send(n).unwrap());
        }
    });
    let (got, end) = foreground.until_end();
    assert_eq!(end, LinkEnd::gone());
    let mut next = vec![0u32; 200];
    for got in &got {
        if let Got::Message(pipe, _) = got {
            let next = &mut next[*pipe as usize];
            assert_eq!(got, &Got::message(*pipe, &*next));
            *next += 1;
        }
    }
    assert_eq!((next[0], next[1..].iter().all(|next| *next == 50)), (MANY, true));
    sends.join().unwrap();
    others.join().unwrap();
}

pub fn handles_may_go_to_other_threads<R: SinkRig>() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<crate::MuxSender<u8, R::Sink>>();
    send::<crate::MuxHandle<R::Sink>>();
    sync::<crate::MuxHandle<R::Sink>>();
    send::<crate::MuxFactory<R::Sink>>();
}
