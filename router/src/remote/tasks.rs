//! The way back, for tasks.
//!
//! A router that is driven by a task (`homing::task`) takes note of what a worker has taken when it
//! dispatches, and wakes the tasks that wait for room then. So these futures make progress while
//! another task, or another branch of a `select!`, drives the router.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use homing_core::{Decode, End, RemoteEnd, Reply, SendError, SendErrorKind};

use super::{Remote, RemoteHandle};
use crate::questions::{AskError, Questions};

impl<C: 'static, D, K> Remote<C, D, K> {
    /// As [`send`](Remote::send), but while the capacity is used up the task waits until the worker
    /// has taken commands. The router has to be driven meanwhile, by another task.
    ///
    /// A future that is dropped before it was ready has not sent its command.
    ///
    /// # Errors
    ///
    /// The command comes back, with the [`SendErrorKind`], which is never
    /// [`Full`](SendErrorKind::Full).
    pub async fn send_async(&self, command: D) -> Result<(), SendError<D>> {
        send(&*self.end, command).await
    }

    /// Waits until a short command would be accepted, or comes back for another reason than want of
    /// room. For commands that are made when they can be sent.
    pub async fn ready(&self) {
        ready(&*self.end).await;
    }

    /// Asks a question, as [`ask`](Remote::ask) does, and waits for the answer. Where the capacity is
    /// used up, it waits for room first. The router has to be driven meanwhile, by another task.
    ///
    /// When the future is dropped, an answer that comes all the same is dropped.
    ///
    /// # Errors
    ///
    /// [`AskError::NotSent`] when the question was not sent, and others as the handler of
    /// [`ask`](Remote::ask) gets them. [`AskError::Ended`] with [`End::Closed`] also when the router
    /// is dropped.
    pub async fn ask_async<A>(&self, make: impl FnOnce(Reply<A>) -> D) -> Result<A, AskError>
    where
        A: 'static,
        K: Decode<A> + 'static,
    {
        let answer = Rc::new(RefCell::new(Answer { result: None, task: None }));
        let teller = Teller { answer: Rc::clone(&answer), has_told: false };
        let handler = move |_: &mut C, result| teller.tell(result);
        let Some(number) = self.questions.open::<A, K, _>(handler) else {
            return Err(AskError::NotSent(SendErrorKind::Closed));
        };
        let mut asking = Asking { questions: &self.questions, unsent: Some(number) };
        let sent = send(&*self.end, make(Reply::new(number))).await;
        sent.map_err(|error| AskError::NotSent(error.kind()))?;
        asking.unsent = None;
        poll_fn(|cx| poll_answer(&answer, cx)).await
    }
}

impl<D> RemoteHandle<D> {
    /// As [`Remote::send_async`].
    ///
    /// # Errors
    ///
    /// As [`Remote::send_async`].
    pub async fn send_async(&self, command: D) -> Result<(), SendError<D>> {
        send(&*self.end, command).await
    }

    /// As [`Remote::ready`].
    pub async fn ready(&self) {
        ready(&*self.end).await;
    }
}

async fn send<D>(end: &dyn RemoteEnd<D>, command: D) -> Result<(), SendError<D>> {
    let mut unsent = Some(command);
    let mut send = || match end.send(unsent.take()?) {
        Err(error) if error.is_full() => {
            unsent = Some(error.into_message());
            None
        }
        result => Some(result),
    };
    poll_fn(|cx| {
        let sent = send().or_else(|| {
            // What the worker takes from now on wakes the task.
            end.wake_on_room(cx.waker());
            send()
        });
        sent.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

async fn ready<D>(end: &dyn RemoteEnd<D>) {
    poll_fn(|cx| {
        if end.has_room() {
            return Poll::Ready(());
        }
        // As above.
        end.wake_on_room(cx.waker());
        if end.has_room() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// An answer that a task waits for.
struct Answer<A> {
    result: Option<Result<A, AskError>>,
    task: Option<Waker>,
}

fn poll_answer<A>(answer: &RefCell<Answer<A>>, cx: &Context<'_>) -> Poll<Result<A, AskError>> {
    let mut answer = answer.borrow_mut();
    if let Some(result) = answer.result.take() {
        return Poll::Ready(result);
    }
    let before = answer.task.replace(cx.waker().clone());
    drop(answer);
    // To drop a waker may drop its task: nothing is borrowed.
    drop(before);
    Poll::Pending
}

/// Tells the task the answer. When it is dropped without one, no answer will come.
struct Teller<A> {
    answer: Rc<RefCell<Answer<A>>>,
    has_told: bool,
}

impl<A> Teller<A> {
    fn tell(mut self, result: Result<A, AskError>) {
        self.set(result);
    }

    fn set(&mut self, result: Result<A, AskError>) {
        self.has_told = true;
        let mut answer = self.answer.borrow_mut();
        answer.result = Some(result);
        let task = answer.task.take();
        drop(answer);
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl<A> Drop for Teller<A> {
    fn drop(&mut self) {
        if !self.has_told {
            self.set(Err(AskError::Ended(End::Closed)));
        }
    }
}

/// A question that is to be sent. When this is dropped before, the question is closed.
struct Asking<'a, C: 'static> {
    questions: &'a Questions<C>,
    unsent: Option<u32>,
}

impl<C: 'static> Drop for Asking<'_, C> {
    fn drop(&mut self) {
        if let Some(number) = self.unsent {
            drop(self.questions.take(number));
        }
    }
}
