//! winit 0.30.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod rigs;
mod windows;

use std::cell::{Cell, RefCell};
use std::process::ExitCode;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use homing::winit::{self as homing_winit, WinitRouter};
use homing::{Budget, Event, FnPinger, LoopBinding, Pingee, Pinger as _, Router};
use homing_conformance::{EventLoopRig, PingeeRig, WakeFn, deadline};
use winit::application::ApplicationHandler;
use winit::event::WindowEvent;
use winit::event_loop::{ActiveEventLoop, EventLoop, EventLoopProxy};
use winit::platform::pump_events::EventLoopExtPumpEvents as _;
use winit::window::{Window, WindowId};

use crate::windows::{Checks, Flood};

fn main() -> ExitCode {
    let mut checks = Checks::default();
    checks.add("winit", homing_conformance::pingee_checks!(Pingees));
    checks.add(
        "channel",
        homing_conformance::event_loop_checks!(
            rigs::Channels,
            Homes,
            except: [b06_a_message_over_the_limit_is_refused]
        ),
    );
    checks.add("pipe", homing_conformance::event_loop_checks!(rigs::Pipes, Homes));
    checks.add_one("window::is_drawn_during_a_flood", is_drawn_during_a_flood);
    checks.add_one(
        "loop::is_left_alone_by_a_dialog_in_a_handler",
        is_left_alone_by_a_dialog_in_a_handler,
    );
    checks.add_one("loop::that_is_gone_is_not_woken", that_is_gone_is_not_woken);
    checks.run(EventLoop::with_user_event().build().map(|made| LOOP.set(Some(made))))
}

thread_local! {
    /// There can be one a process.
    static LOOP: RefCell<Option<EventLoop<Happening>>> = const { RefCell::new(None) };
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// What wakes the loop.
enum Happening {
    /// For one of those who use it. They are numbered: an event may outlive its rig.
    Ping(u64),
    WakeFn,
}

fn proxy() -> EventLoopProxy<Happening> {
    LOOP.with_borrow(|event_loop| event_loop.as_ref().unwrap().create_proxy())
}

/// The loop waits once, and does what it was woken for.
fn pump(most: Duration, app: &mut impl ApplicationHandler<Happening>) {
    LOOP.with_borrow_mut(|event_loop| {
        event_loop.as_mut().unwrap().pump_app_events(Some(most), app);
    });
}

fn number() -> u64 {
    NEXT.set(NEXT.get() + 1);
    NEXT.get()
}

fn pinger(number: u64) -> FnPinger {
    homing_winit::pinger(proxy(), move || Happening::Ping(number))
}

/// A router in the loop.
struct Homes {
    number: u64,
    pinger: FnPinger,
    nudge: Arc<EventLoopProxy<Happening>>,
}

impl EventLoopRig for Homes {
    const ANY_THREAD: bool = false;

    fn new() -> Self {
        let number = number();
        Self { number, pinger: pinger(number), nudge: Arc::new(proxy()) }
    }

    fn binding(&self) -> LoopBinding {
        self.pinger.clone().into()
    }

    fn wake_fn(&self) -> WakeFn {
        let proxy = Arc::clone(&self.nudge);
        Arc::new(move || {
            let _ = proxy.send_event(Happening::WakeFn);
        })
    }

    fn turn<C: 'static>(&mut self, router: &Router<C>, app: &mut C, most: Duration) {
        let homing = WinitRouter::new(router.clone(), self.pinger.clone());
        pump(most, &mut Turn { number: self.number, homing, app });
    }
}

struct Turn<'a, C: 'static> {
    number: u64,
    homing: WinitRouter<C>,
    app: &'a mut C,
}

impl<C: 'static> ApplicationHandler<Happening> for Turn<'_, C> {
    fn user_event(&mut self, _: &ActiveEventLoop, event: Happening) {
        if matches!(event, Happening::Ping(number) if number == self.number) {
            self.homing.poll(self.app);
        }
    }

    fn about_to_wait(&mut self, _: &ActiveEventLoop) {
        self.homing.about_to_wait();
    }

    fn resumed(&mut self, _: &ActiveEventLoop) {}

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, _: WindowEvent) {}
}

/// Callbacks in the loop.
#[derive(Default)]
struct Pingees(Vec<(u64, Weak<Callback>)>);

type Callback = RefCell<Box<dyn FnMut()>>;

struct Called {
    _callback: Rc<Callback>,
    pinger: FnPinger,
}

impl Pingee for Called {
    type Pinger = FnPinger;

    fn pinger(&self) -> FnPinger {
        self.pinger.clone()
    }
}

impl PingeeRig for Pingees {
    type Pingee = Called;

    fn new() -> Self {
        Self::default()
    }

    fn pingee(&mut self, on_ping: impl FnMut() + 'static) -> Called {
        let number = number();
        let callback: Rc<Callback> = Rc::new(RefCell::new(Box::new(on_ping)));
        self.0.push((number, Rc::downgrade(&callback)));
        Called { _callback: callback, pinger: pinger(number) }
    }

    fn run_until(&mut self, condition: &mut dyn FnMut() -> bool, most: Duration) -> bool {
        let end = Instant::now() + most;
        while !condition() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            pump(left, self);
        }
        true
    }

    fn run_pending(&mut self) {
        for _ in 0..3 {
            pump(Duration::ZERO, self);
        }
    }
}

impl ApplicationHandler<Happening> for Pingees {
    fn user_event(&mut self, _: &ActiveEventLoop, event: Happening) {
        let Happening::Ping(number) = event else { return };
        let found = self.0.iter().find(|(own, _)| *own == number);
        if let Some(callback) = found.and_then(|(_, callback)| callback.upgrade()) {
            (callback.borrow_mut())();
        }
    }

    fn resumed(&mut self, _: &ActiveEventLoop) {}

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, _: WindowEvent) {}
}

/// An application with a window that wants to be drawn all the time.
struct Drawn {
    homing: WinitRouter<Drawn>,
    window: Option<Window>,
    heard: u64,
    /// How much was heard before the window was drawn, in order.
    draws: Vec<u64>,
}

impl Drawn {
    fn hear(&mut self, event: Event<u64>) {
        self.heard += event.message().unwrap_or(0);
    }
}

impl ApplicationHandler<Happening> for Drawn {
    fn user_event(&mut self, _: &ActiveEventLoop, _: Happening) {
        self.homing.clone().poll(self);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        self.homing.about_to_wait();
        // Not when it is resumed: the loop has run before.
        let window = self
            .window
            .get_or_insert_with(|| event_loop.create_window(Window::default_attributes()).unwrap());
        window.request_redraw();
    }

    fn resumed(&mut self, _: &ActiveEventLoop) {}

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        if let WindowEvent::RedrawRequested = event {
            self.draws.push(self.heard);
        }
    }
}

/// Workers that send as fast as they can neither keep windows from being drawn, nor wait
/// while they are.
fn is_drawn_during_a_flood() {
    let homing: WinitRouter<Drawn> = homing_winit::join(proxy(), || Happening::WakeFn);
    let router = homing.router().clone();
    // So small that something is always left.
    router.set_budget(Budget { messages: 4, time: None });
    router.start().unwrap();
    let flood = Flood::start(&router, Drawn::hear);
    let mut app = Drawn { homing, window: None, heard: 0, draws: Vec::new() };
    let end = Instant::now() + deadline();
    while app.draws.len() < 300 || app.draws.first() == app.draws.last() {
        assert!(Instant::now() < end, "{:?} of {}", app.draws, app.heard);
        pump(deadline(), &mut app);
    }
    router.stop(&mut app).unwrap();
    flood.stop();
    let between = |draws: &[u64]| draws.last().unwrap() - draws.first().unwrap();
    let most = app.draws.windows(2).map(between).max();
    assert!(most <= Some(1000), "{most:?} messages were handled while a redraw was due");
}

/// The loop cannot be run from within its callbacks. A handler that waits all the same, as one
/// that shows a dialog of another library does, hands over what comes for other pipes, and the loop
/// goes on after it.
fn is_left_alone_by_a_dialog_in_a_handler() {
    let homing: WinitRouter<Drawn> = homing_winit::join(proxy(), || Happening::WakeFn);
    let router = homing.router().clone();
    router.start().unwrap();
    let link = router.link(homing::channel::Channel::new()).unwrap();
    let (mut asks, _) = link.pipe(dialog).unwrap();
    let (mut answers, _) = link.pipe(Drawn::hear).unwrap();
    let worker = std::thread::spawn(move || {
        asks.start().unwrap();
        answers.start().unwrap();
        asks.send(0).unwrap();
        for _ in 0..100 {
            answers.send(1).unwrap();
        }
    });
    let mut app = Drawn { homing, window: None, heard: 0, draws: Vec::new() };
    let end = Instant::now() + deadline();
    while router.open_pipes() > 0 {
        assert!(Instant::now() < end, "{} were heard", app.heard);
        pump(deadline(), &mut app);
    }
    assert_eq!(app.heard, 100 + 1000);
    worker.join().unwrap();
    router.stop(&mut app).unwrap();
}

/// Waits within its handler for what another pipe brings.
fn dialog(app: &mut Drawn, event: Event<u64>) {
    if let Event::Message(_) = event {
        let end = Instant::now() + deadline();
        while app.heard < 100 {
            assert!(Instant::now() < end, "{} were heard", app.heard);
            app.homing.clone().poll(app);
            std::thread::yield_now();
        }
        app.heard += 1000;
    }
}

/// Wake-ups, and a router, outlive the loop. It is the last check.
fn that_is_gone_is_not_woken() {
    let mut rig = Homes::new();
    let (router, mut heard) = (Router::new(rig.binding()), Vec::new());
    router.start().unwrap();
    let link = router.link(homing::channel::Channel::new()).unwrap();
    let (mut sender, _) =
        link.pipe(|heard: &mut Vec<u64>, event: Event<u64>| heard.extend(event.message())).unwrap();
    rig.turn(&router, &mut heard, Duration::ZERO);
    drop(LOOP.take());
    rig.pinger.ping();
    std::thread::spawn(move || {
        sender.start().unwrap();
        sender.send(7).unwrap();
        sender.stop().unwrap();
    })
    .join()
    .unwrap();
    let all_ended = |_: &mut Vec<u64>| router.open_pipes() == 0;
    router.route_until(&mut heard, all_ended, Some(deadline())).unwrap();
    assert_eq!(heard, [7]);
    router.stop(&mut heard).unwrap();
}
