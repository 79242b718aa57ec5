//! An event loop over the crate `polling`, as an application might have one: it watches
//! descriptors, and any thread can notify it. A router joins it by a [`PollPingee`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use homing::{Pingee, Pinger};
use polling::{Events, Poller};

/// What a loop calls, and the flag that merges pings.
struct Callback {
    pinged: Arc<AtomicBool>,
    on_ping: RefCell<Box<dyn FnMut()>>,
}

type Callbacks = Rc<RefCell<HashMap<u64, Rc<Callback>>>>;

/// The loop.
pub struct PollLoop {
    poller: Arc<Poller>,
    events: Events,
    post: mpsc::Sender<u64>,
    /// The numbers of pingees that were pinged.
    pinged: mpsc::Receiver<u64>,
    callbacks: Callbacks,
    next: u64,
}

/// What any thread may hold of a pingee: nothing of the loop's but what wakes it.
#[derive(Clone)]
pub struct PollPinger {
    pinged: Arc<AtomicBool>,
    number: u64,
    post: mpsc::Sender<u64>,
    poller: Arc<Poller>,
}

impl Pinger for PollPinger {
    fn ping(&self) {
        // Release: what was done before the ping is seen by the call.
        if !self.pinged.swap(true, Ordering::AcqRel) {
            // Both fail only for a loop that is gone, which needs no wake-up.
            let _ = self.post.send(self.number);
            let _ = self.poller.notify();
        }
    }
}

/// The loop's end of a wake-up.
pub struct PollPingee {
    pinger: PollPinger,
    callbacks: Callbacks,
}

impl Pingee for PollPingee {
    type Pinger = PollPinger;

    fn pinger(&self) -> PollPinger {
        self.pinger.clone()
    }
}

impl Drop for PollPingee {
    fn drop(&mut self) {
        let callback = self.callbacks.borrow_mut().remove(&self.pinger.number);
        drop(callback); // when nothing is borrowed: it may own other pingees
    }
}

impl PollLoop {
    /// Makes a loop on this thread.
    ///
    /// # Errors
    ///
    /// When the system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        let (post, pinged) = mpsc::channel();
        Ok(Self {
            poller: Arc::new(Poller::new()?),
            events: Events::new(),
            post,
            pinged,
            callbacks: Callbacks::default(),
            next: 0,
        })
    }

    /// Makes a pingee, whose callback this loop calls.
    pub fn pingee(&mut self, on_ping: impl FnMut() + 'static) -> PollPingee {
        let (pinged, number) = (Arc::new(AtomicBool::new(false)), self.next);
        self.next += 1;
        let callback =
            Callback { pinged: Arc::clone(&pinged), on_ping: RefCell::new(Box::new(on_ping)) };
        self.callbacks.borrow_mut().insert(number, Rc::new(callback));
        let (post, poller) = (self.post.clone(), Arc::clone(&self.poller));
        let pinger = PollPinger { pinged, number, post, poller };
        PollPingee { pinger, callbacks: Rc::clone(&self.callbacks) }
    }

    /// The poller, to watch descriptors with. Their keys are told by [`turn`](PollLoop::turn).
    pub fn poller(&self) -> &Arc<Poller> {
        &self.poller
    }

    /// One turn: waits until something has happened, or the time is over, and calls the pingees
    /// that were pinged. Returns the keys of the descriptors that are ready.
    ///
    /// # Errors
    ///
    /// When the system cannot wait.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
        self.events.clear();
        self.poller.wait(&mut self.events, timeout)?;
        let ready = self.events.iter().map(|event| event.key).collect();
        // Those that are pinged meanwhile have their call in the next turn.
        let pinged: Vec<_> = self.pinged.try_iter().collect();
        for number in pinged {
            // Nothing is borrowed during the call: it may make pingees, or drop its own.
            let callback = self.callbacks.borrow().get(&number).cloned();
            if let Some(callback) = callback {
                callback.pinged.swap(false, Ordering::AcqRel); // first: a ping now is another call
                (callback.on_ping.borrow_mut())();
            }
        }
        Ok(ready)
    }
}
