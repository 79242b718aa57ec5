//! [calloop](https://crates.io/crates/calloop) 0.14: the router as an event source.
//!
//! ```
//! use calloop::EventLoop;
//! use homing_core::Event;
//! use homing_pingee_adapters::calloop::CalloopBinding;
//! use homing_router::Router;
//! use homing_transport_channel::Channel;
//!
//! struct App { sum: u64, done: bool }
//!
//! let mut event_loop: EventLoop<App> = EventLoop::try_new()?;
//! let binding = CalloopBinding::new()?;
//! let router = Router::new(&binding);
//! router.start()?;
//! event_loop
//!     .handle()
//!     .insert_source(binding.into_source(&router), |(), router, app| router.dispatch(app))?;
//!
//! let link = router.link(Channel::new())?;
//! let (mut sender, _) = link.pipe(|app: &mut App, event: Event<u64>| match event {
//!     Event::Message(number) => app.sum += number,
//!     Event::Ended(_) => app.done = true,
//! })?;
//! std::thread::spawn(move || {
//!     sender.start().unwrap();
//!     (1..=100).for_each(|number| sender.send(number).unwrap());
//!     sender.stop().unwrap();
//! });
//!
//! let mut app = App { sum: 0, done: false };
//! while !app.done {
//!     event_loop.dispatch(None, &mut app)?;
//! }
//! assert_eq!(app.sum, 5050);
//! # router.stop(&mut app)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The callback gets the router and the loop's data, which is the router's context: handlers
//! get the `&mut App` that all other sources of the loop get. Between two dispatches the loop
//! serves its other sources, so a flood of messages starves none of them.
//!
//! On Unix the loop watches the doorbells of all links itself, as one descriptor: there is no
//! monitor thread. Elsewhere it is pinged.

//!
//! # Nested loops
//!
//! calloop cannot run a loop from within its own callbacks. A handler that opens a modal dialog
//! makes an `EventLoop` for it, and gives it a source of its own for the router, made by
//! `RouterSource::again` beforehand, and calls [`Router::wake`] before it runs the loop: while the dialog is open all pipes but that of the
//! handler are served.

use std::fmt;
use std::io;

use ::calloop::{EventSource, Poll, PostAction, Readiness, Token, TokenFactory};
use homing_router::{Dispatched, LoopBinding, Router};

#[cfg(all(unix, not(homing_fallback)))]
#[path = "calloop/descriptor.rs"]
mod wakeup;
#[cfg(any(not(unix), homing_fallback))]
#[path = "calloop/ping.rs"]
mod wakeup;

use self::wakeup::Wakeup;

/// What joins one router to a calloop event loop.
///
/// Make it, make the router from it, and turn it into the [`RouterSource`] of that router.
/// What workers send before the source is inserted is handed over when it is.
pub struct CalloopBinding(Wakeup);

impl CalloopBinding {
    /// Makes what one router needs.
    ///
    /// # Errors
    ///
    /// When the system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        Wakeup::new().map(Self)
    }

    /// Makes the event source of `router`, which must be the one that was made from this.
    pub fn into_source<C: 'static>(self, router: &Router<C>) -> RouterSource<C> {
        RouterSource { wakeup: self.0, router: router.clone() }
    }
}

impl From<&CalloopBinding> for LoopBinding {
    fn from(binding: &CalloopBinding) -> Self {
        binding.0.binding()
    }
}

impl fmt::Debug for CalloopBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CalloopBinding")
    }
}

/// A router as an event source.
///
/// Its callback is called when the router is to [`dispatch`](Router::dispatch), and returns
/// what that returned: after [`Dispatched::Again`], and after a panic, it is called again in
/// the loop's next turn.
///
/// The source holds a handle of the router. Removed from the loop, it may be dropped: the router can
/// still be driven by hand ([`Router::route_until`]), and stopped.
pub struct RouterSource<C: 'static> {
    wakeup: Wakeup,
    router: Router<C>,
}

impl<C: 'static> RouterSource<C> {
    /// Makes another source of the same router, for a loop that a handler runs while this one
    /// waits. Unix: elsewhere, a loop is pinged, and there is one pingee.
    ///
    /// # Errors
    ///
    /// When the system has no descriptors left.
    #[cfg(all(unix, not(homing_fallback)))]
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self { wakeup: self.wakeup.again()?, router: self.router.clone() })
    }
}

impl<C: 'static> EventSource for RouterSource<C> {
    type Event = ();
    type Metadata = Router<C>;
    type Ret = Dispatched;
    /// When the system cannot tell what the doorbells have.
    type Error = io::Error;

    fn process_events<F>(
        &mut self,
        readiness: Readiness,
        token: Token,
        mut callback: F,
    ) -> io::Result<PostAction>
    where
        F: FnMut((), &mut Router<C>) -> Dispatched,
    {
        let (woken, action) = self.wakeup.acknowledge(readiness, token)?;
        if woken {
            // Until it is known: a handler's panic must not put the router to sleep.
            let mut next = NextTurn { wakeup: &self.wakeup, dispatched: Dispatched::Again };
            next.dispatched = callback((), &mut self.router);
        }
        Ok(action)
    }

    fn register(&mut self, poll: &mut Poll, tokens: &mut TokenFactory) -> ::calloop::Result<()> {
        self.wakeup.source().register(poll, tokens)
    }

    fn reregister(&mut self, poll: &mut Poll, tokens: &mut TokenFactory) -> ::calloop::Result<()> {
        self.wakeup.source().reregister(poll, tokens)
    }

    fn unregister(&mut self, poll: &mut Poll) -> ::calloop::Result<()> {
        self.wakeup.source().unregister(poll)
    }
}

impl<C: 'static> fmt::Debug for RouterSource<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterSource").field("router", &self.router).finish_non_exhaustive()
    }
}

/// Sees to it, by its drop, that the loop comes back for what a dispatch has left. It rings
/// rather than ask for an event before each sleep: a source that does that can have the loop
/// panic when it could not be registered.
struct NextTurn<'a> {
    wakeup: &'a Wakeup,
    dispatched: Dispatched,
}

impl Drop for NextTurn<'_> {
    fn drop(&mut self) {
        if self.dispatched == Dispatched::Again {
            self.wakeup.ring();
        }
    }
}
