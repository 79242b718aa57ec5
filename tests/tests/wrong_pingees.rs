//! The suite of pingees catches those that are wrong: for each check there is one here, that
//! differs from a right one in a line.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use homing_conformance::{PingeeRig, pingee};
use homing_core::{Pingee, Pinger};

/// What is wrong with a pingee.
trait Way: 'static {
    /// Nothing is.
    const RIGHT: bool = false;
    /// A ping on the loop's own thread calls back at once.
    const INLINE: bool = false;
    /// What was posted before the loop ran is thrown away.
    const FORGETS_EARLY_PINGS: bool = false;
    /// A ping makes two calls.
    const CALLS_TWICE: bool = false;
    /// Only pings of its own thread count.
    const HEARS_ONLY_ITS_THREAD: bool = false;
    /// The flag is lowered after the call.
    const LOWERS_LATE: bool = false;
    /// A dropped pingee is still called.
    const OUTLIVES_ITS_PINGEE: bool = false;
    /// A loop that is gone makes a ping panic.
    const MINDS_A_LOOP_THAT_IS_GONE: bool = false;
    /// The loop lets go of a callback when it is pinged for it the next time.
    const DROPS_LATE: bool = false;
    /// The loop's table is borrowed while it calls.
    const BORROWS: bool = false;
    /// Now and then a ping wakes no loop.
    const LOSES_SOME: bool = false;
}

struct Shared {
    pinged: AtomicBool,
    pings: AtomicUsize,
    home: ThreadId,
}

type OnPing = Rc<RefCell<Box<dyn FnMut()>>>;
type Callbacks = RefCell<HashMap<usize, (Arc<Shared>, OnPing)>>;

thread_local! {
    /// For pingers that call inline.
    static LOOP: RefCell<Weak<Callbacks>> = RefCell::default();
}

struct WrongPinger<W> {
    shared: Arc<Shared>,
    number: usize,
    post: mpsc::Sender<usize>,
    way: PhantomData<fn() -> W>,
}

impl<W> Clone for WrongPinger<W> {
    fn clone(&self) -> Self {
        let (shared, post) = (Arc::clone(&self.shared), self.post.clone());
        Self { shared, number: self.number, post, way: PhantomData }
    }
}

impl<W: Way> Pinger for WrongPinger<W> {
    fn ping(&self) {
        let at_home = thread::current().id() == self.shared.home;
        if W::HEARS_ONLY_ITS_THREAD && !at_home {
            return;
        }
        if W::INLINE && at_home {
            let callbacks = LOOP.with_borrow(Weak::upgrade);
            return callbacks.into_iter().for_each(|callbacks| call::<W>(&callbacks, self.number));
        }
        if self.shared.pinged.swap(true, Ordering::AcqRel) {
            return;
        }
        if W::LOSES_SOME && self.shared.pings.fetch_add(1, Ordering::Relaxed) % 100 == 99 {
            return;
        }
        let posted = self.post.send(self.number);
        assert!(posted.is_ok() || !W::MINDS_A_LOOP_THAT_IS_GONE, "the loop is gone");
    }
}

struct WrongPingee<W: Way> {
    pinger: WrongPinger<W>,
    callbacks: Rc<Callbacks>,
    late: Rc<RefCell<Vec<usize>>>,
}

impl<W: Way> Pingee for WrongPingee<W> {
    type Pinger = WrongPinger<W>;

    fn pinger(&self) -> WrongPinger<W> {
        self.pinger.clone()
    }
}

impl<W: Way> Drop for WrongPingee<W> {
    fn drop(&mut self) {
        if W::DROPS_LATE {
            self.late.borrow_mut().push(self.pinger.number);
        } else if !W::OUTLIVES_ITS_PINGEE {
            let callback = self.callbacks.borrow_mut().remove(&self.pinger.number);
            drop(callback);
        }
    }
}

struct WrongLoop<W> {
    post: mpsc::Sender<usize>,
    queue: mpsc::Receiver<usize>,
    callbacks: Rc<Callbacks>,
    /// Callbacks that are to be dropped.
    late: Rc<RefCell<Vec<usize>>>,
    has_run: bool,
    next: usize,
    way: PhantomData<W>,
}

impl<W: Way> WrongLoop<W> {
    fn handle(&self, number: usize) {
        for late in self.late.take() {
            self.callbacks.borrow_mut().remove(&late);
        }
        call::<W>(&self.callbacks, number);
    }
}

fn call<W: Way>(callbacks: &Callbacks, number: usize) {
    let table = callbacks.borrow();
    let Some((shared, on_ping)) = table.get(&number).cloned() else { return };
    let _table = W::BORROWS.then_some(table);
    for _ in 0..=usize::from(W::CALLS_TWICE) {
        if !W::LOWERS_LATE {
            shared.pinged.swap(false, Ordering::AcqRel);
        }
        (on_ping.borrow_mut())();
        shared.pinged.fetch_and(!W::LOWERS_LATE, Ordering::AcqRel);
    }
}

impl<W: Way> PingeeRig for WrongLoop<W> {
    type Pingee = WrongPingee<W>;

    fn new() -> Self {
        let (post, queue) = mpsc::channel();
        let callbacks = Rc::default();
        LOOP.set(Rc::downgrade(&callbacks));
        let (late, way) = (Rc::default(), PhantomData);
        Self { post, queue, callbacks, late, has_run: false, next: 0, way }
    }

    fn pingee(&mut self, on_ping: impl FnMut() + 'static) -> WrongPingee<W> {
        let shared = Arc::new(Shared {
            pinged: AtomicBool::new(false),
            pings: AtomicUsize::new(0),
            home: thread::current().id(),
        });
        let number = self.next;
        self.next += 1;
        let on_ping: OnPing = Rc::new(RefCell::new(Box::new(on_ping)));
        self.callbacks.borrow_mut().insert(number, (Arc::clone(&shared), on_ping));
        WrongPingee {
            pinger: WrongPinger { shared, number, post: self.post.clone(), way: PhantomData },
            callbacks: Rc::clone(&self.callbacks),
            late: Rc::clone(&self.late),
        }
    }

    fn run_until(&mut self, condition: &mut dyn FnMut() -> bool, most: Duration) -> bool {
        if W::FORGETS_EARLY_PINGS && !self.has_run {
            self.queue.try_iter().for_each(drop);
        }
        self.has_run = true;
        // What is wrong need not be waited for as long as what is right.
        let most = if W::RIGHT { most } else { Duration::from_millis(500) };
        let end = Instant::now() + most;
        while !condition() {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(number) = self.queue.recv_timeout(left) else { return false };
            self.handle(number);
        }
        true
    }

    fn run_pending(&mut self) {
        while let Ok(number) = self.queue.try_recv() {
            self.handle(number);
        }
    }
}

/// The one that the others differ from.
struct Right;

impl Way for Right {
    const RIGHT: bool = true;
}

homing_conformance::pingee_suite!(right, WrongLoop<Right>);

/// A test that a check catches a pingee that is wrong in this way, and says so.
macro_rules! caught {
    ($($check:ident: $wrong:ident, $says:literal;)*) => {
        $(
            #[test]
            #[should_panic(expected = $says)]
            fn $check() {
                struct Wrong;
                impl Way for Wrong {
                    const $wrong: bool = true;
                }
                pingee::$check::<WrongLoop<Wrong>>();
            }
        )*
    };
}

caught! {
    b14_a_ping_calls_on_the_loops_thread: INLINE, "left == right";
    b14_a_ping_before_the_loop_runs_counts: FORGETS_EARLY_PINGS, "waited in vain";
    b14_pings_merge: CALLS_TWICE, "calls for";
    b14_pings_from_many_threads_lose_nothing: HEARS_ONLY_ITS_THREAD, "waited in vain";
    b14_a_callback_may_ping: LOWERS_LATE, "waited in vain";
    b15_a_ping_to_a_dropped_pingee_does_nothing: OUTLIVES_ITS_PINGEE, "left == right";
    b15_a_ping_to_a_loop_that_is_gone_does_nothing: MINDS_A_LOOP_THAT_IS_GONE, "is gone";
    b15_the_callback_is_dropped_with_the_pingee: DROPS_LATE, "left == right";
    b15_a_callback_may_drop_its_own_pingee: BORROWS, "borrow";
    b16_no_ping_is_lost: LOSES_SOME, "waited in vain";
    b16_no_ping_is_lost_under_load: LOSES_SOME, "waited in vain";
}
