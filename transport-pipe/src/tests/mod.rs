//! What the transport promises, through its public surface, on real OS pipes.
//!
//! A pipe goes by the index of its connection here: the tests number them themselves. The
//! thread of a test is the foreground's.
//!
//! On Windows a full link makes every sender wait, so what is tested on full links is tested
//! elsewhere only.

mod batches;
#[cfg(unix)]
mod disconnect;
#[cfg(unix)]
mod foreground;
mod hostile;
#[cfg(unix)]
mod large;
mod order;
#[cfg(unix)]
mod overflow;
mod stream;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use homing_core::{
    Arrival, ConnectionId, End, Inlet, LinkEnd, MakeSender, NewLink, Nonce, Overflow, Pinger,
    Ticket, Transport,
};
use homing_process::{Doorbell, Doorbells, WatchKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Pipe, PipeFactory, Sender};

/// Ends a test that hangs. Nothing is measured with it.
const HANG: Duration = Duration::from_secs(60);

struct Silent;

impl Pinger for Silent {
    fn ping(&self) {}
}

/// What arrived, by pipe.
#[derive(Clone, Debug, PartialEq)]
enum Got {
    Started(u32, u128),
    Message(u32, Vec<u8>),
    Missed(u32, u64),
    Stopped(u32, End),
}

impl Got {
    fn message<M: Serialize>(pipe: u32, message: &M) -> Self {
        let mut bytes = Vec::new();
        homing_core::encode::append(message, usize::MAX, &mut bytes).unwrap();
        Got::Message(pipe, bytes)
    }
}

/// The foreground: an inlet and the doorbells that fill it.
struct Foreground {
    inlet: Box<dyn Inlet>,
    doorbells: Doorbells,
    key: WatchKey,
}

impl Foreground {
    fn new(inlet: Box<dyn Inlet>, doorbell: Doorbell) -> Self {
        let mut doorbells = Doorbells::new().unwrap();
        let key = doorbells.add(doorbell, None, Arc::new(Silent)).unwrap();
        Self { inlet, doorbells, key }
    }

    /// Moves what waits in the OS pipe.
    fn pump(&mut self) {
        self.doorbells.wait(Some(Duration::ZERO)).unwrap();
    }

    /// Takes what is in the inlet, or `None`.
    fn poll(&mut self) -> Result<Option<Got>, LinkEnd> {
        let got = loop {
            break match self.inlet.poll()? {
                None => None,
                Some(Arrival::Partial) => continue,
                Some(Arrival::Started { connection, nonce }) => {
                    Some(Got::Started(connection.index(), nonce.bits()))
                }
                Some(Arrival::Message { connection, payload }) => match payload {
                    homing_core::Payload::Bytes(bytes) => {
                        Some(Got::Message(connection.index(), bytes.to_vec()))
                    }
                    other => panic!("{other:?}"),
                },
                Some(Arrival::Missed { connection, count }) => {
                    Some(Got::Missed(connection.index(), count))
                }
                Some(Arrival::Stopped { connection, end }) => {
                    Some(Got::Stopped(connection.index(), end))
                }
            };
        };
        self.doorbells.waker().notify_capacity();
        Ok(got)
    }

    /// Waits for what comes next.
    fn next(&mut self) -> Result<Got, LinkEnd> {
        let deadline = Instant::now() + HANG;
        loop {
            if let Some(got) = self.poll()? {
                return Ok(got);
            }
            assert!(Instant::now() < deadline, "nothing comes");
            self.doorbells.wait(Some(Duration::from_secs(1))).unwrap();
        }
    }

    /// Takes all until `pipe` has ended.
    fn until_stopped(&mut self, pipe: u32) -> Vec<Got> {
        let mut all = Vec::new();
        loop {
            all.push(self.next().unwrap());
            if let Some(Got::Stopped(ended, _)) = all.last()
                && *ended == pipe
            {
                return all;
            }
        }
    }

    /// Takes all until the link has ended.
    fn until_end(&mut self) -> (Vec<Got>, LinkEnd) {
        let mut all = Vec::new();
        loop {
            match self.next() {
                Ok(got) => all.push(got),
                Err(end) => return (all, end),
            }
        }
    }

    /// Lets go of the link, as a router does.
    fn hang_up(self) {
        let Self { inlet, mut doorbells, key } = self;
        drop(inlet);
        doorbells.unwatch(key);
    }
}

fn link(mut pipe: Pipe) -> (PipeFactory, Foreground) {
    let NewLink { factory, inlet, doorbell } = pipe.link(Silent).unwrap();
    (factory, Foreground::new(Box::new(inlet), doorbell))
}

fn initial<M: Serialize + DeserializeOwned>(
    factory: &PipeFactory,
    pipe: u32,
    overflow: Overflow,
) -> Sender<M> {
    let connection = ConnectionId::from_parts(pipe, 0);
    factory.make_sender(
        Ticket::new(connection, Nonce::new(u128::from(pipe) + 7)).with_overflow(overflow),
    )
}

/// A started sender.
fn sender<M: Serialize + DeserializeOwned>(
    factory: &PipeFactory,
    pipe: u32,
    overflow: Overflow,
) -> Sender<M> {
    let mut sender = initial(factory, pipe, overflow);
    sender.start().unwrap();
    sender
}

/// Fills the OS pipe to the last byte that takes a message, with messages of pipe 99.
#[cfg(unix)]
fn fill(factory: &PipeFactory) -> Sender<Vec<u8>> {
    let mut sender = sender::<Vec<u8>>(factory, 99, Overflow::GiveBack);
    for len in [1000, 100, 0] {
        while sender.send(vec![0; len]).is_ok() {}
    }
    sender
}
