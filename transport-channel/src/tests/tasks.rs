//! Tasks that wait.

use std::task::{Wake, Waker};
use std::thread;

use homing_core::SendErrorKind;

use super::*;
use crate::waker_list::WakerList;

/// A waker that is dropped or not woken in time leaves a task without end.
#[test]
fn tasks_and_threads_share_a_queue_of_one() {
    const PIPES: u32 = 4;
    const MESSAGES: u64 = 5_000;
    let (factory, mut inlet) = link(1);
    let producers: Vec<_> = (0..PIPES)
        .map(|pipe| {
            let mut sender = sender(&factory, pipe, Overflow::Wait);
            thread::spawn(move || {
                for number in 0..MESSAGES {
                    match pipe {
                        0 => sender.send(number).unwrap(),
                        1 => smol::block_on(async {
                            sender.ready().await;
                            sender.send_async(number).await.unwrap();
                        }),
                        _ => smol::block_on(sender.send_async(number)).unwrap(),
                    }
                }
                smol::block_on(sender.stop_async()).unwrap();
            })
        })
        .collect();
    let (mut next, mut ended) = ([0; PIPES as usize], 0);
    while ended < PIPES {
        match take::<u64>(&mut inlet).unwrap() {
            Some(Got::Message(pipe, number)) => {
                let next = next.get_mut(pipe as usize).unwrap();
                assert_eq!(number, *next);
                *next += 1;
            }
            Some(Got::Stopped(_, end)) => {
                assert_eq!(end, End::Finished);
                ended += 1;
            }
            Some(other) => panic!("{other:?}"),
            None => thread::yield_now(),
        }
    }
    assert_eq!(next, [MESSAGES; PIPES as usize]);
    producers.into_iter().for_each(|producer| producer.join().unwrap());
}

#[test]
fn a_task_that_waits_learns_that_the_foreground_is_gone() {
    let (factory, inlet) = link(1);
    let mut sender = sender(&factory, 0, Overflow::Wait);
    sender.send(1).unwrap();
    let worker = thread::spawn(move || {
        let error = smol::block_on(sender.send_async(2)).unwrap_err();
        smol::block_on(sender.ready());
        error
    });
    drop(inlet);
    let error = worker.join().unwrap();
    assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Disconnected, 2));
}

#[test]
fn a_policy_that_drops_messages_never_waits() {
    let (factory, mut inlet) = link(1);
    for (pipe, overflow) in
        [Overflow::DropNewest, Overflow::DropOldest, Overflow::LatestWins].into_iter().enumerate()
    {
        let mut sender = sender(&factory, pipe as u32, overflow);
        for number in 0..10 {
            smol::block_on(sender.send_async(number)).unwrap();
            smol::block_on(sender.ready());
        }
        assert_eq!(sender.counters().dropped, 9, "{overflow:?}");
        drop(drain::<i32>(&mut inlet));
    }
}

#[derive(Default)]
struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Those that wait no more leave no word, so the oldest are woken: if they wait they come again.
#[test]
fn wakers_that_are_of_no_pipe_are_bounded() {
    let (list, first) = (WakerList::default(), Arc::new(Counted::default()));
    let waker = Waker::from(Arc::clone(&first));
    list.add(None, &waker);
    list.add(None, &waker);
    for _ in 0..1023 {
        list.add(None, &Waker::from(Arc::new(Counted::default())));
    }
    assert_eq!(first.0.load(Ordering::SeqCst), 0);
    list.add(None, &Waker::from(Arc::new(Counted::default())));
    assert_eq!(first.0.load(Ordering::SeqCst), 1);
    list.add(None, &waker);
    list.wake_all();
    list.wake_all();
    assert_eq!(first.0.load(Ordering::SeqCst), 2);
}

#[test]
fn a_pipe_has_one_waker() {
    let list = WakerList::default();
    let pipe = Some(ConnectionId::from_parts(0, 0));
    let (before, after) = (Arc::new(Counted::default()), Arc::new(Counted::default()));
    list.add(pipe, &Waker::from(Arc::clone(&before)));
    list.add(pipe, &Waker::from(Arc::clone(&after)));
    assert_eq!(Arc::strong_count(&before), 1);
    list.wake_all();
    assert_eq!(before.0.load(Ordering::SeqCst), 0);
    assert_eq!(after.0.load(Ordering::SeqCst), 1);
}
