//! How the loop learns of messages where it can watch a descriptor: that of the doorbells.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ::calloop::generic::Generic;
use ::calloop::{EventSource as _, Interest, Mode, PostAction, Readiness, Token};
use homing_router::{DoorbellSet, LoopBinding};

pub(super) struct Wakeup {
    doorbells: DoorbellSet,
    /// Another descriptor of the same set, which may be closed before or after it.
    source: Generic<OwnedFd>,
}

impl Wakeup {
    pub(super) fn new() -> io::Result<Self> {
        Self::of(DoorbellSet::new()?)
    }

    /// Another of the same doorbells.
    pub(super) fn again(&self) -> io::Result<Self> {
        Self::of(self.doorbells.clone())
    }

    fn of(doorbells: DoorbellSet) -> io::Result<Self> {
        let descriptor = doorbells.with_fd(|fd| fd.try_clone_to_owned())?;
        Ok(Self { doorbells, source: Generic::new(descriptor, Interest::READ, Mode::Level) })
    }

    pub(super) fn binding(&self) -> LoopBinding {
        LoopBinding::readiness(&self.doorbells)
    }

    pub(super) fn source(&mut self) -> &mut Generic<OwnedFd> {
        &mut self.source
    }

    /// Before the dispatch: what rings after it makes another event. Whether there was
    /// reason for one.
    pub(super) fn acknowledge(
        &mut self,
        readiness: Readiness,
        token: Token,
    ) -> io::Result<(bool, PostAction)> {
        let mut woken = false;
        let action = self.source.process_events(readiness, token, |_, _| {
            woken = true;
            Ok(PostAction::Continue)
        })?;
        if woken {
            self.doorbells.wait(Some(Duration::ZERO))?;
        }
        Ok((woken, action))
    }

    pub(super) fn ring(&self) {
        self.doorbells.waker().wake();
    }
}
