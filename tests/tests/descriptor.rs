//! A loop that watches one descriptor, for edges: that of a set of doorbells. So do event
//! loops that take sources from others.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rigs;

use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::Duration;

use homing_conformance::{HomeRig, Nudge};
use homing_router::{Dispatched, DoorbellSet, Home, Router};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

struct Descriptor {
    doorbells: DoorbellSet,
    poll: Poll,
    events: Events,
    again: bool,
}

impl HomeRig for Descriptor {
    fn new() -> Self {
        let doorbells = DoorbellSet::new().unwrap();
        let poll = Poll::new().unwrap();
        doorbells.with_fd(|fd| {
            let source = &mut SourceFd(&fd.as_raw_fd());
            poll.registry().register(source, Token(0), Interest::READABLE).unwrap();
        });
        Self { doorbells, poll, events: Events::with_capacity(4), again: false }
    }

    fn home(&self) -> Home {
        Home::watched(&self.doorbells)
    }

    fn nudge(&self) -> Nudge {
        let waker = self.doorbells.waker();
        Arc::new(move || waker.wake())
    }

    fn turn<C: 'static>(&mut self, router: &Router<C>, app: &mut C, most: Duration) {
        if !self.again {
            match self.poll.poll(&mut self.events, Some(most)) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return,
                polled => polled.unwrap(),
            }
            if self.events.is_empty() {
                return;
            }
        }
        self.doorbells.wait(Some(Duration::ZERO)).unwrap();
        self.again = router.dispatch(app) == Dispatched::Again;
    }
}

homing_conformance::home_suite!(channel, rigs::Channels, Descriptor);
homing_conformance::home_suite!(pipe, rigs::Pipes, Descriptor);
