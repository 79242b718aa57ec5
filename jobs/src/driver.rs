//! Tells the scheduler what happens, and does what it decides.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use homing_core::{Event, SendErrorKind};
use homing_router::Router;

use crate::backend::{Backend, Hire, HireError, Member};
use crate::error::JobError;
use crate::scheduler::{Action, ClosingMode, EndKind, Input, TaskId, TaskState, WorkerId};
use crate::state::{Detail, MemberState, State};
use crate::task::Control;
use crate::tellings::{TaskEvent, Telling, Tellings};
use crate::wire::{Order, OrderKind, Outcome, Report};

/// A pool.
pub(crate) struct Inner<C: 'static, K: Backend> {
    pub(crate) this: Weak<Self>,
    pub(crate) router: Router<C>,
    pub(crate) name: String,
    pub(crate) started: Instant,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) hire: RefCell<Box<dyn Hire<C, K>>>,
    pub(crate) state: RefCell<State<C, K>>,
    pub(crate) tellings: Rc<Tellings<C, K::Value>>,
    is_driving: Cell<bool>,
}

impl<C: 'static, K: Backend> Inner<C, K> {
    pub(crate) fn new(
        router: &Router<C>,
        name: String,
        memory_limit: Option<u64>,
        hire: Box<dyn Hire<C, K>>,
        state: State<C, K>,
    ) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            router: router.clone(),
            name,
            started: Instant::now(),
            memory_limit,
            hire: RefCell::new(hire),
            state: RefCell::new(state),
            tellings: Tellings::new(router),
            is_driving: Cell::new(false),
        })
    }

    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Takes in what has happened, and does what follows. What is to be told is told later.
    pub(crate) fn take_in(&self, input: Input, detail: Detail<K::Value>) {
        self.state.borrow_mut().inputs.push_back((input, detail));
        self.drive();
    }

    /// Does all that is to be done. Within itself, which the application's code may cause, it
    /// leaves that to the outer call.
    pub(crate) fn drive(&self) {
        if self.is_driving.replace(true) {
            return;
        }
        let _driving = Driving(&self.is_driving);
        self.note_stop();
        // All that is taken in at once has happened at the same time.
        let now = self.now();
        loop {
            let action = self.state.borrow_mut().scheduler.next_action();
            match action {
                Some(action) => self.perform(action),
                None if self.hand_over(now) || self.watch_stop() => {}
                None => break,
            }
        }
        self.set_alarm();
        self.watch_memory();
    }

    /// Closes the pool when its router is about to stop: its workers end, and so would others that
    /// were started for them.
    fn note_stop(&self) {
        let mut state = self.state.borrow_mut();
        if self.router.is_stopping() && !std::mem::replace(&mut state.is_stopping, true) {
            let close = Input::Close { mode: ClosingMode::Cancel, grace: None };
            state.inputs.push_front((close, Detail::Nothing));
        }
    }

    /// Hands the next input to the scheduler. False when there is none.
    fn hand_over(&self, now: Duration) -> bool {
        let mut state = self.state.borrow_mut();
        let Some((input, detail)) = state.inputs.pop_front() else { return false };
        let before = std::mem::replace(&mut state.detail, detail);
        state.scheduler.handle(now, input);
        drop(state);
        // It may be anything of the application's: nothing is borrowed.
        drop(before);
        true
    }

    fn perform(&self, action: Action) {
        match action {
            Action::Spawn { worker } => self.spawn(worker),
            Action::Send { worker, task } => self.send_job(worker, task),
            Action::Cancel { worker, task } => {
                self.send(worker, OrderKind::Cancel { task: task.0 });
            }
            Action::Recall { worker, task } => {
                self.send(worker, OrderKind::Recall { task: task.0 });
            }
            Action::Retire { worker } => self.send(worker, OrderKind::Retire),
            Action::Kill { worker } => {
                if let Some(member) = self.member(worker) {
                    member.kill();
                }
            }
            Action::Forget { worker } => self.forget(worker),
            Action::Started { task, .. } => self.note_started(task),
            Action::Progress { task } => self.pass_progress(task),
            Action::End { task, end } => self.end(task, end),
            Action::Retry { task, deaths } => self.retry(task, deaths),
            Action::Overdue { task } => self.tell(task, TaskEvent::Overdue),
            Action::Stalled { task } => self.tell(task, TaskEvent::Stalled),
            Action::GaveUp { reason } => self.give_up(reason),
            Action::Closed => self.note_closed(),
        }
    }

    fn spawn(&self, worker: WorkerId) {
        let this = Weak::clone(&self.this);
        let on_event = move |context: &mut C, event: Event<Report<K::Value>>| {
            // A pool that was dropped has killed its workers.
            if let Some(pool) = this.upgrade() {
                pool.on_event(context, worker, event);
            }
        };
        let spawning = Spawning { state: &self.state, worker };
        let hired = self.hire.borrow_mut().hire(&self.router, worker.slot, Box::new(on_event));
        std::mem::forget(spawning);
        let mut state = self.state.borrow_mut();
        match hired {
            Ok(member) => {
                let member = MemberState {
                    member: Rc::from(member),
                    is_ready: false,
                    job: None,
                    is_over_memory: false,
                };
                state.members.insert((worker.slot, worker.generation), member);
            }
            Err(error) => {
                state.inputs.push_back((Input::SpawnFailed { worker }, Detail::Nothing));
                match error {
                    HireError::RouterStopped => {
                        state.inputs.push_back((Input::Abort, Detail::Nothing));
                    }
                    HireError::Other(message) => {
                        log::error!(target: "homing::jobs", "pool {}: a worker cannot be started: {message}", self.name);
                        state.last_failure = message;
                    }
                }
            }
        }
    }

    fn member(&self, worker: WorkerId) -> Option<Rc<dyn Member<K>>> {
        self.state.borrow_mut().member(worker).map(|member| Rc::clone(&member.member))
    }

    fn send(&self, worker: WorkerId, order: OrderKind<K::Job>) {
        if let Some(member) = self.member(worker) {
            // The pipe of a worker that is gone ends, which tells.
            let _ = member.send(Order(order));
        }
    }

    fn send_job(&self, worker: WorkerId, task: TaskId) {
        let job = self.state.borrow().tasks.get(&task).and_then(|entry| entry.job.clone());
        let (Some(job), Some(member)) = (job, self.member(worker)) else { return };
        let sent = member.send(Order(OrderKind::Run { task: task.0, job }));
        if let Err(kind @ (SendErrorKind::TooLarge { .. } | SendErrorKind::Unencodable { .. })) =
            sent
        {
            let outcome = Outcome::Undecodable(format!("the job cannot be sent: {kind}"));
            let input = Input::Ended { worker, task, how: EndKind::Undecodable };
            self.state.borrow_mut().inputs.push_back((input, Detail::Outcome(outcome)));
        }
    }

    pub(crate) fn forget(&self, WorkerId { slot, generation }: WorkerId) {
        let member = self.state.borrow_mut().members.remove(&(slot, generation));
        drop(member);
    }

    fn note_started(&self, task: TaskId) {
        let mut state = self.state.borrow_mut();
        let Some(entry) = state.tasks.get_mut(&task) else { return };
        let job = if entry.is_repeatable { None } else { entry.job.take() };
        drop(state);
        // It may be anything of the application's: nothing is borrowed.
        drop(job);
        self.tell(task, TaskEvent::Started);
    }

    fn pass_progress(&self, task: TaskId) {
        let mut state = self.state.borrow_mut();
        let detail = std::mem::replace(&mut state.detail, Detail::Nothing);
        let Some(entry) = state.tasks.get(&task) else { return };
        let receiver = Rc::clone(&entry.receiver);
        drop(state);
        let Detail::Progress(value, values, worker) = detail else { return };
        let credit = (values > 0).then(|| {
            let this = Weak::clone(&self.this);
            Box::new(move || {
                if let Some(pool) = this.upgrade() {
                    pool.send(worker, OrderKind::Credit { task: task.0, values });
                }
            }) as Box<dyn FnOnce()>
        });
        self.tellings.push(Telling::Event { receiver, event: TaskEvent::Progress(value), credit });
    }

    pub(crate) fn tell(&self, task: TaskId, event: TaskEvent<K::Value>) {
        let state = self.state.borrow();
        let Some(entry) = state.tasks.get(&task) else { return };
        let receiver = Rc::clone(&entry.receiver);
        drop(state);
        self.tellings.push(Telling::Event { receiver, event, credit: None });
    }

    fn note_closed(&self) {
        let mut state = self.state.borrow_mut();
        state.is_closed = true;
        let (alarm, watch) = (state.alarm.take(), state.memory_watch.take());
        let on_closed = std::mem::take(&mut state.on_closed);
        drop(state);
        drop((alarm, watch));
        log::debug!(target: "homing::jobs", "pool {} is closed", self.name);
        for call in on_closed {
            self.tellings.push(Telling::Call(call));
        }
    }
}

/// Marks a pool as being driven.
struct Driving<'a>(&'a Cell<bool>);

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Counts a worker as not started when the application's code panics that makes its command.
struct Spawning<'a, C: 'static, K: Backend> {
    state: &'a RefCell<State<C, K>>,
    worker: WorkerId,
}

impl<C: 'static, K: Backend> Drop for Spawning<'_, C, K> {
    fn drop(&mut self) {
        let input = Input::SpawnFailed { worker: self.worker };
        self.state.borrow_mut().inputs.push_back((input, Detail::Nothing));
    }
}

impl<C: 'static, K: Backend> Control for Inner<C, K> {
    fn cancel(self: Rc<Self>, task: TaskId) -> bool {
        let now = self.now();
        let cancelled = self.state.borrow_mut().scheduler.cancel(now, task);
        self.drive();
        self.tellings.schedule();
        cancelled
    }

    fn state(&self, task: TaskId) -> Option<TaskState> {
        self.state.borrow().scheduler.state(task)
    }
}

impl<C: 'static, K: Backend> Drop for Inner<C, K> {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        for member in state.members.values() {
            member.member.kill();
        }
        for (_, entry) in std::mem::take(&mut state.tasks) {
            let event = TaskEvent::Ended(Err(JobError::Cancelled));
            let receiver = entry.receiver;
            self.tellings.push(Telling::Event { receiver, event, credit: None });
        }
        self.tellings.schedule();
    }
}
