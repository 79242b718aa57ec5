//! Two routers on the std loop: what one's turn finds at the doorbells of the other is not
//! lost, whichever is asked first, and while the other is driven by hand or stopped.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use homing::pipe::{Pipe, PipeOutlet};
use homing::std_loop::EventLoop;
use homing::{Event, Router, Sender};
use homing_conformance::deadline;

type Heard = Vec<u32>;

fn pipe(router: &Router<Heard>) -> Sender<u32, PipeOutlet> {
    let link = router.link(Pipe::new()).unwrap();
    let (mut sender, _) =
        link.pipe(|heard: &mut Heard, event: Event<u32>| heard.extend(event.message())).unwrap();
    sender.start().unwrap();
    sender
}

/// Turns the loop with `router` until it has heard `count` messages. A turn that was owed and
/// sleeps instead ends the test at its deadline.
fn hear(event_loop: &mut EventLoop, router: &Router<Heard>, heard: &mut Heard, count: usize) {
    let end = Instant::now() + deadline();
    while heard.len() < count {
        event_loop.turn(router, heard, Some(deadline())).unwrap();
        assert!(Instant::now() < end, "a wake-up was lost");
    }
}

#[test]
fn each_gets_what_the_others_turn_has_found() {
    let mut event_loop = EventLoop::new().unwrap();
    let (one, two) = (Router::new(&event_loop), Router::new(&event_loop));
    one.start().unwrap();
    two.start().unwrap();
    let (mut to_one, mut to_two) = (pipe(&one), pipe(&two));
    let (mut heard_one, mut heard_two) = (Vec::new(), Vec::new());
    for n in 0..100 {
        to_one.send(n).unwrap();
        to_two.send(n).unwrap();
        let count = heard_one.len() + 1;
        if n % 2 == 0 {
            hear(&mut event_loop, &one, &mut heard_one, count);
            hear(&mut event_loop, &two, &mut heard_two, count);
        } else {
            hear(&mut event_loop, &two, &mut heard_two, count);
            hear(&mut event_loop, &one, &mut heard_one, count);
        }
    }
    assert!(heard_one.iter().copied().eq(0..100));
    assert!(heard_two.iter().copied().eq(0..100));
}

#[test]
fn what_one_finds_while_it_is_driven_by_hand_reaches_the_other() {
    let mut event_loop = EventLoop::new().unwrap();
    let (one, two) = (Router::new(&event_loop), Router::new(&event_loop));
    one.start().unwrap();
    two.start().unwrap();
    let (mut to_one, mut to_two) = (pipe(&one), pipe(&two));
    let (mut heard_one, mut heard_two) = (Vec::new(), Vec::new());
    to_two.send(2).unwrap();
    to_one.send(1).unwrap();
    one.route_until(&mut heard_one, |heard| !heard.is_empty(), Some(deadline())).unwrap();
    // And one that waited for nothing.
    let _ = one.route_until(&mut heard_one, |_| false, Some(Duration::from_millis(10)));
    hear(&mut event_loop, &two, &mut heard_two, 1);
    assert_eq!((heard_one, heard_two), (vec![1], vec![2]));
}

#[test]
fn one_that_is_not_dispatched_does_not_keep_the_loop_awake() {
    let mut event_loop = EventLoop::new().unwrap();
    let (one, two) = (Router::new(&event_loop), Router::new(&event_loop));
    one.start().unwrap();
    two.start().unwrap();
    let mut to_one = pipe(&one);
    let _to_two = pipe(&two);
    let mut heard = Vec::new();
    to_one.send(1).unwrap();
    // What the links of both do when they are made, and the message of the other one.
    for _ in 0..8 {
        event_loop.turn(&two, &mut heard, Some(Duration::ZERO)).unwrap();
    }
    let before = Instant::now();
    event_loop.turn(&two, &mut heard, Some(Duration::from_millis(50))).unwrap();
    assert!(before.elapsed() >= Duration::from_millis(50), "it slept");
    hear(&mut event_loop, &one, &mut heard, 1);
}
