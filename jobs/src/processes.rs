//! Workers that are processes.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;

use homing_core::{DecodeLimits, RouterState, SendErrorKind, Text, WrongState, codec};
use homing_process::{Prepared, ProcessTransport, SpawnOptions};
use homing_router::{LinkError, LinkWaker, PipeOptions, Remote, Router, SpawnError, Worker};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

use crate::backend::{Backend, Hire, HireError, Member, OnEvent, Runs};
use crate::error::with_sources;
use crate::job::Job;
use crate::wire::{EncodedJob, Order, SharedBytes};
use crate::worker::encode;

/// Workers are processes. Jobs and values travel as bytes: they are what serde can carry.
#[derive(Debug)]
pub struct Processes(Infallible);

impl Backend for Processes {
    type Job = EncodedJob;
    type Value = ByteBuf;
}

impl<J> Runs<J> for Processes
where
    J: Job<Output: DeserializeOwned, Progress: DeserializeOwned> + Serialize,
{
    type Encoded = Vec<u8>;

    fn encode(job: &J) -> Result<Vec<u8>, Text> {
        encode(job).map(ByteBuf::into_vec).map_err(Text::new)
    }

    fn pack(_: J, encoded: Vec<u8>) -> EncodedJob {
        EncodedJob { name: J::NAME.into(), bytes: SharedBytes(Arc::new(encoded)) }
    }

    fn unpack_progress(value: ByteBuf) -> Result<J::Progress, Text> {
        decode(&value)
    }

    fn unpack_output(value: ByteBuf) -> Result<J::Output, Text> {
        decode(&value)
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Text> {
    codec::decode(bytes, &DecodeLimits::new()).map_err(|error| {
        Text::new(format_args!("it is no {}: {error}", std::any::type_name::<T>()))
    })
}

/// Worker processes that a pool is to have.
pub struct ProcessWorkers<T, F> {
    transport: Shared<T>,
    command: F,
    options: SpawnOptions,
}

impl<T, F> ProcessWorkers<T, F> {
    pub(crate) fn new(transport: T, command: F, options: SpawnOptions) -> Self {
        Self { transport: Shared(Rc::new(RefCell::new(transport))), command, options }
    }

    pub(crate) fn set_options(&mut self, options: SpawnOptions) {
        self.options = options;
    }
}

impl<T, F> fmt::Debug for ProcessWorkers<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessWorkers").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A transport that makes the links of several workers.
struct Shared<T>(Rc<RefCell<T>>);

impl<T: ProcessTransport> ProcessTransport for Shared<T> {
    fn prepare(&mut self, waker: LinkWaker) -> io::Result<Prepared> {
        self.0.borrow_mut().prepare(waker)
    }
}

impl<C, T, F> Hire<C, Processes> for ProcessWorkers<T, F>
where
    C: 'static,
    T: ProcessTransport,
    F: FnMut() -> Command,
{
    fn hire(
        &mut self,
        router: &Router<C>,
        _: u32,
        on_event: OnEvent<C, Processes>,
    ) -> Result<Box<dyn Member<Processes>>, HireError> {
        let command = (self.command)();
        let (worker, remote, _) = router
            .spawn(Shared(Rc::clone(&self.transport.0)), command)
            .options(self.options.clone())
            // What is sent is bounded: a worker has a job or two.
            .duplex_with(PipeOptions::new().command_capacity(usize::MAX), on_event)
            .map_err(|error| match error {
                SpawnError::Link(LinkError::WrongState(WrongState {
                    state: RouterState::Stopped,
                })) => HireError::RouterStopped,
                error => HireError::Other(with_sources(&error)),
            })?;
        Ok(Box::new(ProcessMember { worker, remote }))
    }
}

struct ProcessMember<C: 'static> {
    worker: Worker<C>,
    remote: Remote<C, Order<EncodedJob>>,
}

impl<C> Member<Processes> for ProcessMember<C> {
    fn send(&self, order: Order<EncodedJob>) -> Result<(), SendErrorKind> {
        self.remote.send(order).map_err(|error| error.kind())
    }

    fn kill(&self) {
        if let Err(error) = self.worker.kill() {
            log::error!(target: "homing::jobs", "worker {} cannot be killed: {error}", self.worker.process_id());
        }
    }

    fn process_id(&self) -> Option<u32> {
        Some(self.worker.process_id())
    }
}

impl<C> fmt::Debug for ProcessMember<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.worker.process_id())
    }
}
