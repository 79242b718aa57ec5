//! Workers that are threads of this process.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use homing_core::{ByValue, SendErrorKind, Text};
use homing_router::{Link, PipeOptions, Remote, Router};
use homing_transport_channel::ChannelFactory;

use crate::backend::{Backend, Hire, HireError, Member, OnEvent, Runs};
use crate::error::with_sources;
use crate::job::Job;
use crate::wire::{Order, Outcome};
use crate::worker::{Port, Station, run, serve};

/// Workers are threads. Jobs and values move: they need only be `Send`.
#[derive(Debug)]
pub struct Threads(Infallible);

/// A value on its way from a worker thread.
type Value = Box<dyn Any + Send>;

/// Runs a job whose type is known no more.
type Runner = Box<dyn FnOnce(&mut dyn Port<Value>) -> Outcome<Value> + Send>;

/// A job on its way to a worker thread. Clones are the same job, which is run once.
#[derive(Clone)]
pub struct ThreadJob(Arc<Mutex<Option<Runner>>>);

impl ThreadJob {
    fn take(&self) -> Option<Runner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for ThreadJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThreadJob")
    }
}

impl Backend for Threads {
    type Job = ThreadJob;
    type Value = Value;
}

impl<J: Job<Output: Send, Progress: Send> + Send> Runs<J> for Threads {
    type Encoded = ();

    fn encode(_: &J) -> Result<(), Text> {
        Ok(())
    }

    fn pack(job: J, (): ()) -> ThreadJob {
        let runner: Runner = Box::new(|port| run(port, || Ok(job), boxed, boxed));
        ThreadJob(Arc::new(Mutex::new(Some(runner))))
    }

    fn unpack_progress(value: Value) -> Result<J::Progress, Text> {
        unbox(value)
    }

    fn unpack_output(value: Value) -> Result<J::Output, Text> {
        unbox(value)
    }
}

fn boxed<T: Send + 'static>(value: T) -> Result<Value, String> {
    Ok(Box::new(value))
}

fn unbox<T: 'static>(value: Value) -> Result<T, Text> {
    let unboxed = value.downcast().map(|value| *value);
    unboxed.map_err(|_| Text::new(format_args!("it is no {}", std::any::type_name::<T>())))
}

/// Worker threads that a pool is to have: what each calls before its first job, and after its last.
#[derive(Clone, Default)]
pub struct ThreadWorkers {
    init: Vec<Arc<dyn Fn() -> Result<(), Text> + Send + Sync>>,
    teardown: Vec<Arc<dyn Fn() + Send + Sync>>,
}

impl ThreadWorkers {
    pub(crate) fn add_init(&mut self, init: impl Fn() -> Result<(), Text> + Send + Sync + 'static) {
        self.init.push(Arc::new(init));
    }

    pub(crate) fn add_teardown(&mut self, teardown: impl Fn() + Send + Sync + 'static) {
        self.teardown.push(Arc::new(teardown));
    }
}

impl fmt::Debug for ThreadWorkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadWorkers").finish_non_exhaustive()
    }
}

/// Starts worker threads.
pub(crate) struct HireThread<C: 'static> {
    pub(crate) link: Link<C, ChannelFactory>,
    pub(crate) name: String,
    pub(crate) workers: ThreadWorkers,
}

impl<C: 'static> Hire<C, Threads> for HireThread<C> {
    fn hire(
        &mut self,
        router: &Router<C>,
        number: u32,
        on_event: OnEvent<C, Threads>,
    ) -> Result<Box<dyn Member<Threads>>, HireError> {
        if !router.state().is_running() {
            return Err(HireError::RouterStopped);
        }
        // What is sent is bounded: a worker has a job or two.
        let options = PipeOptions::new().command_capacity(usize::MAX);
        let ((orders, sender), remote, _) = self
            .link
            .duplex_with(options, on_event)
            .map_err(|error| HireError::Other(with_sources(&error)))?;
        let workers = self.workers.clone();
        let thread = thread::Builder::new()
            .name(format!("{}-{number}", self.name))
            .spawn(move || {
                let ThreadWorkers { init, teardown } = workers;
                // The end of its pipe says what went wrong.
                let _ = serve(
                    Station::new(orders, sender),
                    || init.iter().try_for_each(|init| init()),
                    || teardown.iter().for_each(|teardown| teardown()),
                    |port, job: ThreadJob| match job.take() {
                        Some(run) => run(port),
                        None => Outcome::Undecodable("the job has run already".into()),
                    },
                );
            })
            .map_err(|error| HireError::Other(with_sources(&error)))?;
        Ok(Box::new(ThreadMember { thread: Some(thread), remote }))
    }
}

struct ThreadMember<C: 'static> {
    thread: Option<JoinHandle<()>>,
    remote: Remote<C, Order<ThreadJob>, ByValue>,
}

impl<C> Member<Threads> for ThreadMember<C> {
    fn send(&self, order: Order<ThreadJob>) -> Result<(), SendErrorKind> {
        self.remote.send(order).map_err(|error| error.kind())
    }

    fn kill(&self) {
        self.remote.cancel();
    }

    fn process_id(&self) -> Option<u32> {
        None
    }
}

impl<C> Drop for ThreadMember<C> {
    fn drop(&mut self) {
        // A thread that runs on is left alone: it ends when its job does.
        if let Some(thread) = self.thread.take()
            && thread.is_finished()
        {
            // Its panic was told by its pipe.
            let _ = thread.join();
        }
    }
}

impl<C> fmt::Debug for ThreadMember<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.thread.as_ref().and_then(|thread| thread.thread().name()) {
            Some(name) => write!(f, "thread {name}"),
            None => f.write_str("a thread"),
        }
    }
}
