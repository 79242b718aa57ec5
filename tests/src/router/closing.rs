//! B9, B10: closing pipes, and stopping with open ones.

use homing_core::{ClosePipeError, End, Event};
use homing_router::Router;

use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground, open, record, send_to_closed};
use crate::rig::TransportRig;
use crate::warnings::warnings_of;

/// B9: a pipe that is closed tells its receiver so, and then nothing more: what arrives later
/// is discarded, counted, and logged once per pipe. Other pipes of the link go on. A sender that
/// learns of it gives its messages back.
///
/// Typical cause of failure: a receiver is called whose owner is gone, or a worker can fill the
/// log.
pub fn b09_late_messages_are_discarded<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut closed = Vec::new();
    for pipe in [0, 1] {
        let (mut sender, id) = record::<T>(&link, pipe);
        sender.start().unwrap();
        sender.send(1).unwrap();
        closed.push((sender, id));
    }
    let mut other = open::<T>(&link, 2);
    foreground.until("two messages", |app| app.total() == 2);
    let mut late = 2 * 3;
    let ((), warnings) = warnings_of(|| {
        for (pipe, (sender, id)) in closed.iter_mut().enumerate() {
            // They are on their way when the pipe is closed.
            for message in 2..5 {
                sender.send(message).unwrap();
            }
            assert!(foreground.router.has_pipe(*id));
            foreground.router.close_pipe(&mut foreground.app, *id).unwrap();
            assert!(!foreground.router.has_pipe(*id));
            assert_eq!(foreground.app.end(pipe), Some(End::Closed));
        }
        assert_eq!(foreground.router.open_pipes(), 1);
        other.send(9).unwrap();
        foreground.until("a message after those", |app| app.count(2) == 1);
        for (sender, _) in &mut closed {
            late += u64::from(send_to_closed(sender, 6));
            sender.stop().unwrap();
        }
        other.stop().unwrap();
        foreground.end_of(2);
    });
    assert_eq!(foreground.router.counters().discarded_closed, late);
    let logged = warnings.iter().filter(|line| line.contains("closed pipe")).count();
    assert_eq!(logged, 2, "one warning for each pipe: {warnings:?}");
    assert_eq!((foreground.app.count(0), foreground.app.count(1)), (1, 1));
}

/// B9: a pipe is closed once, and not after it has ended; a pipe of another router is
/// refused, whatever its number.
pub fn b09_a_pipe_is_closed_once<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let mut stranger = Foreground::<H>::started();
    let (link, strange_link) = (foreground.link::<T>(), stranger.link::<T>());
    let (mut sender, id) = record::<T>(&link, 0);
    let (_strange, strange_id) = record::<T>(&strange_link, 0);
    let close =
        |foreground: &mut Foreground<H>, id| foreground.router.close_pipe(&mut foreground.app, id);
    assert_eq!(close(&mut foreground, strange_id), Err(ClosePipeError::NoSuchPipe));
    assert_eq!(close(&mut stranger, id), Err(ClosePipeError::NoSuchPipe));
    assert_eq!((foreground.app.ended(), stranger.app.ended()), (0, 0));
    close(&mut foreground, id).unwrap();
    assert_eq!(close(&mut foreground, id), Err(ClosePipeError::NoSuchPipe));
    // Its place may be used again, but it is not the same pipe.
    sender.start().unwrap();
    sender.stop().unwrap();
    let (mut next, next_id) = record::<T>(&link, 1);
    next.start().unwrap();
    next.stop().unwrap();
    assert_eq!(foreground.end_of(1), End::Finished);
    assert_eq!(close(&mut foreground, next_id), Err(ClosePipeError::NoSuchPipe));
    assert_eq!(close(&mut foreground, id), Err(ClosePipeError::NoSuchPipe));
    assert_eq!(foreground.app.end(0), Some(End::Closed));
}

/// B9: pipes that are closed and made anew, many times, never get each other's messages.
///
/// Typical cause of failure: a connection id is used again while a late message still carries it.
pub fn b09_a_late_message_never_finds_another_pipe<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    for pipe in 0..200 {
        let (mut sender, id) = record::<T>(&link, pipe);
        sender.start().unwrap();
        sender.send(pipe as u64).unwrap();
        foreground.router.close_pipe(&mut foreground.app, id).unwrap();
        // Its message is late now, or comes never; its end is still on the way.
        drop(sender);
        let (mut sender, _) = record::<T>(&link, 1000 + pipe);
        sender.start().unwrap();
        sender.send(1000 + pipe as u64).unwrap();
        sender.stop().unwrap();
        foreground.until("the pipe after it", |app| app.end(1000 + pipe).is_some());
        assert_eq!(foreground.app.messages(1000 + pipe), [1000 + pipe as u64]);
        assert_eq!(foreground.app.messages(pipe), []);
    }
    assert_eq!(foreground.router.open_pipes(), 0);
}

/// B10: a router that stops warns of open pipes, with their number, tells their receivers,
/// and stops all the same. What was closed or has ended does not count.
pub fn b10_stop_warns_of_open_pipes<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut open: Vec<_> = (0..3).map(|pipe| open::<T>(&link, pipe)).collect();
    let (_never_started, _) = record::<T>(&link, 3);
    let (_closed, id) = record::<T>(&link, 4);
    foreground.router.close_pipe(&mut foreground.app, id).unwrap();
    open[0].stop().unwrap();
    foreground.end_of(0);
    let (result, warnings) = warnings_of(|| foreground.router.stop(&mut foreground.app));
    result.unwrap();
    let [warning] = &warnings[..] else { panic!("one warning: {warnings:?}") };
    assert!(warning.contains("3 unclosed pipes"), "{warning}");
    for pipe in 1..5 {
        assert_eq!(foreground.app.end(pipe), Some(End::Closed));
    }
    assert_eq!(foreground.router.open_pipes(), 0);
}

/// B10: a router that stops when all pipes have ended warns of nothing.
pub fn b10_stop_without_open_pipes_is_quiet<T: TransportRig, H: EventLoopRig>() {
    let mut foreground = Foreground::<H>::started();
    let link = foreground.link::<T>();
    let mut sender = open::<T>(&link, 0);
    sender.send(1).unwrap();
    sender.stop().unwrap();
    foreground.end_of(0);
    let (result, warnings) = warnings_of(|| foreground.router.stop(&mut foreground.app));
    result.unwrap();
    assert_eq!(warnings, [""; 0]);
}

/// A router whose last handle is dropped stops, and tells no receiver: they are dropped.
pub fn b10_a_dropped_router_stops<T: TransportRig, H: EventLoopRig>() {
    struct CountsDrops(std::rc::Rc<std::cell::Cell<u32>>);
    impl Drop for CountsDrops {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let dropped = std::rc::Rc::default();
    let home = H::new();
    let router = Router::<App>::new(home.binding());
    router.start().unwrap();
    let link = router.link(T::transport()).unwrap();
    let told = CountsDrops(std::rc::Rc::clone(&dropped));
    let (mut sender, _) = link
        .pipe(move |_: &mut App, _: Event<u64>| {
            let _ = &told;
            panic!("no receiver is told");
        })
        .unwrap();
    sender.start().unwrap();
    drop(link);
    assert_eq!(dropped.get(), 0);
    drop(router);
    assert_eq!(dropped.get(), 1);
    assert!(sender.send(1).unwrap_err().is_disconnected());
}
