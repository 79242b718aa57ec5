//! A handler that runs a nested event loop, as a modal dialog does.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::rc::Rc;

use homing_core::{End, Event};
use homing_router::{Budget, Dispatched, DoorbellSet, LoopBinding, Router};
use homing_transport_channel::Channel;

#[derive(Default)]
struct App {
    told: Vec<(char, Event<u32>)>,
}

impl App {
    fn told(&self, pipe: char) -> Vec<&Event<u32>> {
        self.told.iter().filter(|(told, _)| *told == pipe).map(|(_, event)| event).collect()
    }
}

fn router() -> Router<App> {
    let router = Router::new(LoopBinding::readiness(&DoorbellSet::new().unwrap()));
    router.start().unwrap();
    router
}

/// The pipe of a dialog that dispatches until nothing is left, and the pipe `b` on the same
/// link.
#[test]
fn a_dispatch_within_a_handler_serves_all_other_pipes() {
    let router = router();
    let link = router.link(Channel::new()).unwrap();
    let other_link = router.link(Channel::new()).unwrap();
    let weak = router.downgrade();
    let (mut a, _) = link
        .pipe(move |app: &mut App, event: Event<u32>| {
            let first = event == Event::Message(0);
            app.told.push(('a', event));
            if first {
                let router = weak.upgrade().unwrap();
                assert_eq!(router.dispatch(app), Dispatched::Idle);
                assert_eq!(router.dispatch(app), Dispatched::Idle, "it does not spin");
                assert!(!router.is_due());
                assert_eq!(app.told('a').len(), 1);
                assert_eq!((app.told('b').len(), app.told('c').len()), (101, 101));
            }
        })
        .unwrap();
    let (mut b, _) = link.pipe(|app: &mut App, event| app.told.push(('b', event))).unwrap();
    let (mut c, _) = other_link.pipe(|app: &mut App, event| app.told.push(('c', event))).unwrap();
    for sender in [&mut a, &mut b, &mut c] {
        sender.start().unwrap();
    }
    for message in 0..100 {
        for sender in [&mut a, &mut b, &mut c] {
            sender.send(message).unwrap();
        }
    }
    for mut sender in [a, b, c] {
        sender.stop().unwrap();
    }
    let mut app = App::default();
    while router.dispatch(&mut app) == Dispatched::Again {}
    let messages = (0..100).map(Event::Message);
    let expected: Vec<_> = messages.chain([Event::Ended(End::Finished)]).collect();
    for pipe in ['a', 'b', 'c'] {
        assert!(app.told(pipe).into_iter().eq(&expected), "{pipe}: {:?}", app.told(pipe));
    }
}

/// What is stored for a handler is bounded; its link waits then, and goes on when the handler
/// has returned, within the budget.
#[test]
fn what_is_stored_for_a_running_handler_is_bounded() {
    const MESSAGES: u32 = 5000;
    let router = router();
    router.set_budget(Budget { messages: 100, time: None });
    let link = router.link(Channel::new()).unwrap();
    let weak = router.downgrade();
    let taken = Rc::new(std::cell::Cell::new(0));
    let at_most = Rc::clone(&taken);
    let (mut sender, _) = link
        .pipe(move |app: &mut App, event: Event<u32>| {
            if event == Event::Message(0) {
                let router = weak.upgrade().unwrap();
                while router.dispatch(app) == Dispatched::Again {}
                at_most.set(router.counters().routed);
            }
            app.told.push(('a', event));
        })
        .unwrap();
    sender.start().unwrap();
    let sending = std::thread::spawn(move || {
        (0..MESSAGES).for_each(|message| sender.send(message).unwrap());
        sender.stop().unwrap();
    });
    let mut app = App::default();
    while app.told.last() != Some(&('a', Event::Ended(End::Finished))) {
        let before = app.told.len();
        let _ = router.dispatch(&mut app);
        assert!(app.told.len() <= before + 100, "the budget is kept");
    }
    sending.join().unwrap();
    assert!(taken.get() <= 1100, "{} messages were taken meanwhile", taken.get());
    let messages = app.told.iter().filter_map(|(_, event)| event.clone().message());
    assert!(messages.eq(0..MESSAGES));
}

/// A dialog in which another dialog opens: the pipes of both wait, all others go on.
#[test]
fn nested_dispatches_nest() {
    let router = router();
    let link = router.link(Channel::new()).unwrap();
    let dialog = |name: char| {
        let weak = router.downgrade();
        let handler = move |app: &mut App, event: Event<u32>| {
            let opens = event == Event::Message(0);
            app.told.push((name, event));
            if opens {
                assert_eq!(weak.upgrade().unwrap().dispatch(app), Dispatched::Idle);
                app.told.push((name, Event::Message(99)));
            }
        };
        link.pipe(handler).unwrap().0
    };
    let (mut a, mut b) = (dialog('a'), dialog('b'));
    let (mut c, _) = link.pipe(|app: &mut App, event| app.told.push(('c', event))).unwrap();
    for sender in [&mut a, &mut b, &mut c] {
        sender.start().unwrap();
        sender.send(0).unwrap();
    }
    for sender in [&mut a, &mut b, &mut c] {
        sender.send(1).unwrap();
    }
    let mut app = App::default();
    assert_eq!(router.dispatch(&mut app), Dispatched::Idle);
    let order: Vec<_> =
        app.told.iter().map(|(pipe, event)| (*pipe, event.clone().message().unwrap())).collect();
    let within = [('a', 0), ('b', 0), ('c', 0), ('c', 1), ('b', 99)];
    assert_eq!(order.get(..5), Some(&within[..]));
    let rest = order.get(5..).unwrap();
    assert!([('a', 99), ('a', 1), ('b', 1)].iter().all(|told| rest.contains(told)), "{rest:?}");
    assert_eq!(order.len(), 8);
}

/// A loop that is pinged, and dispatches for each ping only: `wake` is what makes the dialog's
/// loop come, and after that the router pings it as always.
#[test]
fn a_nested_loop_is_pinged_once_it_was_woken() {
    let (ping, pings) = std::sync::mpsc::channel();
    let router: Router<App> = Router::new(LoopBinding::pinger(Ping(ping)));
    router.start().unwrap();
    let link = router.link(Channel::new()).unwrap();
    let weak = router.downgrade();
    let pings = Rc::new(pings);
    let nested = Rc::clone(&pings);
    let (mut a, _) = link
        .pipe(move |app: &mut App, event: Event<u32>| {
            app.told.push(('a', event));
            let router = weak.upgrade().unwrap();
            router.wake();
            while app.told('b').len() < 1000 {
                nested.recv().unwrap();
                while router.dispatch(app) == Dispatched::Again {}
            }
        })
        .unwrap();
    let (mut b, _) = link.pipe(|app: &mut App, event| app.told.push(('b', event))).unwrap();
    a.start().unwrap();
    a.send(0).unwrap();
    let sending = std::thread::spawn(move || {
        b.start().unwrap();
        (0..1000).for_each(|message| b.send(message).unwrap());
        b
    });
    let mut app = App::default();
    while app.told('a').is_empty() {
        pings.recv().unwrap();
        while router.dispatch(&mut app) == Dispatched::Again {}
    }
    assert_eq!(app.told('b').len(), 1000);
    drop(sending.join().unwrap());
}

struct Ping(std::sync::mpsc::Sender<()>);

impl homing_core::Pinger for Ping {
    fn ping(&self) {
        let _ = self.0.send(());
    }
}
