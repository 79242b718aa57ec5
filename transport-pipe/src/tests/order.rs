//! Order, and what belongs to a pipe beside its messages.

use std::thread;

use super::*;

#[test]
fn a_pipe_is_claimed_sends_in_order_and_ends() {
    let (factory, mut foreground) = link(Pipe::new());
    let mut sender = sender::<u32>(&factory, 3, Overflow::Wait);
    let worker = thread::spawn(move || {
        for n in 0..50_000 {
            sender.send(n).unwrap();
        }
        assert_eq!(sender.counters().sent, 50_000);
    });
    assert_eq!(foreground.next(), Ok(Got::Started(3, 10)));
    for n in 0..50_000u32 {
        assert_eq!(foreground.next(), Ok(Got::message(3, &n)));
    }
    assert_eq!(foreground.next(), Ok(Got::Stopped(3, End::Finished)));
    worker.join().unwrap();
    drop(factory);
    assert_eq!(foreground.next(), Err(LinkEnd::Gone(None)));
}

#[test]
fn threads_that_share_a_link_tear_nothing() {
    let (factory, mut foreground) = link(Pipe::new().buffer(1));
    let workers: Vec<_> = (0..4u32)
        .map(|pipe| {
            let mut sender = sender::<(u32, Vec<u8>)>(&factory, pipe, Overflow::Wait);
            thread::spawn(move || {
                for n in 0..500u32 {
                    // Short ones, longer ones than an atomic write, ones in parts.
                    let len = [3, 3, 3, 9000, 150_000][n as usize % 5];
                    sender.send((n, vec![pipe as u8; len])).unwrap();
                }
            })
        })
        .collect();
    drop(factory);
    let (got, end) = foreground.until_end();
    assert_eq!(end, LinkEnd::Gone(None));
    for pipe in 0..4 {
        let mut of_pipe = got.iter().filter(|got| match got {
            Got::Started(of, _) | Got::Message(of, _) | Got::Stopped(of, _) => *of == pipe,
            Got::Missed(..) => panic!("{got:?}"),
        });
        assert_eq!(of_pipe.next(), Some(&Got::Started(pipe, u128::from(pipe) + 7)));
        for n in 0..500u32 {
            let len = [3, 3, 3, 9000, 150_000][n as usize % 5];
            let expected = Got::message(pipe, &(n, vec![pipe as u8; len]));
            assert!(of_pipe.next() == Some(&expected), "{pipe} {n}");
        }
        assert_eq!(of_pipe.next(), Some(&Got::Stopped(pipe, End::Finished)));
        assert_eq!(of_pipe.next(), None);
    }
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn every_way_out_is_told() {
    let (factory, mut foreground) = link(Pipe::new());
    drop(initial::<u8>(&factory, 1, Overflow::Wait));
    assert_eq!(foreground.next(), Ok(Got::Started(1, 8)));
    assert_eq!(foreground.next(), Ok(Got::Stopped(1, End::Lost(None))));
    let open = sender::<u8>(&factory, 2, Overflow::Wait);
    let panicked = thread::spawn(move || {
        let _open = open;
        std::panic::resume_unwind(Box::new("a worker's"));
    });
    assert!(panicked.join().is_err());
    assert_eq!(foreground.next(), Ok(Got::Started(2, 9)));
    assert_eq!(foreground.next(), Ok(Got::Stopped(2, End::Panicked)));
}

#[test]
fn ends_may_go_to_other_threads() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<Sender<u8>>();
    send::<crate::WorkerEnd>();
    sync::<crate::WorkerEnd>();
    send::<PipeFactory>();
    send::<crate::PipeInlet>();
}

#[test]
fn a_worker_process_adopts_one_handle() {
    use homing_process::{LinkWaker, ProcessTransport as _};
    let prepared = Pipe::new().limit(10).prepare(LinkWaker::noop()).unwrap();
    assert_eq!((prepared.transport, prepared.limit, prepared.handles.len()), ("pipe", 10, 1));
    let end = crate::WorkerEnd::adopt(prepared.handles, prepared.limit).unwrap();
    let ticket = Ticket::<u8>::new(ConnectionId::from_parts(4, 0), Nonce::new(5));
    let mut sender = end.sender(ticket);
    sender.start().unwrap();
    sender.send(6).unwrap();
    drop((sender, end));
    let mut foreground = Foreground::new(prepared.inlet, prepared.doorbell);
    let (got, end) = foreground.until_end();
    let expected = [Got::Started(4, 5), Got::Message(4, vec![6]), Got::Stopped(4, End::Finished)];
    assert_eq!((got.as_slice(), end), (expected.as_slice(), LinkEnd::Gone(None)));
    assert!(crate::WorkerEnd::adopt(Vec::new(), 10).is_err());
}
