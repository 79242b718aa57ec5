//! A worker: knows jobs by name, and runs those that its pool orders.

mod execution;
mod station;

use std::collections::HashMap;
use std::fmt;

use homing_core::{Commands, DecodeLimits, Outlet, Receiver, Sender, SenderError, Text, codec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

pub(crate) use self::execution::run;
pub(crate) use self::station::{Gone, Port, Station};
use crate::job::Job;
use crate::wire::{EncodedJob, Order, Outcome, Report};

/// Runs one kind of job, of which the bytes have come.
type RunKind = fn(&mut dyn Port<ByteBuf>, &[u8]) -> Outcome<ByteBuf>;

type Init = Box<dyn FnOnce() -> Result<(), Text>>;

/// A worker of a pool of processes: knows jobs by their names, and runs those that the pool orders.
///
/// Applications get it by `homing::jobs::worker()`, which also knows the worker's pipe.
#[must_use = "a worker is to serve"]
#[derive(Default)]
pub struct Worker {
    kinds: HashMap<&'static str, RunKind>,
    init: Vec<Init>,
    teardown: Vec<Box<dyn FnOnce()>>,
}

impl Worker {
    /// A worker that knows no job.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has the worker run jobs of this type.
    ///
    /// # Panics
    ///
    /// When the worker knows another job by the same name.
    pub fn job<J>(mut self) -> Self
    where
        J: Job<Output: Serialize, Progress: Serialize> + DeserializeOwned,
    {
        let known = self.kinds.insert(J::NAME, run_encoded::<J>);
        assert!(known.is_none(), "two jobs of one worker are named {:?}", J::NAME);
        self
    }

    /// Has `init` called before the first job. When it fails the worker ends with the error, and
    /// the pool starts another one, with the delays of its [`Restart`](crate::Restart).
    pub fn init<E: fmt::Display>(mut self, init: impl FnOnce() -> Result<(), E> + 'static) -> Self {
        self.init.push(Box::new(|| init().map_err(Text::new)));
        self
    }

    /// Has `teardown` called after the last job, when the worker is asked to end; not when it is
    /// killed.
    pub fn teardown(mut self, teardown: impl FnOnce() + 'static) -> Self {
        self.teardown.push(Box::new(teardown));
        self
    }

    /// Runs the jobs that come by `orders`, until the pool does not need this worker any more or is
    /// gone. The ends are those of a duplex pipe; the sender was not started.
    ///
    /// # Errors
    ///
    /// When the worker cannot be initialised, or its sender cannot be started.
    pub fn serve<I, O>(
        self,
        orders: Receiver<Order<EncodedJob>, I>,
        sender: Sender<Report<ByteBuf>, O>,
    ) -> Result<(), WorkerError>
    where
        I: Commands<Order<EncodedJob>>,
        O: Outlet<Report<ByteBuf>>,
    {
        let Self { kinds, init, teardown } = self;
        let init = || init.into_iter().try_for_each(|init| init());
        let teardown = || teardown.into_iter().for_each(|teardown| teardown());
        serve(Station::new(orders, sender), init, teardown, |port, job: EncodedJob| {
            match kinds.get(&*job.name) {
                Some(run) => run(port, &job.bytes.0),
                None => Outcome::Unknown(job.name.into_owned()),
            }
        })
    }
}

/// The whole of a worker, whatever its transport.
pub(crate) fn serve<P, V, I, O>(
    mut station: Station<P, V, I, O>,
    init: impl FnOnce() -> Result<(), Text>,
    teardown: impl FnOnce(),
    mut run: impl FnMut(&mut dyn Port<V>, P) -> Outcome<V>,
) -> Result<(), WorkerError>
where
    I: Commands<Order<P>>,
    O: Outlet<Report<V>>,
{
    station.sender().start().map_err(WorkerError::Sender)?;
    if let Err(message) = init() {
        // The foreground may be gone.
        let _ = station.sender().fail(&message);
        return Err(WorkerError::Init(message));
    }
    let served = serve_jobs(&mut station, &mut run);
    teardown();
    if served.is_ok() {
        // The foreground may be gone.
        let _ = station.sender().stop();
    }
    Ok(())
}

fn serve_jobs<P, V, I, O>(
    station: &mut Station<P, V, I, O>,
    run: &mut impl FnMut(&mut dyn Port<V>, P) -> Outcome<V>,
) -> Result<(), Gone>
where
    I: Commands<Order<P>>,
    O: Outlet<Report<V>>,
{
    station.ready()?;
    while let Some((task, job)) = station.next_job()? {
        let outcome = run(station, job);
        station.ended(task, outcome)?;
    }
    Ok(())
}

fn run_encoded<J>(port: &mut dyn Port<ByteBuf>, bytes: &[u8]) -> Outcome<ByteBuf>
where
    J: Job<Output: Serialize, Progress: Serialize> + DeserializeOwned,
{
    let unpack = || {
        codec::decode::<J>(bytes, &DecodeLimits::new())
            .map_err(|error| format!("the job {:?} does not decode: {error}", J::NAME))
    };
    run(port, unpack, encode, encode)
}

/// Encodes a value on its own. Its length is bounded by the link that it is sent on.
pub(crate) fn encode<T: Serialize>(value: T) -> Result<ByteBuf, String> {
    let mut bytes = Vec::new();
    match codec::append(&value, usize::MAX, DecodeLimits::DEFAULT_DEPTH, &mut bytes) {
        Ok(_) => Ok(ByteBuf::from(bytes)),
        Err(error) => Err(error.to_string()),
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("jobs", &self.kinds.keys()).finish_non_exhaustive()
    }
}

/// Why a worker has not served.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerError {
    /// Its sender could not be started.
    Sender(SenderError),
    /// It could not be initialised: the error of [`Worker::init`].
    Init(Text),
}

impl fmt::Display for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkerError::Sender(error) => error.fmt(f),
            WorkerError::Init(message) => write!(f, "the worker was not initialised: {message}"),
        }
    }
}

impl std::error::Error for WorkerError {}
