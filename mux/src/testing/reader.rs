//! The reading side of a link, as a router would be it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use homing_core::{Arrival, Inlet, LinkEnd, Payload, Pinger};
use homing_process::{Doorbell, Doorbells, WatchKey};

use super::Got;

/// Ends a check that hangs. Nothing is measured with it.
const HANG: Duration = Duration::from_secs(60);

/// How a reader learns that something has arrived.
pub trait Watch {
    /// Waits until something may have arrived, at most for so long.
    fn wait(&mut self, timeout: Duration);

    /// The reader has taken something.
    fn taken(&mut self) {}

    /// Stops watching the link.
    fn unwatch(&mut self) {}
}

/// The reading side of a link.
pub struct Reader {
    inlet: Box<dyn Inlet>,
    watch: Box<dyn Watch>,
}

impl Reader {
    /// For a link whose arrivals are watched in some way.
    pub fn new(inlet: impl Inlet + 'static, watch: impl Watch + 'static) -> Self {
        Self { inlet: Box::new(inlet), watch: Box::new(watch) }
    }

    /// For a link that is found to have something only by polling it.
    pub fn polled(inlet: impl Inlet + 'static) -> Self {
        Self::new(inlet, Polled)
    }

    /// For a link with a doorbell.
    pub fn watched(inlet: impl Inlet + 'static, doorbell: Doorbell) -> Self {
        let mut doorbells = Doorbells::new().unwrap();
        let key = doorbells.add(doorbell, None, Arc::new(Polled)).unwrap();
        Self::new(inlet, Watched { doorbells, key })
    }

    /// The inlet itself.
    pub fn inlet(&mut self) -> &mut dyn Inlet {
        &mut *self.inlet
    }

    /// Moves what has come to where the inlet finds it.
    pub fn pump(&mut self) {
        self.watch.wait(Duration::ZERO);
    }

    /// Stops watching the link.
    pub fn unwatch(&mut self) {
        self.watch.unwatch();
    }

    /// Takes what is in the inlet, or `None`.
    ///
    /// # Errors
    ///
    /// The link's end.
    pub fn poll(&mut self) -> Result<Option<Got>, LinkEnd> {
        let got = loop {
            break match self.inlet.poll()? {
                None => None,
                Some(Arrival::Partial | Arrival::Fragment { .. }) => continue,
                Some(Arrival::Started { connection, nonce, .. }) => {
                    Some(Got::Started(connection.index(), nonce))
                }
                Some(Arrival::Message { connection, payload: Payload::Bytes { bytes, .. } }) => {
                    Some(Got::Message(connection.index(), bytes.to_vec()))
                }
                Some(Arrival::Answer {
                    connection,
                    question,
                    payload: Payload::Bytes { bytes, .. },
                }) => Some(Got::Answer(connection.index(), question, bytes.to_vec())),
                Some(Arrival::Taken { connection, commands }) => {
                    Some(Got::Taken(connection.index(), commands))
                }
                Some(Arrival::Missed { connection, count }) => {
                    Some(Got::Missed(connection.index(), count))
                }
                Some(Arrival::Stopped { connection, end }) => {
                    Some(Got::Stopped(connection.index(), end))
                }
                Some(other) => panic!("{other:?}"),
            };
        };
        self.watch.taken();
        Ok(got)
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    ///
    /// The link's end.
    pub fn recv(&mut self) -> Result<Got, LinkEnd> {
        let deadline = Instant::now() + HANG;
        loop {
            if let Some(got) = self.poll()? {
                return Ok(got);
            }
            assert!(Instant::now() < deadline, "nothing comes");
            self.watch.wait(Duration::from_secs(1));
        }
    }

    /// Takes all until `pipe` has ended.
    pub fn until_stopped(&mut self, pipe: u32) -> Vec<Got> {
        let mut all = Vec::new();
        loop {
            all.push(self.recv().unwrap());
            if let Some(Got::Stopped(ended, _)) = all.last()
                && *ended == pipe
            {
                return all;
            }
        }
    }

    /// Takes all until the link has ended.
    pub fn until_end(&mut self) -> (Vec<Got>, LinkEnd) {
        let mut all = Vec::new();
        loop {
            match self.recv() {
                Ok(got) => all.push(got),
                Err(end) => return (all, end),
            }
        }
    }

    /// Lets go of the link, as a router does.
    pub fn hang_up(self) {
        let Self { inlet, mut watch } = self;
        drop(inlet);
        watch.unwatch();
    }

    /// Drops the inlet, and gives back what watches it.
    pub fn into_watch(self) -> Box<dyn Watch> {
        self.watch
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

struct Polled;

impl Watch for Polled {
    fn wait(&mut self, _timeout: Duration) {
        thread::yield_now();
    }
}

impl Pinger for Polled {
    fn ping(&self) {}
}

struct Watched {
    doorbells: Doorbells,
    key: WatchKey,
}

impl Watch for Watched {
    fn wait(&mut self, timeout: Duration) {
        self.doorbells.wait(Some(timeout)).unwrap();
    }

    fn taken(&mut self) {
        self.doorbells.waker().notify_capacity();
    }

    fn unwatch(&mut self) {
        self.doorbells.unwatch(self.key);
    }
}
