//! Driving a router by hand: its budget, interrupts, and conditions that fail.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use homing_core::{Event, Pinger};
use homing_router::{Budget, DoorbellSet, LoopBinding, RouteError, Router, TryRouteError};
use homing_transport_channel::Channel;

struct Silent;

impl Pinger for Silent {
    fn ping(&self) {}
}

fn routers() -> [Router<u32>; 2] {
    let watched = LoopBinding::readiness(&DoorbellSet::new().unwrap());
    [watched, LoopBinding::pinger(Silent)].map(|binding| {
        let router = Router::new(binding);
        router.start().unwrap();
        router
    })
}

fn count(counted: &mut u32, event: Event<u32>) {
    *counted += u32::from(event.message().is_some());
}

/// What waits when the time is over costs the budget of one dispatch, not all there is.
#[test]
fn a_timeout_is_kept_to_the_budget_of_a_dispatch() {
    for router in routers() {
        router.set_budget(Budget { messages: 10, time: None });
        let link = router.link(Channel::new()).unwrap();
        let (mut sender, _) = link.pipe(count).unwrap();
        sender.start().unwrap();
        (0..100).for_each(|message| sender.send(message).unwrap());
        let mut counted = 0;
        for round in 1..=10 {
            let error = router.route_until(&mut counted, |_| false, Some(Duration::ZERO));
            assert!(matches!(error, Err(RouteError::TimedOut)), "{error:?}");
            assert_eq!(counted, 10 * round);
        }
    }
}

#[test]
fn another_thread_interrupts_it() {
    for router in routers() {
        let link = router.link(Channel::new()).unwrap();
        let (sender, _) = link.pipe(count).unwrap();
        let interrupter = router.interrupter();
        // Before it waits, or while it does.
        let other = std::thread::spawn(move || interrupter.interrupt());
        let interrupted = router.route_until(&mut 0, |_| false, None);
        assert!(matches!(interrupted, Err(RouteError::Interrupted)), "{interrupted:?}");
        other.join().unwrap();
        let error = router.route_until(&mut 0, |_| false, Some(Duration::ZERO));
        assert!(matches!(error, Err(RouteError::TimedOut)), "it counts once: {error:?}");
        router.interrupter().interrupt();
        assert!(router.route_until(&mut 0, |_| true, None).is_ok(), "the condition comes first");
        drop(sender);
    }
}

#[test]
fn a_condition_that_fails_ends_it() {
    for router in routers() {
        let link = router.link(Channel::new()).unwrap();
        let (mut sender, _) = link.pipe(count).unwrap();
        sender.start().unwrap();
        (0..3).for_each(|message| sender.send(message).unwrap());
        let mut counted = 0;
        let condition = |counted: &mut u32| match *counted {
            2 => Err("two"),
            3 => Ok(true),
            _ => Ok(false),
        };
        let error = router.try_route_until(&mut counted, condition, None);
        assert!(matches!(error, Err(TryRouteError::Condition("two"))), "{error:?}");
        counted = 10;
        let result = router.try_route_until(&mut counted, |n| Ok::<_, ()>(*n == 11), None);
        assert!(result.is_ok(), "{result:?}");
    }
}
