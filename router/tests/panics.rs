//! A handler that panics takes away neither its own pipe's end nor another's.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use homing_core::{End, Event, Overflow};
use homing_router::{DoorbellSet, LoopBinding, Router};
use homing_transport_channel::Channel;

type Ends = Vec<(u32, End)>;

fn router() -> Router<Ends> {
    let router = Router::new(LoopBinding::readiness(&DoorbellSet::new().unwrap()));
    router.start().unwrap();
    router
}

fn panics(run: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}

#[test]
fn stop_tells_all_ends_although_handlers_panic() {
    let router = router();
    let link = router.link(Channel::new()).unwrap();
    let _pipes: Vec<_> = (0..6)
        .map(|pipe| {
            link.pipe(move |ends: &mut Ends, event: Event<u8>| {
                let Event::Ended(end) = event else { return };
                ends.push((pipe, end));
                assert!(pipe % 2 == 1, "on purpose");
            })
            .unwrap()
        })
        .collect();
    let mut ends = Ends::new();
    assert!(panics(|| drop(router.stop(&mut ends))));
    ends.sort_by_key(|(pipe, _)| *pipe);
    assert!(ends.into_iter().eq((0..6).map(|pipe| (pipe, End::Closed))));
    assert_eq!(router.open_pipes(), 0);

    let mut ends = Ends::new();
    router.start().unwrap();
    router.stop(&mut ends).unwrap();
    assert!(ends.is_empty());
}

/// Of every policy: the last message of a latest-wins pipe is told together with its end.
#[test]
fn the_end_is_told_after_a_message_that_panics() {
    for policy in [Overflow::Wait, Overflow::LatestWins] {
        let router = router();
        let link = router.link(Channel::new()).unwrap();
        let (mut sender, pipe) = link
            .pipe_with(policy, |ends: &mut Ends, event: Event<u8>| match event {
                Event::Message(_) => panic!("on purpose"),
                Event::Ended(end) => ends.push((0, end)),
            })
            .unwrap();
        sender.start().unwrap();
        sender.send(1).unwrap();
        sender.stop().unwrap();
        let mut ends = Ends::new();
        assert!(panics(|| {
            let _ = router.dispatch(&mut ends);
        }));
        assert!(ends.is_empty() && router.is_due());
        let _ = router.dispatch(&mut ends);
        assert_eq!(ends, [(0, End::Finished)]);
        assert!(!router.has_pipe(pipe) && !router.is_due());
        router.stop(&mut ends).unwrap();
        assert_eq!(ends.len(), 1);
    }
}

#[test]
fn a_handler_that_closes_its_pipe_or_stops_and_then_panics_is_told_so() {
    for stops in [false, true] {
        let router = router();
        let link = router.link(Channel::new()).unwrap();
        let weak = router.downgrade();
        let id = std::rc::Rc::new(std::cell::Cell::new(None));
        let own = std::rc::Rc::clone(&id);
        let (mut sender, pipe) = link
            .pipe(move |ends: &mut Ends, event: Event<u8>| match event {
                Event::Message(_) => {
                    let router = weak.upgrade().unwrap();
                    if stops {
                        router.stop(ends).unwrap();
                    } else {
                        router.close_pipe(ends, own.get().unwrap()).unwrap();
                    }
                    panic!("on purpose");
                }
                Event::Ended(end) => ends.push((0, end)),
            })
            .unwrap();
        id.set(Some(pipe));
        sender.start().unwrap();
        sender.send(1).unwrap();
        let mut ends = Ends::new();
        assert!(panics(|| {
            let _ = router.dispatch(&mut ends);
        }));
        assert!(ends.is_empty() && router.is_due());
        let _ = router.dispatch(&mut ends);
        assert_eq!(ends, [(0, End::Closed)]);
        let _ = router.stop(&mut ends);
        assert_eq!(ends.len(), 1);
    }
}
