//! winit 0.31, by way of `winit-core`. Feature `winit-031`, for a beta: it follows the newest
//! one.
//!
//! [`join`] makes a router. Then there are two calls in the `ApplicationHandler`:
//!
//! | in | call | why |
//! |---|---|---|
//! | `proxy_wake_up` | [`poll`](WinitRouter::poll) | the loop was woken: messages are handed over |
//! | `about_to_wait` | [`about_to_wait`](WinitRouter::about_to_wait) | what the budget has left is handed over in the next turn, after the windows were redrawn |
//!
//! The application is usually both the `ApplicationHandler` and the context of the handlers,
//! and it owns the [`WinitRouter`] router. That is a handle: clone it for the call.
//!
//! ```
//! use homing_core::Event;
//! use homing_pingee_adapters::winit_031::{self as homing_winit, WinitRouter};
//! use homing_transport_channel::Channel;
//! use winit_core::application::ApplicationHandler;
//! use winit_core::event::WindowEvent;
//! use winit_core::event_loop::{ActiveEventLoop, EventLoopProxy};
//! use winit_core::window::WindowId;
//!
//! struct App {
//!     homing: WinitRouter<App>,
//!     done: u32,
//! }
//!
//! impl ApplicationHandler for App {
//!     fn proxy_wake_up(&mut self, _: &dyn ActiveEventLoop) {
//!         self.homing.clone().poll(self);
//!     }
//!
//!     fn about_to_wait(&mut self, _: &dyn ActiveEventLoop) {
//!         self.homing.about_to_wait();
//!     }
//!
//!     fn can_create_surfaces(&mut self, _: &dyn ActiveEventLoop) {}
//!
//!     fn window_event(&mut self, _: &dyn ActiveEventLoop, _: WindowId, _: WindowEvent) {}
//! }
//!
//! /// With the proxy of `EventLoop::new()?`, whose `run_app` then runs what this returns.
//! fn prepare(proxy: EventLoopProxy) -> Result<App, Box<dyn std::error::Error>> {
//!     let homing = homing_winit::join(proxy);
//!     homing.router().start()?;
//!
//!     let link = homing.router().link(Channel::new())?;
//!     let (mut sender, _pipe) = link.pipe(|app: &mut App, event: Event<u32>| {
//!         if let Event::Message(done) = event {
//!             app.done = done;
//!         }
//!     })?;
//!     std::thread::spawn(move || {
//!         sender.start().unwrap();
//!         for done in 1..=100 {
//!             sender.send(done).unwrap();
//!         }
//!         sender.stop().unwrap();
//!     });
//!     Ok(App { homing, done: 0 })
//! }
//! ```
//!
//! All that is said of [winit 0.30](../winit/index.html#what-to-know) holds here as well; wake-ups
//! merge where the platform merges them. To call `wake_up` from within `proxy_wake_up` is not
//! enough for fairness: Windows redraws no window before all wake-ups are handled.

use homing_router::Router;
use winit_core::event_loop::EventLoopProxy;

pub use crate::winit_common::WinitRouter;

use crate::from_fn::{FnPinger, from_fn};

/// Makes a stopped router that wakes the loop of `proxy`.
///
/// Several routers may share a loop: `proxy_wake_up` polls each.
pub fn join<C: 'static>(proxy: EventLoopProxy) -> WinitRouter<C> {
    let pinger = pinger(proxy);
    WinitRouter::new(Router::new(pinger.clone()), pinger)
}

/// A pinger that wakes the loop of `proxy`. A loop that is gone is not woken.
pub fn pinger(proxy: EventLoopProxy) -> FnPinger {
    from_fn(move || proxy.wake_up())
}
