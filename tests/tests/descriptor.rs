//! A loop that watches one descriptor, for edges: that of a set of doorbells. So do event
//! loops that take sources from others.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rigs;

use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::Duration;

use homing_conformance::foreground::{Foreground, open};
use homing_conformance::{EventLoopRig, WakeFn};
use homing_router::{Dispatched, DoorbellSet, LoopBinding, Router};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

struct Descriptor {
    doorbells: DoorbellSet,
    poll: Poll,
    events: Events,
    again: bool,
}

impl EventLoopRig for Descriptor {
    fn new() -> Self {
        let doorbells = DoorbellSet::new().unwrap();
        let poll = Poll::new().unwrap();
        doorbells.with_fd(|fd| {
            let source = &mut SourceFd(&fd.as_raw_fd());
            poll.registry().register(source, Token(0), Interest::READABLE).unwrap();
        });
        Self { doorbells, poll, events: Events::with_capacity(4), again: false }
    }

    fn binding(&self) -> LoopBinding {
        LoopBinding::readiness(&self.doorbells)
    }

    fn wake_fn(&self) -> WakeFn {
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

homing_conformance::event_loop_suite!(channel, rigs::Channels, Descriptor,
    except: [b06_a_message_over_the_limit_is_refused]
);
homing_conformance::event_loop_suite!(pipe, rigs::Pipes, Descriptor);

/// More links ring at once than one look at the doorbells finds: none makes a second edge.
#[test]
fn many_links_ring_at_once() {
    const LINKS: usize = 200;
    let mut foreground = Foreground::<Descriptor>::started();
    let links: Vec<_> = (0..LINKS).map(|_| foreground.link::<rigs::Pipes>()).collect();
    let mut senders: Vec<_> =
        links.iter().enumerate().map(|(n, link)| open::<rigs::Pipes>(link, n)).collect();
    foreground.run_pending();
    for round in 1..=3 {
        for sender in &mut senders {
            sender.send(round).unwrap();
        }
        let expected = LINKS * round as usize;
        foreground.until("all messages", |app| app.total() == expected);
        foreground.run_pending();
    }
}
