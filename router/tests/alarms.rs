//! Calls that are made after a time.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homing_core::{Pinger, RouterState};
use homing_router::{Alarm, Dispatched, DoorbellSet, LoopBinding, RouteError, Router};

/// Much longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

const SOON: Duration = Duration::from_millis(5);

/// Later than what is set for soon a moment later.
const LATER: Duration = Duration::from_millis(500);

type App = Vec<u32>;

/// An event loop that is pinged.
struct Pings(Mutex<Sender<()>>);

impl Pinger for Pings {
    fn ping(&self) {
        let _ = self.0.lock().unwrap().send(());
    }
}

/// How an event loop waits.
enum Loop {
    Watched(DoorbellSet),
    Pinged(Receiver<()>),
}

impl Loop {
    /// Dispatches when woken, until `done`.
    fn until(&self, router: &Router<App>, app: &mut App, done: impl Fn(&App) -> bool) {
        while !done(app) {
            match self {
                Self::Watched(set) => set.wait(Some(LONG)).unwrap(),
                Self::Pinged(pings) => pings.recv_timeout(LONG).unwrap(),
            }
            while router.dispatch(app) == Dispatched::Again {}
        }
    }
}

fn routers() -> [(Router<App>, Loop); 2] {
    let set = DoorbellSet::new().unwrap();
    let watched = Router::new(LoopBinding::readiness(&set));
    let (ping, pings) = channel();
    let pinged = Router::new(LoopBinding::pinger(Pings(Mutex::new(ping))));
    [(watched, Loop::Watched(set)), (pinged, Loop::Pinged(pings))].map(|(router, event_loop)| {
        router.start().unwrap();
        (router, event_loop)
    })
}

fn push(router: &Router<App>, delay: Duration, n: u32) -> Alarm {
    router.after(delay, move |app: &mut App| app.push(n)).unwrap()
}

#[test]
fn calls_wake_the_loop_and_are_made_once_in_the_order_of_their_times() {
    for (router, event_loop) in routers() {
        let mut app = App::new();
        push(&router, LATER, 3).detach();
        push(&router, SOON, 1).detach();
        push(&router, SOON * 2, 2).detach();
        push(&router, LONG, 4).detach();
        event_loop.until(&router, &mut app, |app| app.len() == 3);
        assert_eq!(app, [1, 2, 3]);
        // The thread sleeps until the last one is due.
        push(&router, Duration::ZERO, 5).detach();
        event_loop.until(&router, &mut app, |app| app.len() == 4);
        assert_eq!(app, [1, 2, 3, 5]);
        assert_eq!(router.dispatch(&mut app), Dispatched::Idle);
        assert!(!router.is_due());
    }
}

#[test]
fn an_alarm_that_is_dropped_is_cancelled_also_when_it_is_due() {
    for (router, event_loop) in routers() {
        let mut app = App::new();
        let (first, second) = (push(&router, SOON, 1), push(&router, LATER, 2));
        drop(first);
        // The call before it cancels it, when both are due.
        let (cancelling, last) =
            (router.after(Duration::ZERO, move |_| drop(second)).unwrap(), push(&router, LATER, 3));
        std::thread::sleep(LATER);
        event_loop.until(&router, &mut app, |app| !app.is_empty());
        assert_eq!(app, [3]);
        drop((cancelling, last));
        assert_eq!(router.dispatch(&mut app), Dispatched::Idle);
    }
}

#[test]
fn a_router_that_is_driven_by_hand_waits_for_alarms_and_for_nothing_else() {
    for (router, _loop) in routers() {
        let mut app = App::new();
        push(&router, SOON, 1).detach();
        router.route_until(&mut app, |app| app.len() == 1, None).unwrap();
        let alarm = push(&router, LONG, 2);
        let timed_out = router.route_until(&mut app, |_| false, Some(SOON));
        assert!(matches!(timed_out, Err(RouteError::TimedOut)));
        drop(alarm);
        let none = router.route_until(&mut app, |_| false, None);
        assert!(matches!(none, Err(RouteError::NoLiveSenders)), "{none:?}");
        assert_eq!(app, [1]);
    }
}

#[test]
fn a_call_may_set_alarms_panic_and_stop_the_router() {
    for (router, event_loop) in routers() {
        let mut app = App::new();
        let weak = router.downgrade();
        router
            .after(Duration::ZERO, move |app: &mut App| {
                app.push(1);
                let router = weak.upgrade().unwrap();
                let panics = router.after(Duration::ZERO, |_| panic!("on purpose")).unwrap();
                panics.detach();
                push(&router, SOON, 2).detach();
                let stopped = router.clone();
                let stop = router.after(SOON * 2, move |app| stopped.stop(app).unwrap());
                stop.unwrap().detach();
            })
            .unwrap()
            .detach();
        let run = AssertUnwindSafe(|| event_loop.until(&router, &mut app, |app| app.len() == 2));
        assert!(catch_unwind(run).is_err());
        event_loop.until(&router, &mut app, |_| !router.state().is_running());
        assert_eq!(app, [1, 2]);
    }
}

#[test]
fn calls_are_dropped_at_the_stop_and_refused_while_the_router_is_stopped() {
    for (router, event_loop) in routers() {
        let mut app = App::new();
        let held = Rc::new(());
        let hold = || {
            let held = Rc::clone(&held);
            move |app: &mut App| app.push(Rc::strong_count(&held) as u32)
        };
        let alarm = router.after(SOON, hold()).unwrap();
        router.after(LONG, hold()).unwrap().detach();
        router.stop(&mut app).unwrap();
        assert_eq!(Rc::strong_count(&held), 1);
        let error = router.after(SOON, hold()).unwrap_err();
        assert_eq!((error.state, Rc::strong_count(&held)), (RouterState::Stopped, 1));
        router.start().unwrap();
        router.after(SOON * 2, hold()).unwrap().detach();
        drop(alarm);
        event_loop.until(&router, &mut app, |app| !app.is_empty());
        assert_eq!(app, [2]);
        let alarm = router.after(LONG, hold()).unwrap();
        drop(router);
        assert_eq!(Rc::strong_count(&held), 1);
        drop(alarm);
    }
}

/// A pinger that needs a lock which the foreground holds, as a language runtime's.
struct LockPinger(Arc<Mutex<()>>, Sender<()>);

impl Pinger for LockPinger {
    fn ping(&self) {
        let _ = self.1.send(());
        drop(self.0.lock());
    }
}

#[test]
fn no_call_waits_for_a_pinger_that_waits_for_the_foreground() {
    let lock = Arc::new(Mutex::new(()));
    let (ping, pings) = channel();
    let router: Router<App> = Router::new(LoopBinding::pinger(LockPinger(Arc::clone(&lock), ping)));
    let mut app = App::new();
    router.start().unwrap();
    let _ = router.dispatch(&mut app);
    pings.recv_timeout(LONG).unwrap();
    let held = lock.lock().unwrap();
    push(&router, Duration::ZERO, 1).detach();
    pings.recv_timeout(LONG).unwrap();
    // The thread is within the ping.
    push(&router, SOON, 2).detach();
    while router.dispatch(&mut app) == Dispatched::Again {}
    assert_eq!(app.first(), Some(&1));
    router.stop(&mut app).unwrap();
    drop(held);
}
