//! Calls of a registered transport that may wait, made for a task: on a thread of their own.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use homing_core::SendErrorKind;
use homing_process::EncodedOutlet;

/// What a call came to.
type Outcome = Result<u64, SendErrorKind>;

/// The transport's own end of a pipe, which is away while a thread (`homing-send`) calls it.
pub(super) enum Place {
    Here(Box<dyn EncodedOutlet>),
    Away(Call),
    /// The thread has panicked.
    Lost,
}

impl Place {
    /// The outlet. Waits for it while it is away.
    pub(super) fn wait(&mut self) -> Option<&mut dyn EncodedOutlet> {
        if let Place::Away(call) = self {
            *self = call.wait().0;
        }
        match self {
            Place::Here(outlet) => Some(&mut **outlet),
            Place::Away(_) | Place::Lost => None,
        }
    }

    /// Ready with the outcome of the call for which the outlet is away, if it is.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let Place::Away(call) = self else { return Poll::Ready(None) };
        let Poll::Ready((place, outcome)) = call.poll(cx) else { return Poll::Pending };
        *self = place;
        Poll::Ready(Some(outcome))
    }

    /// Makes a call on a thread. False when the system gives none.
    pub(super) fn call(
        &mut self,
        work: impl FnOnce(&mut dyn EncodedOutlet) -> Outcome + Send + 'static,
    ) -> bool {
        let Place::Here(outlet) = std::mem::replace(self, Place::Lost) else { return true };
        let shared = Arc::new(Shared::default());
        shared.lock().place = Some(Place::Here(outlet));
        let thread = Arc::clone(&shared);
        let spawned =
            thread::Builder::new().name("homing-send".into()).spawn(move || thread.run(work));
        *self = match spawned {
            Ok(_) => Place::Away(Call(shared)),
            Err(_) => shared.lock().place.take().unwrap_or(Place::Lost),
        };
        !matches!(self, Place::Here(_))
    }
}

/// A call that a thread makes.
pub(super) struct Call(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// Not while the thread calls it.
    place: Option<Place>,
    outcome: Option<Outcome>,
    task: Option<Waker>,
}

impl Call {
    fn wait(&self) -> (Place, Outcome) {
        let mut state = self.0.lock();
        loop {
            if let Some(done) = state.take_done() {
                return done;
            }
            state = self.0.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<(Place, Outcome)> {
        let mut state = self.0.lock();
        if let Some(done) = state.take_done() {
            return Poll::Ready(done);
        }
        let before = state.task.replace(cx.waker().clone());
        drop(state);
        // To drop a waker may drop its task: no lock is held.
        drop(before);
        Poll::Pending
    }
}

impl State {
    fn take_done(&mut self) -> Option<(Place, Outcome)> {
        let outcome = self.outcome.take()?;
        Some((self.place.take().unwrap_or(Place::Lost), outcome))
    }
}

impl Shared {
    fn run(&self, work: impl FnOnce(&mut dyn EncodedOutlet) -> Outcome) {
        let mut ending = Ending { shared: self, place: self.lock().place.take(), outcome: None };
        if let Some(Place::Here(outlet)) = &mut ending.place {
            ending.outcome = Some(work(&mut **outlet));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the outlet back when the call is over, also by a panic.
struct Ending<'a> {
    shared: &'a Shared,
    place: Option<Place>,
    outcome: Option<Outcome>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if self.outcome.is_some() {
            state.place = self.place.take();
        }
        state.outcome = Some(self.outcome.take().unwrap_or(Err(SendErrorKind::Disconnected)));
        let task = state.task.take();
        drop(state);
        self.shared.done.notify_all();
        if let Some(task) = task {
            task.wake();
        }
    }
}
