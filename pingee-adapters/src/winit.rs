//! winit 0.30, which egui, iced, bevy and slint are built on too. Feature `winit`.
//!
//! [`join`] makes a router and tells which of the application's own events is to wake the
//! loop for it. Then there are two calls in the `ApplicationHandler`:
//!
//! | in | call | why |
//! |---|---|---|
//! | `user_event` | [`poll`](WinitRouter::poll) | the loop was woken: messages are handed over |
//! | `about_to_wait` | [`about_to_wait`](WinitRouter::about_to_wait) | what the budget has left is handed over in the next turn, after the windows were redrawn |
//!
//! The application is usually both the `ApplicationHandler` and the context of the handlers,
//! and it owns the [`WinitRouter`] router. That is a handle: clone it for the call.
//!
//! ```no_run
//! use homing_core::Event;
//! use homing_pingee_adapters::winit::{self as homing_winit, WinitRouter};
//! use homing_transport_channel::Channel;
//! use winit::application::ApplicationHandler;
//! use winit::event::WindowEvent;
//! use winit::event_loop::{ActiveEventLoop, EventLoop};
//! use winit::window::{Window, WindowId};
//!
//! /// What wakes the loop.
//! enum Wake { Homing }
//!
//! struct App {
//!     homing: WinitRouter<App>,
//!     window: Option<Window>,
//!     done: u32,
//! }
//!
//! impl App {
//!     /// A worker has something to say.
//!     fn hear(&mut self, event: Event<u32>) {
//!         if let (Event::Message(done), Some(window)) = (event, &self.window) {
//!             self.done = done;
//!             window.request_redraw();
//!         }
//!     }
//! }
//!
//! impl ApplicationHandler<Wake> for App {
//!     fn user_event(&mut self, _: &ActiveEventLoop, Wake::Homing: Wake) {
//!         self.homing.clone().poll(self);
//!     }
//!
//!     fn about_to_wait(&mut self, _: &ActiveEventLoop) {
//!         self.homing.about_to_wait();
//!     }
//!
//!     fn resumed(&mut self, event_loop: &ActiveEventLoop) {
//!         self.window = event_loop.create_window(Window::default_attributes()).ok();
//!     }
//!
//!     fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
//!         match event {
//!             WindowEvent::CloseRequested => event_loop.exit(),
//!             WindowEvent::RedrawRequested => { /* draw `self.done` */ }
//!             _ => {}
//!         }
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let event_loop = EventLoop::with_user_event().build()?;
//!     let homing = homing_winit::join(event_loop.create_proxy(), || Wake::Homing);
//!     let router = homing.router().clone();
//!     router.start()?;
//!
//!     let link = router.link(Channel::new())?;
//!     let (mut sender, _pipe) = link.pipe(App::hear)?;
//!     std::thread::spawn(move || {
//!         sender.start().unwrap();
//!         for done in 1..=100 {
//!             sender.send(done).unwrap();
//!         }
//!         sender.stop().unwrap();
//!     });
//!
//!     let mut app = App { homing, window: None, done: 0 };
//!     event_loop.run_app(&mut app)?;
//!     router.stop(&mut app)?;
//!     Ok(())
//! }
//! ```
//!
//! # What to know
//!
//! * Never send the event from within `user_event` to be called again: on X11 and on Windows
//!   no window is redrawn before all such events are handled.
//! * While a window is moved or resized on Windows, `about_to_wait` does not come, but
//!   `Resized`, `RedrawRequested` and user events do. To go on then with what a budget has
//!   left, call [`poll`](WinitRouter::poll) at `RedrawRequested` too, and request a redraw when it
//!   returns true.
//! * A wake-up can be lost on Windows, whose message queue holds 10 000 messages. The next
//!   turn of the loop makes up for it, for whatever reason it turns.
//! * The loop cannot be run from within its callbacks. A handler that waits all the same, for a
//!   dialog of another library, calls [`poll`](WinitRouter::poll) meanwhile: all pipes but its own
//!   are served.
//! * Handlers do not get the `ActiveEventLoop`. One that wants the loop to exit says so in the
//!   application, and `about_to_wait` does it.
//! * Drop windows in `exiting`. `Router::stop` tells receivers that their pipes were closed, and
//!   on X11 `request_redraw` panics when the loop has ended.
//! * When the loop is gone, messages wait; `Router::route_until` takes them, `Router::stop`
//!   ends it all.

use homing_router::Router;
use winit::event_loop::EventLoopProxy;

pub use crate::winit_common::WinitRouter;

use crate::from_fn::{FnPinger, from_fn};

/// Makes a stopped router that wakes the loop of `proxy` by the event that `event` makes.
///
/// One call for each router: give each an event of its own.
pub fn join<T: Send + 'static, C: 'static>(
    proxy: EventLoopProxy<T>,
    event: impl Fn() -> T + Send + Sync + 'static,
) -> WinitRouter<C> {
    let pinger = pinger(proxy, event);
    WinitRouter::new(Router::new(pinger.clone()), pinger)
}

/// A pinger that sends the event that `event` makes to the loop of `proxy`. A loop that is
/// gone is not told, and pings do not merge.
pub fn pinger<T: Send + 'static>(
    proxy: EventLoopProxy<T>,
    event: impl Fn() -> T + Send + Sync + 'static,
) -> FnPinger {
    // It is never cloned: on macOS each clone would stay in the run loop for ever.
    from_fn(move || {
        // A loop that is gone needs no wake-up.
        let _ = proxy.send_event(event());
    })
}
