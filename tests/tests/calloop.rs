//! calloop: the router as an event source.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rigs;

use std::time::Instant;

use calloop::EventLoop;
use homing::calloop::CalloopBinding;
use homing::channel::Channel;
use homing::pipe::Pipe;
use homing::{Event, Link, Router, Sender};
use homing_conformance::{Sends, deadline};
use rigs::calloop::Calloop;

homing_conformance::event_loop_suite!(channel, rigs::Channels, Calloop,
    except: [b06_a_message_over_the_limit_is_refused]
);
homing_conformance::event_loop_suite!(pipe, rigs::Pipes, Calloop);
#[cfg(target_os = "linux")]
homing_conformance::event_loop_suite!(shm, rigs::SharedMemory, Calloop);

/// What comes while the source is disabled, or is registered anew, is handed over after that;
/// what comes when it is removed, by hand.
#[test]
fn the_source_may_be_disabled_updated_and_removed() {
    type Heard = Vec<u32>;
    let mut event_loop: EventLoop<'static, Heard> = EventLoop::try_new().unwrap();
    let handle = event_loop.handle();
    let home = CalloopBinding::new().unwrap();
    let router = Router::new(&home);
    router.start().unwrap();
    let source = home.into_source(&router);
    let token = handle.insert_source(source, |(), router, heard| router.dispatch(heard)).unwrap();
    let mut senders = [
        sender(&router.link(Channel::new()).unwrap()),
        sender(&router.link(Channel::new()).unwrap()),
    ];
    let mut pipe = sender(&router.link(Pipe::new()).unwrap());
    let mut heard = Vec::new();
    let mut hear = |heard: &mut Heard, count| {
        let start = Instant::now();
        while heard.len() < count {
            event_loop.dispatch(deadline(), heard).unwrap();
            assert!(start.elapsed() < deadline(), "a wake-up was lost");
        }
    };

    senders[0].send(1).unwrap();
    pipe.send(2).unwrap();
    hear(&mut heard, 2);

    handle.disable(&token).unwrap();
    senders[0].send(3).unwrap();
    pipe.send(4).unwrap();
    handle.enable(&token).unwrap();
    hear(&mut heard, 4);

    senders[1].send(5).unwrap();
    handle.update(&token).unwrap();
    pipe.send(6).unwrap();
    hear(&mut heard, 6);

    handle.remove(token);
    senders[1].send(7).unwrap();
    pipe.send(8).unwrap();
    router.route_until(&mut heard, |heard| heard.len() == 8, Some(deadline())).unwrap();
    heard.sort_unstable();
    assert_eq!(heard, [1, 2, 3, 4, 5, 6, 7, 8]);
    router.stop(&mut heard).unwrap();
}

/// A started sender of a pipe whose handler writes down what it hears.
fn sender<R: Sends<u32>>(link: &Link<Vec<u32>, R>) -> Sender<u32, R::Outlet> {
    let (mut sender, _) =
        link.pipe(|heard: &mut Vec<u32>, event: Event<u32>| heard.extend(event.message())).unwrap();
    sender.start().unwrap();
    sender
}
