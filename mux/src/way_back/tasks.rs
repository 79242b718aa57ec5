//! Receiving in tasks.
//!
//! Nothing wakes a task where no thread waits at the source. So the first task that waits starts a
//! thread (`homing-recv`), which waits there as a receiver that blocks does, until the link ends. It
//! takes nothing for itself: what has come wakes the task that it is for.

use std::task::{Context, Poll};
use std::thread;

use homing_core::{ConnectionId, RecvError};

use super::{PipeEnd, Received, State, WayBack};
use crate::waiters::replace;

impl WayBack {
    /// Takes the next command of a pipe, or has the task woken when something has come for it.
    pub(crate) fn poll_recv(
        &self,
        connection: ConnectionId,
        pipe: &PipeEnd,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Received, RecvError>> {
        let mut state = self.lock();
        self.drain_locked(&mut state);
        let next = state.next(connection, pipe);
        if next.is_none() {
            state.set_task(connection, cx);
            if !self.watch(&mut state) {
                // The system gives no thread: the task looks as often as it is polled.
                cx.waker().wake_by_ref();
            }
        }
        self.unlock(state);
        next.map_or(Poll::Pending, Poll::Ready)
    }

    /// Sees to it that a thread waits for what comes. False when the system gives none.
    fn watch(&self, state: &mut State) -> bool {
        if !state.has_watcher {
            let way_back = self.clone();
            let watch = move || way_back.run();
            // The thread waits for the lock before it looks.
            let thread = thread::Builder::new().name("homing-recv".into()).spawn(watch);
            state.has_watcher = thread.is_ok();
        }
        state.has_watcher
    }

    /// The link is dropped on this side: the thread ends.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.is_dropped = true;
        self.0.changed.notify_all();
        if state.has_watcher {
            self.0.source.interrupt();
        }
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.is_over && !state.is_dropped {
            self.drain_locked(&mut state);
            if state.has_news() {
                self.unlock(state);
                state = self.lock();
            } else {
                state = self.wait(state, None);
            }
        }
        self.unlock(state);
    }
}

impl State {
    fn set_task(&mut self, connection: ConnectionId, cx: &Context<'_>) {
        // The receiver that calls this has an inbox.
        if let Some(inbox) = self.inboxes.get_mut(&connection) {
            replace(&mut inbox.task, cx.waker(), &mut self.news.woken);
        }
    }
}
