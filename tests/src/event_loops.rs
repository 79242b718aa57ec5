//! Event loops, as the suite drives them.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use homing_core::{Pingee as _, Pinger as _};
use homing_pingee_adapters::from_fn;
use homing_pingee_adapters::std_loop::{EventLoop, StdPingee};
use homing_router::{Dispatched, LoopBinding, Router};

/// Wakes a loop, from any thread.
pub type WakeFn = Arc<dyn Fn() + Send + Sync>;

/// An event loop that a router can be joined to.
///
/// The suite comes with both kinds: [`Watched`] and [`Pinged`].
pub trait EventLoopRig: Sized + 'static {
    /// Whether any thread may have such a loop. Where it must be the main thread, the checks
    /// run there ([`event_loop_checks!`](crate::event_loop_checks)).
    const ANY_THREAD: bool = true;

    /// Makes a loop on this thread.
    fn new() -> Self;

    /// Joins a router to this loop.
    fn binding(&self) -> LoopBinding;

    /// What makes the loop's current or next turn return.
    fn wake_fn(&self) -> WakeFn;

    /// Waits once until the router wakes the loop, the [`wake_fn`](EventLoopRig::wake_fn) is called, or `most` has passed.
    /// Then dispatches, if there is reason to. It may return early.
    ///
    /// It must not dispatch on an interval: that would hide a wake-up that was lost.
    fn turn<C: 'static>(&mut self, router: &Router<C>, app: &mut C, most: Duration);
}

/// A loop that watches the doorbells of its links itself.
pub struct Watched {
    event_loop: EventLoop,
    nudged: StdPingee,
}

impl EventLoopRig for Watched {
    fn new() -> Self {
        let event_loop = EventLoop::new().expect("the system gives an event loop");
        let nudged = event_loop.pingee(|| {});
        Self { event_loop, nudged }
    }

    fn binding(&self) -> LoopBinding {
        LoopBinding::from(&self.event_loop)
    }

    fn wake_fn(&self) -> WakeFn {
        let pinger = self.nudged.pinger();
        Arc::new(move || pinger.ping())
    }

    fn turn<C: 'static>(&mut self, router: &Router<C>, app: &mut C, most: Duration) {
        self.event_loop.turn(router, app, Some(most)).expect("the loop can wait");
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

/// A loop that knows nothing of doorbells, and is pinged: by senders where the transport
/// rings, by the router's monitor thread where it has doorbells.
#[derive(Debug)]
pub struct Pinged {
    post: mpsc::Sender<Happening>,
    events: mpsc::Receiver<Happening>,
}

#[derive(Debug)]
enum Happening {
    Ping,
    WakeFn,
}

impl EventLoopRig for Pinged {
    fn new() -> Self {
        let (post, events) = mpsc::channel();
        Self { post, events }
    }

    fn binding(&self) -> LoopBinding {
        let post = self.post.clone();
        from_fn(move || {
            // A loop that is gone needs no wake-up.
            let _ = post.send(Happening::Ping);
        })
        .into()
    }

    fn wake_fn(&self) -> WakeFn {
        let post = self.post.clone();
        Arc::new(move || {
            let _ = post.send(Happening::WakeFn);
        })
    }

    fn turn<C: 'static>(&mut self, router: &Router<C>, app: &mut C, most: Duration) {
        match self.events.recv_timeout(most) {
            Ok(Happening::Ping) => {
                if router.dispatch(app) == Dispatched::Again {
                    self.post.send(Happening::Ping).expect("the loop is there");
                }
            }
            Ok(Happening::WakeFn) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("this loop holds a sender"),
        }
    }
}
