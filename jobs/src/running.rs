//! A job whose end is awaited.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use homing_core::Text;

use crate::error::{JobError, SubmitError};
use crate::job::{Job, JobEnd, JobEvent};
use crate::task::Task;

/// A job whose end is awaited: a future of its output, or of the error that says why there is none.
///
/// It belongs to the foreground's thread, and completes when the router has dispatched the end.
/// Dropping it cancels the job.
#[must_use = "dropping it cancels the job"]
pub struct Running<J: Job> {
    task: Task,
    slot: Rc<Slot<J>>,
}

/// Where the end is put.
struct Slot<J: Job>(RefCell<Waiting<J>>);

struct Waiting<J: Job> {
    end: Option<JobEnd<J>>,
    is_over: bool,
    waker: Option<Waker>,
}

/// Puts the end where it is awaited. Dropped without one, says so: the router is gone.
struct Teller<J: Job>(Rc<Slot<J>>);

impl<J: Job> Teller<J> {
    fn tell(&self, end: JobEnd<J>) {
        let mut waiting = self.0.0.borrow_mut();
        if std::mem::replace(&mut waiting.is_over, true) {
            return;
        }
        waiting.end = Some(end);
        let waker = waiting.waker.take();
        drop(waiting);
        // It is the executor's code: nothing is borrowed.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<J: Job> Drop for Teller<J> {
    fn drop(&mut self) {
        let reason = Text::new("the router has stopped");
        self.tell(Err(JobError::Abandoned { reason }));
    }
}

impl<J: Job> Running<J> {
    pub(crate) fn new<C: 'static>(
        submit: impl FnOnce(Handler<C, J>) -> Result<Task, SubmitError<J>>,
    ) -> Result<Self, SubmitError<J>> {
        let waiting = Waiting { end: None, is_over: false, waker: None };
        let slot = Rc::new(Slot(RefCell::new(waiting)));
        let teller = Teller(Rc::clone(&slot));
        let task = submit(Box::new(move |_: &mut C, event| {
            if let JobEvent::Ended(end) = event {
                teller.tell(end);
            }
        }))?;
        Ok(Self { task, slot })
    }

    /// The job's handle.
    pub fn task(&self) -> &Task {
        &self.task
    }
}

type Handler<C, J> = Box<dyn FnMut(&mut C, JobEvent<J>)>;

impl<J: Job> Future for Running<J> {
    type Output = JobEnd<J>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<JobEnd<J>> {
        let mut waiting = self.slot.0.borrow_mut();
        if let Some(end) = waiting.end.take() {
            return Poll::Ready(end);
        }
        waiting.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<J: Job> Drop for Running<J> {
    fn drop(&mut self) {
        let is_over = self.slot.0.borrow().is_over;
        if !is_over {
            self.task.cancel();
        }
    }
}

impl<J: Job> fmt::Debug for Running<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("task", &self.task).finish_non_exhaustive()
    }
}
