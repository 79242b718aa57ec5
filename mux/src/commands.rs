//! The receiving end of one pipe's way back.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use homing_core::{
    AsyncCommands, Commands, ConnectionId, DecodeLimits, Receiver, RecvError, Ticket, Told,
    Undecodable, Wait, codec,
};
use serde::de::DeserializeOwned;

use crate::mux::Mux;
use crate::outlet::Claim;
use crate::sink::FrameSink;
use crate::way_back::{PipeEnd, Received, WINDOW, WayBack, cost};

/// The receiver of a duplex pipe on a link of bytes.
pub type MuxReceiver<D, S> = Receiver<D, MuxCommands<D, S>>;

/// The receiving end of one pipe's way back on a link of bytes.
///
/// Like its sender, it claims the pipe when it is first used.
pub struct MuxCommands<D, S: FrameSink> {
    mux: Arc<Mux<S>>,
    way_back: Option<WayBack>,
    pipe: Arc<PipeEnd>,
    claim: Claim,
    /// What was taken since the peer was last told, as the window counts it.
    owed: u64,
    _command: PhantomData<fn() -> D>,
}

impl<D, S: FrameSink> MuxCommands<D, S> {
    pub(crate) fn new<U>(mux: Arc<Mux<S>>, ticket: &Ticket<U, D>) -> Self {
        let way_back = mux.way_back().cloned();
        let pipe = match &way_back {
            Some(way_back) => way_back.pipe_end(ticket.connection()),
            None => Arc::default(),
        };
        Self { mux, way_back, pipe, claim: Claim::new(ticket), owed: 0, _command: PhantomData }
    }

    fn connection(&self) -> ConnectionId {
        self.claim.connection
    }

    /// Tells the peer what was taken. It does not wait.
    fn settle(&mut self) {
        self.owed = 0;
        // A peer that is gone is found by the next look at the way back.
        let _ = self.mux.settle(self.connection(), &self.pipe);
    }

    /// The way back, once the pipe is claimed.
    fn claimed(&self) -> Result<WayBack, RecvError> {
        if self.mux.sink.is_forked_copy() {
            return Err(RecvError::Forked);
        }
        let way_back = self.way_back.clone().ok_or(RecvError::Disconnected)?;
        if self.pipe.claim_for_receiver() {
            self.mux.claim(&self.claim).map_err(|_| RecvError::Disconnected)?;
        }
        Ok(way_back)
    }

    /// Decodes a command that was taken.
    fn take(&mut self, command: &[u8], limits: &DecodeLimits) -> Result<D, RecvError>
    where
        D: DeserializeOwned,
    {
        self.owed += cost(command);
        if self.owed >= WINDOW / 2 {
            self.settle();
        }
        codec::decode(command, limits)
            .map_err(|error| RecvError::Undecodable(Undecodable::new::<D>(error)))
    }
}

impl<D: DeserializeOwned, S: FrameSink> Commands<D> for MuxCommands<D, S> {
    fn recv(&mut self, wait: Wait) -> Result<D, RecvError> {
        let way_back = self.claimed()?;
        loop {
            match way_back.recv(self.connection(), &self.pipe, wait)? {
                Received::Settle => self.settle(),
                Received::Command(command, limits) => return self.take(&command, &limits),
            }
        }
    }

    fn told(&self) -> Told {
        match &self.way_back {
            Some(way_back) => way_back.told(&self.pipe),
            None => Told::NOTHING,
        }
    }
}

impl<D: DeserializeOwned, S: FrameSink> AsyncCommands<D> for MuxCommands<D, S> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<D, RecvError>> {
        let way_back = self.claimed()?;
        loop {
            let Poll::Ready(received) = way_back.poll_recv(self.connection(), &self.pipe, cx)
            else {
                return Poll::Pending;
            };
            match received? {
                Received::Settle => self.settle(),
                Received::Command(command, limits) => {
                    return Poll::Ready(self.take(&command, &limits));
                }
            }
        }
    }
}

impl<D, S: FrameSink> Drop for MuxCommands<D, S> {
    fn drop(&mut self) {
        if let Some(way_back) = &self.way_back
            && !self.mux.sink.is_forked_copy()
        {
            way_back.release(self.connection(), &self.pipe);
        }
    }
}

impl<D, S: FrameSink> fmt::Debug for MuxCommands<D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MuxCommands")
            .field("connection", &self.connection())
            .finish_non_exhaustive()
    }
}
