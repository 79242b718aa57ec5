//! Jobs that end within a scope.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use homing_router::RouteError;

use crate::backend::{Backend, Runs};
use crate::error::SubmitError;
use crate::job::{Job, JobEvent};
use crate::options::JobOptions;
use crate::pool::Pool;
use crate::task::Task;

/// Submits jobs that end within a scope. See [`Pool::scope`].
pub struct Scope<'a, 'env, C: 'static, K: Backend> {
    pool: &'a Pool<C, K>,
    jobs: Vec<ScopedJob<'env>>,
}

struct ScopedJob<'env> {
    task: Task,
    /// Tells the handler what has come. False when there was nothing.
    flush: Box<dyn FnMut() -> bool + 'env>,
    /// Whether there is something to tell, or the job has ended.
    has_news: Box<dyn Fn() -> bool>,
    has_ended: Box<dyn Fn() -> bool>,
}

/// What has come for a handler, and whether it was the end.
type Inbox<J> = Rc<(RefCell<VecDeque<JobEvent<J>>>, std::cell::Cell<bool>)>;

impl<'env, C: 'static, K: Backend> Scope<'_, 'env, C, K> {
    /// As [`Pool::submit`], with a handler that may borrow what outlives the scope. It is called
    /// when the scope's closure has returned.
    ///
    /// # Errors
    ///
    /// As [`Pool::submit`].
    pub fn submit<J: Job>(
        &mut self,
        job: J,
        handler: impl FnMut(JobEvent<J>) + 'env,
    ) -> Result<Task, SubmitError<J>>
    where
        K: Runs<J>,
    {
        self.submit_with(JobOptions::new(), job, handler)
    }

    /// As [`Pool::submit_with`], as [`submit`](Scope::submit).
    ///
    /// # Errors
    ///
    /// As [`Pool::submit`].
    pub fn submit_with<J: Job>(
        &mut self,
        options: JobOptions,
        job: J,
        mut handler: impl FnMut(JobEvent<J>) + 'env,
    ) -> Result<Task, SubmitError<J>>
    where
        K: Runs<J>,
    {
        let inbox: Inbox<J> = Rc::default();
        let arrivals = Rc::clone(&inbox);
        let task = self.pool.submit_with(options, job, move |_, event| {
            arrivals.1.set(matches!(event, JobEvent::Ended(_)));
            arrivals.0.borrow_mut().push_back(event);
        })?;
        let (events, ended, news) = (Rc::clone(&inbox), Rc::clone(&inbox), inbox);
        let flush = move || {
            let Some(event) = events.0.borrow_mut().pop_front() else { return false };
            handler(event);
            true
        };
        self.jobs.push(ScopedJob {
            task: task.clone(),
            flush: Box::new(flush),
            has_news: Box::new(move || !news.0.borrow().is_empty()),
            has_ended: Box::new(move || ended.1.get() && ended.0.borrow().is_empty()),
        });
        Ok(task)
    }

    /// Routes until all jobs have ended, and tells their handlers.
    fn wait(&mut self, context: &mut C) -> Result<(), RouteError> {
        loop {
            for job in &mut self.jobs {
                while (job.flush)() {}
            }
            self.jobs.retain(|job| !(job.has_ended)());
            if self.jobs.is_empty() {
                return Ok(());
            }
            let jobs = &self.jobs;
            let has_news = |_: &mut C| jobs.iter().any(|job| (job.has_news)());
            self.pool.router().route_until(context, has_news, None)?;
        }
    }
}

impl<C: 'static, K: Backend> Drop for Scope<'_, '_, C, K> {
    fn drop(&mut self) {
        // After a panic, or when the router cannot route: no job is left that is still wanted.
        for job in &self.jobs {
            job.task.cancel();
        }
    }
}

impl<C: 'static, K: Backend> fmt::Debug for Scope<'_, '_, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("jobs", &self.jobs.len()).finish_non_exhaustive()
    }
}

impl<C: 'static, K: Backend> Pool<C, K> {
    /// Calls `submit` with a scope, then routes until all jobs that were submitted to the scope have
    /// ended. Their handlers may borrow what outlives the scope; they are not given the context,
    /// which handlers of other jobs and pipes get meanwhile.
    ///
    /// For programs without an event loop, or before it runs: it routes as
    /// [`Router::route_until`](homing_router::Router::route_until), which unlinks the router from
    /// its event loop for the rest of its run.
    ///
    /// When a handler or `submit` panics, the jobs that have not ended are cancelled, and nothing
    /// more is told of them.
    ///
    /// # Errors
    ///
    /// As `route_until`; then the jobs that have not ended are cancelled.
    pub fn scope<'env, T>(
        &self,
        context: &mut C,
        submit: impl FnOnce(&mut Scope<'_, 'env, C, K>) -> T,
    ) -> Result<T, RouteError> {
        let mut scope = Scope { pool: self, jobs: Vec::new() };
        let value = submit(&mut scope);
        scope.wait(context)?;
        Ok(value)
    }
}
