//! A foreground: an event loop with a router, and an application that writes down what it
//! is told.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use homing_core::{End, Event, Outlet, Overflow, SendErrorKind, Sender};
use homing_router::{Link, PipeId, Router};

use crate::background::{Background, background_with};
use crate::deadline::deadline;
use crate::event_loops::EventLoopRig;
use crate::rig::{SenderOf, TransportRig};

/// The application: what each pipe's receiver was told. Pipes go by a number that the check
/// chooses.
///
/// It holds every check to B13: it panics at an event that follows a pipe's end.
#[derive(Debug, Default)]
pub struct App {
    pipes: BTreeMap<usize, Log>,
    total: usize,
}

/// What one receiver was told.
#[derive(Debug, Default)]
struct Log {
    messages: Vec<u64>,
    end: Option<End>,
}

impl App {
    /// Writes down what a pipe's receiver is told.
    pub fn record(&mut self, pipe: usize, event: &Event<u64>) {
        let told = self.pipes.entry(pipe).or_default();
        assert_eq!(told.end, None, "pipe {pipe} has ended, and then: {event:?}");
        match event {
            Event::Message(message) => {
                told.messages.push(*message);
                self.total += 1;
            }
            Event::Ended(end) => told.end = Some(end.clone()),
        }
    }

    /// The messages of a pipe, in the order in which they came.
    pub fn messages(&self, pipe: usize) -> &[u64] {
        self.pipes.get(&pipe).map_or(&[], |told| &told.messages)
    }

    /// How many messages came on a pipe.
    pub fn count(&self, pipe: usize) -> usize {
        self.messages(pipe).len()
    }

    /// How many messages came on all pipes together.
    pub fn total(&self) -> usize {
        self.total
    }

    /// How a pipe ended, if it did.
    pub fn end(&self, pipe: usize) -> Option<End> {
        self.pipes.get(&pipe).and_then(|told| told.end.clone())
    }

    /// How many pipes have ended.
    pub fn ended(&self) -> usize {
        self.pipes.values().filter(|told| told.end.is_some()).count()
    }
}

/// An event loop with a router that runs, on this thread.
pub struct Foreground<H: EventLoopRig> {
    /// The router.
    pub router: Router<App>,
    /// What handlers get.
    pub app: App,
    /// The event loop.
    pub event_loop: H,
}

impl<H: EventLoopRig> Foreground<H> {
    /// Makes one whose router does not run yet.
    pub fn stopped() -> Self {
        let event_loop = H::new();
        Self { router: Router::new(event_loop.binding()), app: App::default(), event_loop }
    }

    /// Makes one whose router runs.
    pub fn started() -> Self {
        let foreground = Self::stopped();
        foreground.router.start().expect("a new router starts");
        foreground
    }

    /// Makes a link as applications get it.
    pub fn link<T: TransportRig>(&self) -> Link<App, T::Factory> {
        self.router.link(T::transport()).expect("there can be a link")
    }

    /// Makes a link with as little room as there can be.
    pub fn small_link<T: TransportRig>(&self) -> Link<App, T::Factory> {
        self.router.link(T::small()).expect("there can be a link")
    }

    /// One turn of the event loop, which waits at most for `most`.
    pub fn turn(&mut self, most: Duration) {
        self.event_loop.turn(&self.router, &mut self.app, most);
    }

    /// A few turns of the event loop that wait for nothing: whatever the loop was woken for
    /// by now is done.
    pub fn run_pending(&mut self) {
        for _ in 0..8 {
            self.turn(Duration::ZERO);
        }
    }

    /// Runs the event loop until `condition` holds. It is looked at after each wake-up only,
    /// so it must come true by a message, an end, or a nudge.
    pub fn until(&mut self, what: &str, mut condition: impl FnMut(&App) -> bool) {
        let start = Instant::now();
        while !condition(&self.app) {
            self.turn(deadline().saturating_sub(start.elapsed()));
            // Also when the condition holds by now: the loop was not woken for it.
            assert!(start.elapsed() < deadline(), "waited in vain: {what}. {self:?}");
        }
    }

    /// Runs `work` on a thread of its own; it nudges the loop when it is done.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Background<T> {
        background_with(self.event_loop.wake_fn(), work)
    }

    /// Runs the event loop until the work is done.
    pub fn join<T>(&mut self, work: Background<T>) -> T {
        self.until("a worker", |_| work.is_done());
        work.join()
    }

    /// As [`join`](Foreground::join), for work that may panic.
    ///
    /// # Errors
    ///
    /// What it panicked with.
    pub fn try_join<T>(&mut self, work: Background<T>) -> std::thread::Result<T> {
        self.until("a worker", |_| work.is_done());
        work.try_join()
    }

    /// Runs the event loop until so many links are left: a dispatch may be over between the
    /// end of a link's last pipe and its own.
    pub fn until_links(&mut self, left: usize) {
        let router = self.router.clone();
        self.until("the ends of links", |_| router.links() == left);
    }

    /// Runs the event loop until a pipe has ended, and says how.
    pub fn end_of(&mut self, pipe: usize) -> End {
        self.until("the end of a pipe", |app| app.end(pipe).is_some());
        self.app.end(pipe).expect("it was waited for")
    }
}

/// Makes a pipe that the application writes down under `number`.
pub fn record<T: TransportRig>(
    link: &Link<App, T::Factory>,
    number: usize,
) -> (SenderOf<T>, PipeId) {
    record_with::<T>(link, Overflow::Wait, number)
}

/// As [`record`], with an overflow policy.
pub fn record_with<T: TransportRig>(
    link: &Link<App, T::Factory>,
    overflow: Overflow,
    number: usize,
) -> (SenderOf<T>, PipeId) {
    link.pipe_with(overflow, move |app: &mut App, event: Event<u64>| app.record(number, &event))
        .expect("a link makes pipes")
}

/// As [`record`], and starts the sender.
pub fn open<T: TransportRig>(link: &Link<App, T::Factory>, number: usize) -> SenderOf<T> {
    open_with::<T>(link, Overflow::Wait, number)
}

/// As [`record_with`], and starts the sender.
pub fn open_with<T: TransportRig>(
    link: &Link<App, T::Factory>,
    overflow: Overflow,
    number: usize,
) -> SenderOf<T> {
    let (mut sender, _) = record_with::<T>(link, overflow, number);
    sender.start().expect("a new sender starts");
    sender
}

/// Sends to a pipe that was, or will be closed. Whether the message was handed over: otherwise the
/// sender has learned of it.
pub fn send_to_closed<O: Outlet<u64>>(sender: &mut Sender<u64, O>, message: u64) -> bool {
    match sender.send(message) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Closed, message));
            false
        }
    }
}

impl<H: EventLoopRig> Drop for Foreground<H> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // Handlers may hold the router. It fails when the check has stopped it.
            let _ = self.router.stop(&mut self.app);
        }
    }
}

impl<H: EventLoopRig> fmt::Debug for Foreground<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<_> = (self.app.pipes.iter())
            .map(|(pipe, told)| (pipe, told.messages.len(), told.end.as_ref()))
            .take(16)
            .collect();
        f.debug_struct("Foreground")
            .field("router", &self.router)
            .field("counters", &self.router.counters())
            .field("told", &told)
            .finish_non_exhaustive()
    }
}
