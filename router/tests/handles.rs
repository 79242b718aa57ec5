//! What other threads post is called on the foreground's thread.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use homing_core::{Event, Pinger, RouterState};
use homing_router::{Budget, Dispatched, DoorbellSet, LoopBinding, RouteError, Router};
use homing_transport_channel::Channel;

/// Much longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

type App = Vec<u32>;

/// Counts its pings.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Pinger for Counter {
    fn ping(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn watched() -> (Router<App>, DoorbellSet) {
    let doorbells = DoorbellSet::new().unwrap();
    let router = Router::new(LoopBinding::readiness(&doorbells));
    router.start().unwrap();
    (router, doorbells)
}

fn pinged() -> (Router<App>, Counter) {
    let counter = Counter::default();
    let router = Router::new(LoopBinding::pinger(counter.clone()));
    router.start().unwrap();
    (router, counter)
}

#[test]
fn calls_of_many_threads_wake_the_loop_and_are_made_once_and_in_order() {
    const EACH: u32 = 500;
    let (router, doorbells) = watched();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let handle = router.handle();
            thread::spawn(move || {
                for n in 0..EACH {
                    handle.post(move |app: &mut App| app.push(thread * EACH + n)).unwrap();
                }
            })
        })
        .collect();
    let mut app = App::new();
    while app.len() < 4 * EACH as usize {
        doorbells.wait(Some(LONG)).unwrap();
        while router.dispatch(&mut app) == Dispatched::Again {}
    }
    for thread in 0..4 {
        let own = app.iter().copied().filter(|n| n / EACH == thread);
        assert!(own.eq(thread * EACH..(thread + 1) * EACH));
    }
    assert!(!router.is_due());
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_loop_that_is_pinged_is_pinged_for_calls() {
    let (router, pings) = pinged();
    let mut app = App::new();
    let _ = router.dispatch(&mut app);
    let before = pings.0.load(Ordering::SeqCst);
    let handle = router.handle();
    let posting = thread::spawn(move || {
        handle.post(|app: &mut App| app.push(1)).unwrap();
        handle.post(|app: &mut App| app.push(2)).unwrap();
    });
    posting.join().unwrap();
    assert_eq!(pings.0.load(Ordering::SeqCst) - before, 1);
    assert!(router.is_due());
    assert_eq!(router.dispatch(&mut app), Dispatched::Idle);
    assert_eq!(app, [1, 2]);
}

#[test]
fn calls_count_in_the_budget_and_take_turns_with_links() {
    let (router, _doorbells) = watched();
    router.set_budget(Budget { messages: 10, time: None });
    let link = router.link(Channel::new()).unwrap();
    let (mut sender, _) =
        link.pipe(|app: &mut App, event: Event<u32>| app.extend(event.message())).unwrap();
    sender.start().unwrap();
    sender.send(1000).unwrap();
    /// Posts itself again without end.
    fn again(handle: homing_router::RouterHandle<App>, app: &mut App) {
        app.push(0);
        let next = handle.clone();
        handle.post(move |app| again(next, app)).unwrap();
    }
    let (handle, first) = (router.handle(), router.handle());
    handle.post(move |app| again(first, app)).unwrap();
    let mut app = App::new();
    assert_eq!(router.dispatch(&mut app), Dispatched::Again);
    assert_eq!(app.len(), 10);
    while !app.contains(&1000) {
        assert!(app.len() < 1000, "the link has no turn");
        assert_eq!(router.dispatch(&mut app), Dispatched::Again);
    }
}

#[test]
fn a_router_that_is_driven_by_hand_makes_calls() {
    let (watched, _doorbells) = watched();
    let (pinged, _pings) = pinged();
    for router in [watched, pinged] {
        let mut app = App::new();
        // There is a pipe, so that it waits.
        let link = router.link(Channel::new()).unwrap();
        let (_sender, _) = link.pipe(|_: &mut App, _: Event<u32>| {}).unwrap();
        let handle = router.handle();
        let posting = thread::spawn(move || {
            thread::sleep(Duration::from_millis(10));
            handle.post(|app: &mut App| app.push(1)).unwrap();
        });
        router.route_until(&mut app, |app| !app.is_empty(), None).unwrap();
        posting.join().unwrap();
        // The condition is looked at between two calls.
        for n in 0..3 {
            router.handle().post(move |app: &mut App| app.push(n)).unwrap();
        }
        app.clear();
        router.route_until(&mut app, |app| app.len() == 2, Some(LONG)).unwrap();
        assert_eq!(app, [0, 1]);
        let timed_out = router.route_until(&mut app, |_| false, Some(Duration::ZERO));
        assert!(matches!(timed_out, Err(RouteError::TimedOut)));
        assert_eq!(app, [0, 1, 2]);
    }
}

#[test]
fn calls_are_dropped_at_the_stop_and_refused_while_the_router_is_stopped() {
    let (router, _doorbells) = watched();
    let mut app = App::new();
    let handle = router.handle();
    let held = Arc::new(());
    let hold = || {
        let held = Arc::clone(&held);
        move |app: &mut App| {
            app.push(1);
            drop(held);
        }
    };
    handle.post(hold()).unwrap();
    router.stop(&mut app).unwrap();
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(handle.post(hold()).unwrap_err().state, RouterState::Stopped);
    router.start().unwrap();
    assert_eq!(router.dispatch(&mut app), Dispatched::Idle);
    assert!(app.is_empty());
    handle.post(hold()).unwrap();
    let _ = router.dispatch(&mut app);
    assert_eq!(app, [1]);
    handle.post(hold()).unwrap();
    drop(router);
    assert!(handle.post(hold()).is_err());
    assert_eq!((Arc::strong_count(&held), app.len()), (1, 1));
}

#[test]
fn a_call_that_panics_takes_no_other_along_and_one_that_dispatches_makes_the_next() {
    let (router, _doorbells) = watched();
    let mut app = App::new();
    let handle = router.handle();
    handle.post(|_| panic!("on purpose")).unwrap();
    handle.post(|app: &mut App| app.push(1)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut app))).is_err());
    assert!(router.is_due());
    assert_eq!(router.dispatch(&mut app), Dispatched::Idle);
    assert_eq!(app, [1]);
    // A call need not be `Sync`, and reaches the router by what the context holds.
    thread_local! {
        static ROUTER: std::cell::RefCell<Option<Router<App>>> = const { std::cell::RefCell::new(None) };
    }
    ROUTER.set(Some(router.clone()));
    handle
        .post(|app: &mut App| {
            let router = ROUTER.take().unwrap();
            while router.dispatch(app) == Dispatched::Again {}
            app.push(3);
        })
        .unwrap();
    handle.post(|app: &mut App| app.push(2)).unwrap();
    assert_eq!(router.dispatch(&mut app), Dispatched::Idle);
    assert_eq!(app, [1, 2, 3]);
}

#[test]
fn a_handle_goes_to_any_thread_whatever_the_context() {
    fn any_thread<T: Send + Sync + Clone + 'static>() {}
    any_thread::<homing_router::RouterHandle<std::rc::Rc<()>>>();
    any_thread::<homing_router::RemoteHandle<u32>>();
}
