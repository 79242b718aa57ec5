//! An event loop for programs that have none.
//!
//! The loop waits for the doorbells of its routers' links itself, so no monitor thread is needed
//! and a message costs one wake-up. Between messages it sleeps, and never looks on an
//! interval.
//!
//! ```
//! use homing_core::Event;
//! use homing_pingee_adapters::std_loop::EventLoop;
//! use homing_router::Router;
//! use homing_transport_channel::Channel;
//!
//! struct App { sum: u64, quit: homing_pingee_adapters::std_loop::Handle }
//!
//! let mut event_loop = EventLoop::new()?;
//! let router = Router::new(&event_loop);
//! router.start()?;
//!
//! let link = router.link(Channel::new())?;
//! let (mut sender, _) = link.pipe(|app: &mut App, event: Event<u64>| match event {
//!     Event::Message(number) => app.sum += number,
//!     Event::Ended(_) => app.quit.stop(),
//! })?;
//! let worker = std::thread::spawn(move || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!     sender.start()?;
//!     for number in 1..=100 {
//!         sender.send(number)?;
//!     }
//!     Ok(())
//! });
//!
//! let mut app = App { sum: 0, quit: event_loop.handle() };
//! event_loop.run(&router, &mut app)?;
//! assert_eq!(app.sum, 5050);
//! # worker.join().unwrap().unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use homing_core::{Pingee, Pinger};
use homing_process::Waker;
use homing_router::{Dispatched, DoorbellSet, LoopBinding, Router};

/// An event loop that waits for doorbells and pings.
///
/// The loop belongs to one thread, the foreground's. [`Handle`] and [`StdPinger`] go to any other.
pub struct EventLoop {
    doorbells: DoorbellSet,
    stop: Arc<AtomicBool>,
    callbacks: RefCell<Vec<Weak<Callback>>>,
}

impl EventLoop {
    /// Makes an event loop on this thread.
    ///
    /// # Errors
    ///
    /// When the system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            doorbells: DoorbellSet::new()?,
            stop: Arc::new(AtomicBool::new(false)),
            callbacks: RefCell::default(),
        })
    }

    /// A handle that stops this loop, from any thread.
    pub fn handle(&self) -> Handle {
        Handle { stop: Arc::clone(&self.stop), waker: self.doorbells.waker() }
    }

    /// Makes a pingee: after a ping, `on_ping` runs on this thread, in one of the loop's next
    /// turns. Dropping the pingee drops `on_ping`.
    pub fn pingee(&self, on_ping: impl FnMut() + 'static) -> StdPingee {
        let pinger = StdPinger { pinged: Arc::default(), waker: self.doorbells.waker() };
        let pinged = Arc::clone(&pinger.pinged);
        let callback = Rc::new(Callback { pinged, on_ping: RefCell::new(Box::new(on_ping)) });
        let mut callbacks = self.callbacks.borrow_mut();
        callbacks.retain(|callback| callback.strong_count() > 0);
        callbacks.push(Rc::downgrade(&callback));
        StdPingee { callback, pinger }
    }

    /// Runs until [`Handle::stop`] is called, also if that was before. Waits for the links of
    /// `router`, and hands what comes to its receivers, with `context`.
    ///
    /// # Errors
    ///
    /// When the system cannot wait.
    ///
    /// # Panics
    ///
    /// A panic of a handler passes through. The loop can be run again.
    pub fn run<C: 'static>(&mut self, router: &Router<C>, context: &mut C) -> io::Result<()> {
        // Relaxed: the flag publishes nothing, and the wake-up comes after it.
        while !self.stop.swap(false, Ordering::Relaxed) {
            self.turn(router, context, None)?;
        }
        Ok(())
    }

    /// Runs until `condition` holds, or [`Handle::stop`] is called. The condition is looked
    /// at on entry and after each turn.
    ///
    /// # Errors
    ///
    /// As [`run`](EventLoop::run).
    ///
    /// # Panics
    ///
    /// As [`run`](EventLoop::run).
    pub fn run_until<C: 'static>(
        &mut self,
        router: &Router<C>,
        context: &mut C,
        mut condition: impl FnMut(&mut C) -> bool,
    ) -> io::Result<()> {
        while !condition(context) && !self.stop.swap(false, Ordering::Relaxed) {
            self.turn(router, context, None)?;
        }
        Ok(())
    }

    /// Waits once, at most for `timeout`, and hands over what has come, as far as the
    /// router's budget goes; what it leaves is handed over in the next turn, which does not
    /// wait. For programs that have other work between turns. It may return early.
    ///
    /// # Errors
    ///
    /// As [`run`](EventLoop::run).
    ///
    /// # Panics
    ///
    /// As [`run`](EventLoop::run).
    pub fn turn<C: 'static>(
        &mut self,
        router: &Router<C>,
        context: &mut C,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.doorbells.wait(if router.is_due() { Some(Duration::ZERO) } else { timeout })?;
        self.call_pinged();
        // What it leaves is due in the next turn.
        let _: Dispatched = router.dispatch(context);
        Ok(())
    }

    fn call_pinged(&self) {
        let mut index = 0;
        loop {
            // A callback may make pingees, so nothing is borrowed while it runs.
            let Some(callback) = self.callbacks.borrow().get(index).map(Weak::upgrade) else {
                return;
            };
            index += 1;
            if let Some(callback) = callback {
                callback.call();
            }
        }
    }
}

/// Both loops and routers hold their doorbells; the loop waits for them.
impl From<&EventLoop> for LoopBinding {
    fn from(event_loop: &EventLoop) -> Self {
        LoopBinding::readiness(&event_loop.doorbells)
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop").field("doorbells", &self.doorbells).finish_non_exhaustive()
    }
}

/// Stops an [`EventLoop`], from any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    stop: Arc<AtomicBool>,
    waker: Waker,
}

impl Handle {
    /// Makes the loop's [`run`](EventLoop::run) return, or the next one if none runs.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.waker.wake();
    }
}

/// What a pingee does when it is pinged.
struct Callback {
    pinged: Arc<AtomicBool>,
    on_ping: RefCell<Box<dyn FnMut()>>,
}

impl Callback {
    fn call(&self) {
        // Cleared first: a ping that comes from now on makes another call. Acquire pairs with
        // the ping's Release: the call sees what was done before the ping.
        if self.pinged.swap(false, Ordering::AcqRel)
            && let Ok(mut on_ping) = self.on_ping.try_borrow_mut()
        {
            on_ping();
        }
    }
}

/// A pingee of the [`EventLoop`]. It belongs to the loop's thread.
#[must_use = "dropping a pingee drops its callback"]
pub struct StdPingee {
    callback: Rc<Callback>,
    pinger: StdPinger,
}

impl Pingee for StdPingee {
    type Pinger = StdPinger;

    fn pinger(&self) -> StdPinger {
        self.pinger.clone()
    }
}

impl Drop for StdPingee {
    fn drop(&mut self) {
        // Later pings find the flag set, and do not wake the loop.
        self.callback.pinged.store(true, Ordering::Release);
    }
}

impl fmt::Debug for StdPingee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StdPingee")
    }
}

/// The any-thread end of a [`StdPingee`].
#[derive(Clone, Debug)]
pub struct StdPinger {
    pinged: Arc<AtomicBool>,
    waker: Waker,
}

impl Pinger for StdPinger {
    fn ping(&self) {
        if !self.pinged.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }
}
