//! How the loop learns of messages where it can watch no descriptor: it is pinged.

use std::io;

use ::calloop::ping::{Ping, PingSource, make_ping};
use ::calloop::{EventSource as _, PostAction, Readiness, Token};
use homing_core::Pinger;
use homing_router::LoopBinding;

pub(super) struct Wakeup {
    ping: Ping,
    source: PingSource,
}

impl Wakeup {
    pub(super) fn new() -> io::Result<Self> {
        let (ping, source) = make_ping()?;
        Ok(Self { ping, source })
    }

    pub(super) fn binding(&self) -> LoopBinding {
        LoopBinding::pinger(CalloopPinger(self.ping.clone()))
    }

    pub(super) fn source(&mut self) -> &mut PingSource {
        &mut self.source
    }

    /// Before the dispatch: a ping after it makes another event. Whether there was one.
    pub(super) fn acknowledge(
        &mut self,
        readiness: Readiness,
        token: Token,
    ) -> io::Result<(bool, PostAction)> {
        // Not from within: on Windows the source holds a lock then, which a ping takes.
        let mut woken = false;
        let action = self
            .source
            .process_events(readiness, token, |(), ()| woken = true)
            .map_err(io::Error::other)?;
        Ok((woken, action))
    }

    pub(super) fn ring(&self) {
        self.ping.ping();
    }
}

struct CalloopPinger(Ping);

impl Pinger for CalloopPinger {
    fn ping(&self) {
        self.0.ping();
    }
}
