//! The router driven by any async runtime: tokio, smol, glib, embassy, and others.
//!
//! A task of the foreground's thread dispatches whenever the router wakes it. A router stays
//! on its thread, so the future is not `Send`: it is run by `block_on`, or spawned on
//! tokio's `LocalSet`, smol's `LocalExecutor`, glib's `MainContext::spawn_local`.
//!
//! ```
//! use homing_core::Event;
//! use homing_pingee_adapters::task::TaskDriver;
//! use homing_router::Router;
//! use homing_transport_channel::Channel;
//!
//! struct App { sum: u64, router: Router<App> }
//!
//! let binding = TaskDriver::new();
//! let router = Router::new(&binding);
//! router.start()?;
//! let link = router.link(Channel::new())?;
//! let (mut sender, _) = link.pipe(|app: &mut App, event: Event<u64>| match event {
//!     Event::Message(number) => app.sum += number,
//!     Event::Ended(_) => app.router.clone().stop(app).unwrap(),
//! })?;
//! std::thread::spawn(move || {
//!     sender.start().unwrap();
//!     (1..=100).for_each(|number| sender.send(number).unwrap());
//!     sender.stop().unwrap();
//! });
//!
//! let mut app = App { sum: 0, router: router.clone() };
//! smol::block_on(binding.run(&router, &mut app)); // until a handler stops the router
//! assert_eq!(app.sum, 5050);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Beside other work
//!
//! [`TaskDriver::run`] has the application for as long as it runs. Where several tasks share
//! it, or one task does several things, wait until a dispatch is [due](TaskDriver::due):
//!
//! ```
//! use std::cell::RefCell;
//! use std::rc::Rc;
//! # use homing_core::Event;
//! # use homing_pingee_adapters::task::TaskDriver;
//! # use homing_router::Router;
//! # use homing_transport_channel::Channel;
//!
//! # struct App { sum: u64 }
//! # let binding = TaskDriver::new();
//! # let router = Router::new(&binding);
//! # router.start()?;
//! # let link = router.link(Channel::new())?;
//! # let (mut sender, _) = link
//! #     .pipe(|app: &mut App, event: Event<u64>| app.sum += event.message().unwrap_or(0))?;
//! # sender.start()?;
//! # std::thread::spawn(move || sender.send(42).unwrap());
//! let app = Rc::new(RefCell::new(App { sum: 0 }));
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let mut ticks = tokio::time::interval(std::time::Duration::from_millis(1));
//! while app.borrow().sum < 42 {
//!     tokio::select! {
//!         _ = binding.due(&router) => {
//!             // What it leaves is due in the next turn.
//!             let _ = router.dispatch(&mut app.borrow_mut());
//!         }
//!         _ = ticks.tick() => { /* other work, which may borrow the application */ }
//!     }
//! }
//! # });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Watching the doorbells
//!
//! For workers whose links have doorbells (worker processes) a router that is pinged runs a
//! monitor thread. On Unix a runtime that can watch a descriptor needs none: give it one of
//! the doorbells. Acknowledge it first, dispatch then; and while a dispatch is due already,
//! let others have their turn instead of waiting. With tokio:
//!
//! ```
//! # #[cfg(unix)]
//! # mod example {
//! use std::os::fd::OwnedFd;
//! use std::time::Duration;
//!
//! use homing_router::{DoorbellSet, Router};
//! use tokio::io::Interest;
//! use tokio::io::unix::AsyncFd;
//! # use homing_core::Event;
//! # use homing_pingee_adapters::task::BUDGET;
//! # use homing_router::LoopBinding;
//! # use homing_transport_channel::Channel;
//!
//! async fn run<C>(doorbells: &DoorbellSet, router: &Router<C>, app: &mut C) -> std::io::Result<()> {
//!     let fd: OwnedFd = doorbells.with_fd(|fd| fd.try_clone_to_owned())?;
//!     #[allow(deprecated)] // what replaces it is unsafe; with an `OwnedFd` this is sound
//!     let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
//!     while router.state().is_running() {
//!         if router.is_due() {
//!             tokio::task::yield_now().await;
//!         } else {
//!             fd.readable().await?.clear_ready();
//!         }
//!         doorbells.wait(Some(Duration::ZERO))?;
//!         let _ = router.dispatch(app);
//!     }
//!     Ok(())
//! }
//! # pub fn test() -> Result<(), Box<dyn std::error::Error>> {
//! # struct App { sum: u64, router: Router<App> }
//! # let doorbells = DoorbellSet::new()?;
//! # let router = Router::new(LoopBinding::readiness(&doorbells).with_budget(BUDGET));
//! # router.start()?;
//! # let link = router.link(Channel::new())?;
//! # let (mut sender, _) = link.pipe(|app: &mut App, event: Event<u64>| match event {
//! #     Event::Message(number) => app.sum += number,
//! #     Event::Ended(_) => app.router.clone().stop(app).unwrap(),
//! # })?;
//! # std::thread::spawn(move || {
//! #     sender.start().unwrap();
//! #     (1..=100).for_each(|number| sender.send(number).unwrap());
//! #     sender.stop().unwrap();
//! # });
//! # let mut app = App { sum: 0, router: router.clone() };
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
//! # runtime.block_on(run(&doorbells, &router, &mut app))?;
//! # assert_eq!(app.sum, 5050);
//! # Ok(())
//! # }
//! # }
//! # #[cfg(unix)]
//! # example::test()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The router's binding is `LoopBinding::readiness(&doorbells).with_budget(BUDGET)` then. With smol it is
//! `smol::Async::new_nonblocking(fd)?`, whose `readable().await?` is all there is to wait
//! for, and `smol::future::yield_now().await`.

//!
//! # Nested loops
//!
//! A handler that blocks on futures of its own, as a modal dialog in a terminal does, stops
//! this task, but need not stop the router: as part of what it blocks on it waits for
//! [`due`](TaskDriver::due) and dispatches, and all pipes but its own are served.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use homing_core::wake::TaskPingee;
use homing_core::{RouterState, WrongState};
use homing_router::{Budget, Dispatched, LoopBinding, RouteError, Router};

/// The budget of a router that a task drives.
///
/// An executor runs whatever task is ready many times before it looks at its timers and
/// descriptors: tokio's `LocalSet` 61 times, smol's `LocalExecutor` 200 times. While workers
/// send without a pause, so many dispatches follow each other. With this budget they take
/// 10 ms together at most; with the [default](Budget::default) one it would be most of a second.
pub const BUDGET: Budget = Budget { messages: 1024, time: Some(Duration::from_micros(50)) };

/// What joins one router to the task that drives it.
///
/// Wakes the one task that waits. A router that is woken while no task waits is due when
/// the next one does, so all futures here can be dropped at any time, and lose nothing.
pub struct TaskDriver(Arc<TaskPingee>);

impl TaskDriver {
    /// Makes what one router needs.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Waits until `router`, which must be the one that was made from this, is to
    /// [`dispatch`](Router::dispatch).
    ///
    /// When it is already, as after a dispatch that left something, the runtime's other tasks
    /// have their turn first. While the router does not run, or is driven by hand, it waits.
    pub async fn due<C: 'static>(&self, router: &Router<C>) {
        let mut waited = false;
        poll_fn(|context| {
            // Registered first, looked at second: a router that becomes due in between wakes
            // the task. Whether it was pinged does not matter.
            let _: Poll<()> = self.0.poll_pinged(context);
            let due = router.is_due();
            if due && waited {
                return Poll::Ready(());
            }
            if due {
                context.waker().wake_by_ref();
            }
            waited = true;
            Poll::Pending
        })
        .await;
    }

    /// Hands whatever comes to the receivers of `router`, which must be the one that was made
    /// from this, with `context`. It is over when a handler has stopped the router, or drives
    /// it by hand; who stops it otherwise drops the future first.
    ///
    /// # Panics
    ///
    /// A panic of a handler passes through. The router can be run again.
    pub async fn run<C: 'static>(&self, router: &Router<C>, context: &mut C) {
        while router.state() == RouterState::Linked {
            self.due(router).await;
            // What it leaves is due in the next turn.
            let _: Dispatched = router.dispatch(context);
        }
    }
}

impl TaskDriver {
    /// As [`run`](TaskDriver::run), until `condition` holds: the form of
    /// [`Router::route_until`] that waits without blocking the thread. The condition is looked
    /// at on entry, and after every dispatch. The router stays linked to its task.
    ///
    /// `timeout` is a timer of the runtime, such as `tokio::time::sleep(grace)`;
    /// `std::future::pending()` is none. Any other future will do: one that is ready when the
    /// user asks to quit, say.
    ///
    /// # Errors
    ///
    /// [`RouteError::TimedOut`] when `timeout` is ready first, after which it can be called
    /// again. [`RouteError::WrongState`] when the router does not run, or is driven by hand.
    ///
    /// # Panics
    ///
    /// As [`run`](TaskDriver::run).
    pub async fn route_until<C: 'static>(
        &self,
        router: &Router<C>,
        context: &mut C,
        mut condition: impl FnMut(&mut C) -> bool,
        timeout: impl Future<Output = ()>,
    ) -> Result<(), RouteError> {
        let mut timeout = pin!(timeout);
        while !condition(context) {
            let state = router.state();
            if state != RouterState::Linked {
                return Err(RouteError::WrongState(WrongState { state }));
            }
            let mut due = pin!(self.due(router));
            let timed_out = poll_fn(|context| {
                if due.as_mut().poll(context).is_ready() {
                    return Poll::Ready(false);
                }
                timeout.as_mut().poll(context).map(|()| true)
            });
            if timed_out.await {
                return Err(RouteError::TimedOut);
            }
            // What it leaves is due in the next turn.
            let _: Dispatched = router.dispatch(context);
        }
        Ok(())
    }

    /// Routes until no pipe is open any more, or `grace` is over: for a clean shutdown, before
    /// [`Router::stop`].
    ///
    /// ```
    /// # use homing_core::Event;
    /// # use homing_pingee_adapters::task::TaskDriver;
    /// # use homing_router::Router;
    /// # use homing_transport_channel::Channel;
    /// # use std::time::Duration;
    /// # struct App { sum: u64 }
    /// # let driver = TaskDriver::new();
    /// # let router = Router::new(&driver);
    /// # router.start()?;
    /// # let link = router.link(Channel::new())?;
    /// # let (mut sender, _) = link
    /// #     .pipe(|app: &mut App, event: Event<u64>| app.sum += event.message().unwrap_or(0))?;
    /// # std::thread::spawn(move || { sender.start().unwrap(); sender.send(42).unwrap(); sender.stop().unwrap() });
    /// # let mut app = App { sum: 0 };
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let grace = Duration::from_secs(5);
    /// driver.drain(&router, &mut app, tokio::time::sleep(grace)).await?;
    /// # assert_eq!(app.sum, 42);
    /// router.stop(&mut app)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`route_until`](TaskDriver::route_until).
    ///
    /// # Panics
    ///
    /// As [`run`](TaskDriver::run).
    pub async fn drain<C: 'static>(
        &self,
        router: &Router<C>,
        context: &mut C,
        grace: impl Future<Output = ()>,
    ) -> Result<(), RouteError> {
        self.route_until(router, context, |_| router.open_pipes() == 0, grace).await
    }
}

impl Default for TaskDriver {
    fn default() -> Self {
        Self::new()
    }
}

/// The router begins with [`BUDGET`].
impl From<&TaskDriver> for LoopBinding {
    fn from(binding: &TaskDriver) -> Self {
        LoopBinding::pinger(Arc::clone(&binding.0)).with_budget(BUDGET)
    }
}

impl fmt::Debug for TaskDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskDriver")
    }
}
