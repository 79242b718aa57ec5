//! What the handlers of jobs are told, in order.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use homing_core::Text;
use homing_router::{Router, WeakRouter};

use crate::backend::Runs;
use crate::error::{JobError, LostJob};
use crate::job::{Job, JobEvent};

/// What a handler is told, with values as they travel.
pub(crate) enum TaskEvent<V> {
    Started,
    Progress(V),
    Retrying(LostJob),
    Stalled,
    Overdue,
    Ended(Result<V, JobError>),
}

/// Calls the handler of one job.
pub(crate) struct Receiver<C, V> {
    /// `None` once the end was told.
    handler: RefCell<Option<Handler<C, V>>>,
    /// What came while the handler was running a nested event loop.
    deferred: RefCell<VecDeque<TaskEvent<V>>>,
}

type Handler<C, V> = Box<dyn FnMut(&mut C, TaskEvent<V>)>;

impl<C: 'static, V: 'static> Receiver<C, V> {
    pub(crate) fn new<K, J>(mut handler: impl FnMut(&mut C, JobEvent<J>) + 'static) -> Rc<Self>
    where
        K: Runs<J, Value = V>,
        J: Job,
    {
        let mut fault: Option<Text> = None;
        let typed = move |context: &mut C, event: TaskEvent<V>| match event {
            TaskEvent::Started => handler(context, JobEvent::Started),
            TaskEvent::Retrying(lost) => handler(context, JobEvent::Retrying(lost)),
            TaskEvent::Stalled => handler(context, JobEvent::Stalled),
            TaskEvent::Overdue => handler(context, JobEvent::Overdue),
            TaskEvent::Progress(value) => match K::unpack_progress(value) {
                Ok(progress) => handler(context, JobEvent::Progress(progress)),
                Err(reason) => {
                    fault.get_or_insert(reason);
                }
            },
            TaskEvent::Ended(end) => {
                let end = end.and_then(|value| match &fault {
                    Some(reason) => Err(undecodable("progress", reason)),
                    None => {
                        K::unpack_output(value).map_err(|reason| undecodable("output", &reason))
                    }
                });
                handler(context, JobEvent::Ended(end));
            }
        };
        Rc::new(Self { handler: RefCell::new(Some(Box::new(typed))), deferred: RefCell::default() })
    }

    /// Tells one event, unless the handler is running: then that call's caller tells it.
    fn tell(&self, context: &mut C, event: TaskEvent<V>) {
        let Ok(mut handler) = self.handler.try_borrow_mut() else {
            self.deferred.borrow_mut().push_back(event);
            return;
        };
        let is_end = matches!(event, TaskEvent::Ended(_));
        // After its end a job is told nothing.
        let Some(call) = handler.as_mut() else { return };
        call(context, event);
        if is_end {
            let dropped = handler.take();
            drop(handler);
            // It may own anything of the application's: nothing is borrowed.
            drop(dropped);
        }
    }

    fn take_deferred(&self) -> VecDeque<TaskEvent<V>> {
        self.deferred.take()
    }
}

fn undecodable(what: &str, reason: &Text) -> JobError {
    JobError::Undecodable { message: Text::new(format_args!("the job's {what}: {reason}")) }
}

/// Something for the application.
pub(crate) enum Telling<C, V> {
    Event {
        receiver: Rc<Receiver<C, V>>,
        event: TaskEvent<V>,
        /// Called before the event is told.
        credit: Option<Box<dyn FnOnce()>>,
    },
    Call(Box<dyn FnOnce(&mut C)>),
}

/// What is to be told, oldest first. It outlives its pool: what the pool has left is told, too.
pub(crate) struct Tellings<C: 'static, V: 'static> {
    router: WeakRouter<C>,
    queue: RefCell<VecDeque<Telling<C, V>>>,
    /// The router is going to call [`flush`](Tellings::flush).
    is_scheduled: Cell<bool>,
}

impl<C: 'static, V: 'static> Tellings<C, V> {
    pub(crate) fn new(router: &Router<C>) -> Rc<Self> {
        Rc::new(Self {
            router: router.downgrade(),
            queue: RefCell::default(),
            is_scheduled: Cell::new(false),
        })
    }

    pub(crate) fn push(&self, telling: Telling<C, V>) {
        self.queue.borrow_mut().push_back(telling);
    }

    /// Tells all that is to be told. Handlers are called with nothing borrowed. When one panics,
    /// the others are told in a later dispatch.
    pub(crate) fn flush(self: &Rc<Self>, context: &mut C) {
        let _rest = Rest(self);
        loop {
            let Some(telling) = self.queue.borrow_mut().pop_front() else { return };
            match telling {
                Telling::Call(call) => call(context),
                Telling::Event { receiver, event, credit } => {
                    if let Some(credit) = credit {
                        credit();
                    }
                    let deferred = Deferred { tellings: self, receiver: &receiver };
                    receiver.tell(context, event);
                    drop(deferred);
                }
            }
        }
    }

    /// Has the router flush, unless nothing is to be told.
    pub(crate) fn schedule(self: &Rc<Self>) {
        if self.queue.borrow().is_empty() || self.is_scheduled.get() {
            return;
        }
        let Some(router) = self.router.upgrade() else { return };
        let tellings = Rc::clone(self);
        let call = move |context: &mut C| {
            tellings.is_scheduled.set(false);
            tellings.flush(context);
        };
        // A router that has stopped calls no handlers.
        if let Ok(alarm) = router.after(Duration::ZERO, call) {
            self.is_scheduled.set(true);
            alarm.detach();
        }
    }
}

/// Has what is left told later, after the panic of a handler.
struct Rest<'a, C: 'static, V: 'static>(&'a Rc<Tellings<C, V>>);

impl<C: 'static, V: 'static> Drop for Rest<'_, C, V> {
    fn drop(&mut self) {
        self.0.schedule();
    }
}

/// Puts what a handler's nested event loop has brought for that handler to the front, also after
/// a panic.
struct Deferred<'a, C: 'static, V: 'static> {
    tellings: &'a Tellings<C, V>,
    receiver: &'a Rc<Receiver<C, V>>,
}

impl<C: 'static, V: 'static> Drop for Deferred<'_, C, V> {
    fn drop(&mut self) {
        if self.receiver.handler.try_borrow().is_err() {
            // The handler is still running, and this call has found that.
            return;
        }
        let deferred = self.receiver.take_deferred();
        let mut queue = self.tellings.queue.borrow_mut();
        for event in deferred.into_iter().rev() {
            let receiver = Rc::clone(self.receiver);
            queue.push_front(Telling::Event { receiver, event, credit: None });
        }
    }
}
