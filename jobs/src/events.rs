//! What a worker's pipe brings.

use std::rc::Rc;
use std::time::Duration;

use homing_core::{End, Event, Text};

use crate::backend::{Backend, Member};
use crate::driver::Inner;
use crate::scheduler::{EndKind, Input, TaskId, WorkerId};
use crate::state::Detail;
use crate::wire::{Outcome, Report, ReportKind};

impl<C: 'static, K: Backend> Inner<C, K> {
    /// A worker's pipe has brought something.
    pub(crate) fn on_event(
        &self,
        context: &mut C,
        worker: WorkerId,
        event: Event<Report<K::Value>>,
    ) {
        match event {
            Event::Message(Report(report)) => self.on_report(worker, report),
            Event::Ended(end) => self.on_death(worker, end),
        }
        self.tellings.flush(context);
    }

    fn on_report(&self, worker: WorkerId, report: ReportKind<K::Value>) {
        let (input, detail) = match report {
            ReportKind::Ready => {
                if let Some(member) = self.state.borrow_mut().member(worker) {
                    member.is_ready = true;
                }
                (Input::WorkerReady { worker }, Detail::Nothing)
            }
            ReportKind::Started { task } => {
                let task = TaskId(task);
                self.note_job(worker, Some(task));
                (Input::Started { worker, task }, Detail::Nothing)
            }
            ReportKind::Progress { task, credit, value } => {
                let input = Input::Progress { worker, task: TaskId(task) };
                (input, Detail::Progress(value, credit, worker))
            }
            ReportKind::Ended { task, outcome } => {
                self.note_job(worker, None);
                let how = kind_of(&outcome);
                (Input::Ended { worker, task: TaskId(task), how }, Detail::Outcome(outcome))
            }
            ReportKind::Returned { task } => {
                (Input::Returned { worker, task: TaskId(task) }, Detail::Nothing)
            }
        };
        self.take_in(input, detail);
    }

    /// Notes which job a worker runs.
    fn note_job(&self, worker: WorkerId, task: Option<TaskId>) {
        let mut state = self.state.borrow_mut();
        let job = task.and_then(|task| Some(state.tasks.get(&task)?.name));
        if let Some(member) = state.member(worker) {
            member.job = job;
        }
    }

    fn on_death(&self, worker: WorkerId, end: End) {
        let mut state = self.state.borrow_mut();
        let Some(member) = state.member(worker) else { return };
        let (is_ready, is_over_memory) = (member.is_ready, member.is_over_memory);
        if end == End::Finished {
            log::debug!(target: "homing::jobs", "pool {}: {:?} has ended", self.name, member.member);
            if self.router.is_stopping() {
                state.inputs.push_back((Input::Leaving { worker }, Detail::Nothing));
            }
        } else {
            log::warn!(target: "homing::jobs", "pool {}: {:?} has died: {end}", self.name, member.member);
            state.last_failure = Text::new(&end);
        }
        if !is_ready && matches!(end, End::Failed { .. } | End::Panicked(_)) {
            state.inputs.push_back((Input::InitFailed { worker }, Detail::Nothing));
        }
        // Only a router that stops closes the pipes of workers.
        if end == End::Closed {
            state.inputs.push_back((Input::Abort, Detail::Nothing));
        }
        let grace = state.scheduler.retire_grace();
        let member = state.member(worker).map(|member| Rc::clone(&member.member));
        drop(state);
        if let Some(member) = member.filter(|_| !matches!(end, End::Lost(_))) {
            self.end_process(member, grace);
        }
        self.take_in(Input::WorkerEnded { worker }, Detail::Death { end, is_over_memory });
        self.forget(worker);
    }
}

impl<C: 'static, K: Backend> Inner<C, K> {
    /// A worker has served. Its process is about to end; one whose program goes on is killed.
    fn end_process(&self, member: Rc<dyn Member<K>>, grace: Duration) {
        if member.process_id().is_none() {
            return;
        }
        // A router that has stopped has killed it.
        if let Ok(alarm) = self.router.after(grace, move |_: &mut C| member.kill()) {
            alarm.detach();
        }
    }
}

fn kind_of<V>(outcome: &Outcome<V>) -> EndKind {
    match outcome {
        Outcome::Completed(_) => EndKind::Completed,
        Outcome::Failed(_) => EndKind::Failed,
        Outcome::Panicked { .. } => EndKind::Panicked,
        Outcome::Cancelled => EndKind::Cancelled,
        Outcome::Unknown(_) => EndKind::Unknown,
        Outcome::Undecodable(_) => EndKind::Undecodable,
    }
}
