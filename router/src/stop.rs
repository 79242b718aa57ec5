//! How a router ends.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use homing_core::{Detached, End, Exit, LinkEnd, LinkId, RouterState, SessionStep, WrongState};

use crate::error::{RouteError, StopError};
use crate::reap::{Unreaped, kill_then_reap};
use crate::receiver::Entry;
use crate::router::{Inner, LinkSession, Router};
use crate::state::{LinkState, OnExit};

/// What a router that has stopped leaves to be told.
pub(crate) struct Stopped<C: 'static> {
    receivers: Vec<Entry<C>>,
    exits: Vec<(OnExit<C>, Option<Exit>)>,
    unreaped: Vec<Unreaped>,
}

impl<C: 'static> Router<C> {
    /// Stops routing. Every receiver whose pipe is open is told
    /// [`Closed`](homing_core::End::Closed); the number of such pipes is logged as a warning.
    ///
    /// When it returns the monitor thread and that of [alarms](Router::after) have been joined,
    /// the worker processes that this router started have been killed and reaped, what was queued
    /// on the links has been dropped, and every sender finds that the foreground is gone. All
    /// processes are killed before the first is waited for. To let workers end in their own way,
    /// see [`shutdown`](Router::shutdown).
    ///
    /// A thread whose pinger does not return, because it waits for a lock that this thread
    /// holds, is not waited for: it ends when its pinger has returned.
    ///
    /// # Errors
    ///
    /// When the router does not run, or when a worker process could not be killed, or has not
    /// ended five seconds after that: then the router has stopped all the same.
    ///
    /// # Panics
    ///
    /// A handler's panic passes through after all receivers have been told.
    pub fn stop(&self, context: &mut C) -> Result<(), StopError> {
        let stopped = self.inner.shut_down()?;
        let mut panics = Panics::default();
        for receiver in &stopped.receivers {
            panics.catch_all(|| receiver.flush(context, None));
        }
        for (on_exit, exit) in stopped.exits {
            panics.catch(|| on_exit(context, exit));
        }
        panics.resume();
        if stopped.unreaped.is_empty() {
            Ok(())
        } else {
            Err(StopError::Unreaped(stopped.unreaped))
        }
    }

    /// Asks the workers to end, waits until they have or `grace` is over, and then
    /// [stops](Router::stop).
    ///
    /// What has been sent by now is routed first. Workers with a duplex pipe are told that the
    /// foreground is about to stop: all their senders and receivers are cancelled, and their pipes
    /// are routed until they have ended. Pipes that [no worker has claimed](Router::ticket) are not
    /// waited for. Then, and at once where a link has no duplex pipe, links
    /// are closed: receivers of pipes that are still open are told
    /// [`Closed`](homing_core::End::Closed), and a worker finds at its next `send` that the
    /// foreground is gone. Worker processes that have ended by themselves when the grace is over
    /// are not killed.
    ///
    /// # Errors
    ///
    /// As [`stop`](Router::stop); and [`StopError::Nested`] when a handler calls it, which may
    /// call `stop`.
    ///
    /// # Panics
    ///
    /// As [`stop`](Router::stop). A panic of a handler that was told a message passes through,
    /// and the router is still running then.
    pub fn shutdown(&self, context: &mut C, grace: Duration) -> Result<(), StopError> {
        let end = Instant::now().checked_add(grace);
        match self.route_until(context, |_| false, Some(Duration::ZERO)) {
            Err(RouteError::WrongState(wrong)) => return Err(StopError::WrongState(wrong)),
            Err(RouteError::Nested) => return Err(StopError::Nested),
            // Handlers may have stopped it.
            _ if !self.state().is_running() => return Ok(()),
            _ => {}
        }
        let announced = self.inner.announce_stop();
        self.inner.close_links(context, |link| !announced.contains(&link));
        if !announced.is_empty() {
            self.route_until_end(context, end, || self.inner.all_claimed_have_ended());
            self.inner.close_links(context, |_| true);
        }
        self.route_until_end(context, end, || self.inner.state.borrow().links.is_empty());
        match self.stop(context) {
            // A handler has stopped it.
            Err(StopError::WrongState(_)) => Ok(()),
            stopped => stopped,
        }
    }

    /// Routes until `ended`, or the time is over.
    fn route_until_end(&self, context: &mut C, end: Option<Instant>, ended: impl Fn() -> bool) {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if let Err(RouteError::Wait(error)) = self.route_until(context, |_| ended(), left) {
            log::warn!("workers are not waited for: {error}");
        }
    }
}

impl<C: 'static> Inner<C> {
    /// Whether all pipes have ended but those that no worker has claimed.
    fn all_claimed_have_ended(&self) -> bool {
        let core = self.core.borrow();
        core.open_pipes() == core.unclaimed_pipes()
    }

    /// Tells the workers of links with a duplex pipe that the foreground is about to stop. Returns
    /// those links.
    fn announce_stop(&self) -> HashSet<LinkId> {
        self.is_stopping.set(true);
        let state = self.state.borrow();
        let duplex = state.way_backs.iter().filter(|(_, way_back)| way_back.has_duplex);
        let links: HashSet<_> = duplex.map(|(link, _)| *link).collect();
        drop(state);
        for link in &links {
            self.notify(Some(*link), |notifier| notifier.announce_stop());
        }
        links
    }

    /// Closes those links that are `chosen`.
    fn close_links(&self, context: &mut C, chosen: impl Fn(LinkId) -> bool) {
        let state = self.state.borrow();
        let links = state.links.iter().map(|(token, link)| (*token, link.id));
        let links: Vec<_> = links.filter(|(_, link)| chosen(*link)).collect();
        drop(state);
        for (token, id) in links {
            let inlet = self.core.borrow_mut().end_link(id, LinkEnd::gone());
            drop(inlet);
            let Some(mut session) = LinkSession::begin(&self.core, id) else { continue };
            while let SessionStep::Ended(Detached { receiver, .. }, _) = session.poll() {
                receiver.on_end(End::Closed);
                self.tell_all(&receiver, context);
            }
            self.remove_link(token, context);
        }
    }

    /// Stops, and tells no receiver. When it returns the receivers of all pipes that were open
    /// have stored that they were closed.
    pub(crate) fn shut_down(&self) -> Result<Stopped<C>, WrongState<RouterState>> {
        let mut core = self.core.borrow_mut();
        let mut inlets = Vec::new();
        core.stop_with(|inlet| inlets.push(inlet))?;
        self.calls.stop();
        let mut receivers: Vec<_> = self.unsettled.borrow_mut().drain(..).collect();
        while let Some(Detached { receiver, .. }) = core.next_stopped() {
            receivers.push(receiver);
        }
        drop(core);
        let mut state = self.state.borrow_mut();
        state.waiting.set_linked(false);
        state.run_queue.clear();
        let links: Vec<LinkState<C>> = std::mem::take(&mut state.links).into_values().collect();
        let way_backs = std::mem::take(&mut state.way_backs);
        drop(state);
        drop(way_backs);
        // Nothing is borrowed: what waits in an inlet may be anything of the application's.
        drop(inlets);
        self.alarms.stop(self.fork_guard.is_forked_copy());
        for receiver in &receivers {
            receiver.on_end(End::Closed);
        }
        let workers = links.iter().filter_map(|link| link.worker.clone()).collect();
        let unreaped = kill_then_reap(workers, || self.unwatch(&links));
        let exits = links.into_iter().filter_map(|link| {
            let exit = link.worker?.exit().flatten();
            Some((link.on_exit?, exit))
        });
        Ok(Stopped { receivers, exits: exits.collect(), unreaped })
    }

    /// Stops watching all links.
    fn unwatch(&self, links: &[LinkState<C>]) {
        let mut state = self.state.borrow_mut();
        let monitor = state.waiting.take_monitor();
        if monitor.is_none() {
            for watched in links.iter().filter_map(|link| link.watched) {
                state.waiting.unwatch(watched);
            }
        }
        // The state is not borrowed while it is joined: it pings links on its way out.
        drop(state);
        if self.fork_guard.is_forked_copy() {
            // Its thread is the original's: there is none here to be stopped and joined.
            std::mem::forget(monitor);
        }
    }
}

/// Keeps the first panic, so that what follows it is done all the same.
#[derive(Default)]
struct Panics(Option<Box<dyn std::any::Any + Send>>);

impl Panics {
    fn catch<T>(&mut self, run: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(value) => Some(value),
            Err(panic) => {
                self.0.get_or_insert(panic);
                None
            }
        }
    }

    /// Calls `run` until it returns false. Each panic of it is progress, too.
    fn catch_all(&mut self, mut run: impl FnMut() -> bool) {
        while self.catch(&mut run) != Some(false) {}
    }

    fn resume(self) {
        if let Some(panic) = self.0 {
            resume_unwind(panic);
        }
    }
}
