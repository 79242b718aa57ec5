//! A link that is polled by hand.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use homing_core::wake::WakeFlag;
use homing_core::{
    Arrival, Authorization, ConnectionId, Decode, End, Inlet, LinkEnd, MakeSender, MessageType,
    NewLink, Nonce, Overflow, Pinger, Sender, Ticket, Transport,
};
use homing_process::{Doorbells, Waker};

use super::{CodecOf, InletRig};
use crate::background::Background;
use crate::deadline::deadline;
use crate::rig::Sends;

/// The waker of a link that is polled by hand: what the transport, or the link's doorbell,
/// pings.
#[derive(Clone, Default)]
pub struct InletWaker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    flag: WakeFlag,
    woken: Mutex<bool>,
    is_woken: Condvar,
    /// What waits while the link sleeps, if it has a doorbell.
    doorbells: OnceLock<Waker>,
}

impl Pinger for InletWaker {
    fn ping(&self) {
        if self.0.flag.set() {
            *self.0.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.0.is_woken.notify_all();
            if let Some(doorbells) = self.0.doorbells.get() {
                doorbells.wake();
            }
        }
    }
}

impl InletWaker {
    /// Whether the link was woken since this was asked before; waits for it at most this long.
    fn take(&self, most: Duration) -> bool {
        let woken = self.0.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.is_woken.wait_timeout_while(woken, most, |woken| !*woken);
        let (mut woken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *woken)
    }
}

impl fmt::Debug for InletWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InletWaker").field("flag", &self.0.flag).finish_non_exhaustive()
    }
}

/// What an arrival was, with its message decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arrived<M> {
    Started(Nonce, u64, String),
    Message(M),
    Missed(u64),
    Stopped(End),
}

/// The two ends of a link, and what wakes it.
pub(super) struct PolledLink<R: InletRig> {
    /// Before the doorbells, as a router drops them.
    inlet: <R::Transport as Transport<InletWaker>>::Inlet,
    factory: Option<R::Factory>,
    doorbells: Option<Doorbells>,
    waker: InletWaker,
    /// How often the inlet was polled.
    pub(super) polls: usize,
}

impl<R: InletRig> PolledLink<R> {
    pub(super) fn new() -> Self {
        let waker = InletWaker::default();
        let made = R::small().link(waker.clone());
        let NewLink { factory, inlet, doorbell } = made.expect("there can be a link");
        let doorbell = doorbell.into();
        let doorbells = (!doorbell.is_none()).then(|| {
            let mut doorbells = Doorbells::new().expect("there can be a set of doorbells");
            // It is set once.
            let _ = waker.0.doorbells.set(doorbells.waker());
            let bell = Arc::new(waker.clone());
            doorbells.add(doorbell, None, bell).expect("a doorbell can be watched");
            doorbells
        });
        Self { inlet, factory: Some(factory), doorbells, waker, polls: 0 }
    }

    /// A sender of a pipe with this number, not started.
    pub(super) fn sender<M>(&self, pipe: u32) -> Sender<M, <R::Factory as Sends<M>>::Outlet>
    where
        R::Factory: Sends<M>,
    {
        self.sender_with(pipe, Overflow::Wait)
    }

    pub(super) fn sender_with<M>(
        &self,
        pipe: u32,
        overflow: Overflow,
    ) -> Sender<M, <R::Factory as Sends<M>>::Outlet>
    where
        R::Factory: Sends<M>,
    {
        let factory = self.factory.as_ref().expect("the worker's end is there");
        factory.make_sender(Ticket::new(connection(pipe), nonce(pipe)).with_overflow(overflow))
    }

    /// As [`sender`](Self::sender), of messages of this type.
    pub(super) fn sender_of<M>(
        &self,
        pipe: u32,
        message_type: MessageType<'static>,
    ) -> Sender<M, <R::Factory as Sends<M>>::Outlet>
    where
        R::Factory: Sends<M>,
    {
        let factory = self.factory.as_ref().expect("the worker's end is there");
        let ticket = Ticket::new(connection(pipe), nonce(pipe)).with_message_type(message_type);
        factory.make_sender(ticket)
    }

    /// Whether pipes have to be claimed.
    pub(super) fn is_claimed(&self) -> bool {
        <R::Factory as MakeSender<u64>>::AUTHORIZATION == Authorization::Nonce
    }

    /// Lets go of what makes senders, so that the link ends with the senders that there are.
    pub(super) fn drop_factory(&mut self) {
        self.factory = None;
    }

    /// Polls once. `Ok(None)` when nothing has come, `Ok(Some(None))` for a part.
    pub(super) fn poll<M>(&mut self) -> Result<Option<Option<(u32, Arrived<M>)>>, LinkEnd>
    where
        R::Factory: Sends<M>,
    {
        if let Some(doorbells) = &mut self.doorbells {
            doorbells.wait(Some(Duration::ZERO)).expect("the doorbells can be looked at");
        }
        self.polls += 1;
        let Some(arrival) = self.inlet.poll()? else { return Ok(None) };
        let (connection, arrived) = match arrival {
            Arrival::Started { connection, nonce, message_type } => {
                let (fingerprint, name) = (message_type.fingerprint(), message_type.name());
                (connection, Arrived::Started(nonce, fingerprint, name.to_owned()))
            }
            Arrival::Message { connection, payload } => {
                let message = CodecOf::<R, M>::decode(payload).expect("the message decodes");
                (connection, Arrived::Message(message))
            }
            Arrival::Missed { connection, count } => (connection, Arrived::Missed(count)),
            Arrival::Stopped { connection, end } => (connection, Arrived::Stopped(end)),
            Arrival::Partial | Arrival::Fragment { .. } => return Ok(Some(None)),
            other => panic!("an arrival that no pipe has: {other:?}"),
        };
        Ok(Some(Some((connection.index(), arrived))))
    }

    /// Polls, asleep in between, until something whole arrives, or the link ends.
    pub(super) fn next<M>(&mut self) -> Result<(u32, Arrived<M>), LinkEnd>
    where
        R::Factory: Sends<M>,
    {
        let start = Instant::now();
        loop {
            match self.poll()? {
                Some(Some(arrived)) => return Ok(arrived),
                Some(None) => {}
                None => {
                    // Clear first, look once more, sleep.
                    self.waker.0.flag.clear();
                    match self.poll()? {
                        Some(Some(arrived)) => return Ok(arrived),
                        Some(None) => {}
                        None => self.sleep(deadline().saturating_sub(start.elapsed())),
                    }
                }
            }
            assert!(start.elapsed() < deadline(), "waited in vain: an arrival");
        }
    }

    /// Waits until the link is woken, at most this long.
    fn sleep(&mut self, most: Duration) {
        match &mut self.doorbells {
            None => drop(self.waker.take(most)),
            Some(doorbells) => {
                // What was moved by the look that found nothing has pinged already.
                if !self.waker.take(Duration::ZERO) {
                    doorbells.waker().notify_capacity();
                    doorbells.wait(Some(most)).expect("the doorbells can be waited for");
                }
            }
        }
    }

    /// Takes arrivals until so many pipes have ended and their workers are done, and then what
    /// is left.
    pub(super) fn until_ends<M>(
        &mut self,
        ends: usize,
        workers: impl IntoIterator<Item = Background<()>>,
    ) -> Vec<(u32, Arrived<M>)>
    where
        R::Factory: Sends<M>,
    {
        let mut arrivals = Vec::new();
        let mut ended = 0;
        while ended < ends {
            let arrived = self.next().expect("the link does not end before its pipes");
            ended += usize::from(matches!(arrived.1, Arrived::Stopped(_)));
            arrivals.push(arrived);
        }
        for worker in workers {
            // A check may have it panic on purpose.
            let _ = worker.try_join();
        }
        while let Ok(Some(arrived)) = self.poll() {
            arrivals.extend(arrived);
        }
        arrivals
    }

    /// Takes arrivals until the link ends, and says how.
    pub(super) fn until_end<M>(&mut self) -> (Vec<(u32, Arrived<M>)>, LinkEnd)
    where
        R::Factory: Sends<M>,
    {
        let mut arrivals = Vec::new();
        loop {
            match self.next() {
                Ok(arrived) => arrivals.push(arrived),
                Err(end) => return (arrivals, end),
            }
        }
    }
}

/// The connection id of a pipe with this number.
fn connection(pipe: u32) -> ConnectionId {
    ConnectionId::from_parts(pipe, 0)
}

/// The nonce of that pipe's ticket.
pub(super) fn nonce(pipe: u32) -> Nonce {
    Nonce::new(0x5eed_0000 + u128::from(pipe))
}
