//! winit: how long a message takes to a loop that sleeps, and how long a window waits to be
//! redrawn while workers send as fast as they can. Feature `winit`; it needs a display.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use homing::winit::{self as homing_winit, WinitRouter};
use winit::application::ApplicationHandler;
use winit::event::WindowEvent;
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy};
use winit::platform::run_on_demand::EventLoopExtRunOnDemand as _;
use winit::window::{Window, WindowId};

use crate::flood::{self, App};
use crate::row::{Goal, Row};
use crate::wake::Latencies;
use crate::wake_loops;

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "wake-winit",
        unit: "µs",
        goal: Goal::RatioAtMost(1.25),
        measure: |settings| wake_loops::measure(settings, by_router, bare),
    },
    Row {
        name: "flood-gap-winit",
        unit: "ms",
        goal: Goal::AtMost(50.0),
        measure: |settings| flood::worst_gap(settings, redraws),
    },
];

/// What wakes the loop.
enum Wake {
    Homing,
    Stamp(u64),
}

/// Runs with the event loop: there can be one a process.
fn with_loop<T>(run: impl FnOnce(&mut EventLoop<Wake>) -> anyhow::Result<T>) -> anyhow::Result<T> {
    thread_local! {
        static LOOP: RefCell<Option<EventLoop<Wake>>> = const { RefCell::new(None) };
    }
    LOOP.with_borrow_mut(|made| {
        let event_loop = match made {
            Some(event_loop) => event_loop,
            None => made.insert(EventLoop::with_user_event().build()?),
        };
        event_loop.set_control_flow(ControlFlow::Wait);
        run(event_loop)
    })
}

fn join<C: 'static>(event_loop: &EventLoop<Wake>) -> WinitRouter<C> {
    homing_winit::join(event_loop.create_proxy(), || Wake::Homing)
}

/// Notes how late messages are, however they come, until there are enough.
struct Sleeper {
    homing: Option<WinitRouter<Latencies>>,
    latencies: Latencies,
    count: u64,
}

impl ApplicationHandler<Wake> for Sleeper {
    fn user_event(&mut self, event_loop: &ActiveEventLoop, wake: Wake) {
        match (wake, &self.homing) {
            (Wake::Stamp(stamp), _) => self.latencies.note(stamp),
            (Wake::Homing, Some(homing)) => _ = homing.poll(&mut self.latencies),
            (Wake::Homing, None) => {}
        }
        if self.latencies.count() >= self.count {
            event_loop.exit();
        }
    }

    fn about_to_wait(&mut self, _: &ActiveEventLoop) {
        if let Some(homing) = &self.homing {
            homing.about_to_wait();
        }
    }

    fn resumed(&mut self, _: &ActiveEventLoop) {}

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, _: WindowEvent) {}
}

impl Sleeper {
    fn run(mut self, event_loop: &mut EventLoop<Wake>) -> anyhow::Result<Latencies> {
        event_loop.run_app_on_demand(&mut self)?;
        Ok(self.latencies)
    }
}

fn by_router(count: u64) -> anyhow::Result<Latencies> {
    with_loop(|event_loop| {
        let homing = join(event_loop);
        let mut sender = wake_loops::pipe(homing.router())?;
        let sleeper = Sleeper { homing: Some(homing), latencies: Latencies::default(), count };
        let send = move |stamp| Ok(sender.send(stamp)?);
        wake_loops::beside(count, send, || sleeper.run(event_loop))
    })
}

fn bare(count: u64) -> anyhow::Result<Latencies> {
    with_loop(|event_loop| {
        let proxy: EventLoopProxy<Wake> = event_loop.create_proxy();
        let sleeper = Sleeper { homing: None, latencies: Latencies::default(), count };
        let send = move |stamp| {
            proxy.send_event(Wake::Stamp(stamp)).map_err(|_| anyhow::anyhow!("the loop is gone"))
        };
        wake_loops::beside(count, send, || sleeper.run(event_loop))
    })
}

/// A window that is redrawn with each tick.
struct Redrawn {
    homing: WinitRouter<App>,
    app: App,
    window: Option<Window>,
}

impl ApplicationHandler<Wake> for Redrawn {
    fn user_event(&mut self, _: &ActiveEventLoop, _: Wake) {
        self.homing.poll(&mut self.app);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        if self.app.is_over() {
            return event_loop.exit();
        }
        self.homing.about_to_wait();
        let next = self.app.next_tick();
        if next <= Instant::now()
            && let Some(window) = &self.window
        {
            window.request_redraw();
        }
        event_loop.set_control_flow(ControlFlow::WaitUntil(next));
    }

    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        match event_loop.create_window(Window::default_attributes()) {
            Ok(window) => self.window = Some(window),
            // Then nothing is redrawn, and the gap says so.
            Err(error) => eprintln!("homing-bench: no window: {error}"),
        }
    }

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        if let WindowEvent::RedrawRequested = event {
            self.app.tick();
        }
    }

    fn exiting(&mut self, _: &ActiveEventLoop) {
        self.window = None;
    }
}

fn redraws(time: Duration) -> anyhow::Result<App> {
    with_loop(|event_loop| {
        let homing = join(event_loop);
        let router = homing.router().clone();
        let workers = flood::flood(&router)?;
        let mut redrawn = Redrawn { homing, app: App::new(time), window: None };
        event_loop.run_app_on_demand(&mut redrawn)?;
        flood::end(&router, redrawn.app, workers)
    })
}
