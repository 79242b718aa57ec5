//! Faults of the foreground's end. They keep arrivals in a queue, so messages are bytes.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::time::Duration;

use homing_conformance::homing_core::{
    Arrival, ConnectionId, End, Inlet, LinkEnd, MessageType, Nonce, Payload,
};

use super::Fault;

/// How many arrivals a fault that discards or overtakes some looks ahead.
const AHEAD: usize = 64;

/// An inlet with a fault.
pub struct WrongInlet<I, F> {
    inlet: I,
    queue: VecDeque<Owned>,
    end: Option<LinkEnd>,
    /// Whether the next arrival is one that was returned before.
    is_again: bool,
    /// What was returned last.
    bytes: Vec<u8>,
    fault: PhantomData<F>,
}

/// An arrival.
#[derive(Clone)]
enum Owned {
    Started(ConnectionId, Nonce),
    Message(ConnectionId, Vec<u8>),
    Stopped(ConnectionId, End),
    Missed(ConnectionId, u64),
    Fragment(ConnectionId),
    Partial,
}

impl Owned {
    fn new(arrival: Arrival<'_>) -> Self {
        match arrival {
            Arrival::Started { connection, nonce, .. } => Self::Started(connection, nonce),
            Arrival::Message { connection, payload: Payload::Bytes { bytes, .. } } => {
                Self::Message(connection, bytes.to_vec())
            }
            Arrival::Message { .. } => unreachable!("these faults are of links of bytes"),
            Arrival::Stopped { connection, end } => Self::Stopped(connection, end),
            Arrival::Missed { connection, count } => Self::Missed(connection, count),
            Arrival::Fragment { connection } => Self::Fragment(connection),
            Arrival::Partial => Self::Partial,
            other => panic!("an arrival that these faults do not know: {other:?}"),
        }
    }
}

impl<I: Inlet, F: Fault> WrongInlet<I, F> {
    /// Whether arrivals pass as they are.
    const IS_RIGHT: bool = !(F::ENDS_TWICE
        || F::ENDS_EARLY
        || F::CLAIMS_LATE
        || F::FORGETS_AT_THE_END
        || F::TAKES_WHOLE_MESSAGES
        || F::REPORTS_NO_DROPS);

    pub fn new(inlet: I) -> Self {
        let (queue, bytes) = (VecDeque::new(), Vec::new());
        Self { inlet, queue, end: None, is_again: false, bytes, fault: PhantomData }
    }

    /// Takes arrivals from the right inlet.
    fn fill(&mut self) {
        let ahead = if F::ENDS_TWICE || F::TAKES_WHOLE_MESSAGES { 1 } else { AHEAD };
        while self.queue.len() < ahead && self.end.is_none() {
            match self.inlet.poll() {
                Ok(Some(Arrival::Partial | Arrival::Fragment { .. }))
                    if F::TAKES_WHOLE_MESSAGES => {}
                Ok(Some(Arrival::Missed { .. })) if F::REPORTS_NO_DROPS => {}
                Ok(Some(arrival)) => self.queue.push_back(Owned::new(arrival)),
                Ok(None) => break,
                Err(end) => {
                    self.end = Some(end);
                    if F::FORGETS_AT_THE_END {
                        self.queue.clear();
                    }
                }
            }
        }
    }

    /// Has an arrival overtake the one before it.
    fn overtake(&mut self) {
        for second in 1..self.queue.len() {
            let first = second - 1;
            let overtakes = match (&self.queue[first], &self.queue[second]) {
                (Owned::Message(one, _), Owned::Stopped(other, _)) => F::ENDS_EARLY && one == other,
                (Owned::Started(one, _), Owned::Message(other, _)) => {
                    F::CLAIMS_LATE && one == other
                }
                _ => false,
            };
            if overtakes {
                self.queue.swap(first, second);
            }
        }
    }
}

impl<I: Inlet, F: Fault> WrongInlet<I, F> {
    /// Whether what is to overtake the next arrival has not come: the fault does not depend on
    /// how fast the worker is.
    fn waits_to_be_overtaken(&self) -> bool {
        let is_last = self.queue.len() == 1 && self.end.is_none();
        is_last
            && match self.queue.front() {
                Some(Owned::Message(..)) => F::ENDS_EARLY,
                Some(Owned::Started(..)) => F::CLAIMS_LATE,
                _ => false,
            }
    }
}

impl<I: Inlet, F: Fault> Inlet for WrongInlet<I, F> {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        if Self::IS_RIGHT {
            let polled = self.inlet.poll();
            if F::WAITS_IN_POLL && matches!(polled, Ok(None)) {
                std::thread::sleep(Duration::from_secs(3600));
            }
            return polled;
        }
        self.fill();
        self.overtake();
        if self.waits_to_be_overtaken() {
            return Ok(None);
        }
        let Some(next) = self.queue.pop_front() else {
            return self.end.clone().map_or(Ok(None), Err);
        };
        let is_again = std::mem::take(&mut self.is_again);
        if F::ENDS_TWICE && !is_again && matches!(next, Owned::Stopped(..)) {
            self.queue.push_front(next.clone());
            self.is_again = true;
        }
        Ok(Some(match next {
            Owned::Started(connection, nonce) => {
                let message_type = MessageType::UNCHECKED;
                Arrival::Started { connection, nonce, message_type }
            }
            Owned::Message(connection, bytes) => {
                self.bytes = bytes;
                Arrival::Message { connection, payload: Payload::bytes(&self.bytes) }
            }
            Owned::Stopped(connection, end) => Arrival::Stopped { connection, end },
            Owned::Missed(connection, count) => Arrival::Missed { connection, count },
            Owned::Fragment(connection) => Arrival::Fragment { connection },
            Owned::Partial => Arrival::Partial,
        }))
    }
}
