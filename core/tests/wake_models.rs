//! The merging wake-up of `homing_core::wake`, shown to the model checker.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p homing-core --test wake_models --release`
//!
//! A lost wake-up leaves the consumer asleep for good, which loom reports as a deadlock. The
//! variants that the protocol must not take are here as well, as tests that must fail.
//!
//! The queues are slots of atomics with Release and Acquire, and nothing stronger: a mutex
//! around them would put the orders in that the flag has to bring.

#![cfg(loom)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::VecDeque;
use std::sync::Arc;

use homing_core::wake::WakeFlag;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use loom::sync::{Condvar, Mutex};
use loom::thread;

/// What each producer sends.
const MESSAGES: usize = 2;

/// The two sides of a flag, so that broken ones can take its place.
trait Wake: Send + Sync + 'static {
    fn new() -> Self;
    /// Whether the caller must ping.
    fn set(&self) -> bool;
    fn clear(&self);
    /// Whether the consumer looks once more.
    const SECOND_LOOK: bool = true;
}

impl Wake for WakeFlag {
    fn new() -> Self {
        WakeFlag::new()
    }

    fn set(&self) -> bool {
        WakeFlag::set(self)
    }

    fn clear(&self) {
        WakeFlag::clear(self);
    }
}

/// The loop's sleep: it returns at once if a ping has come since the last.
struct Pings {
    pending: Mutex<bool>,
    came: Condvar,
}

impl Pings {
    fn new() -> Self {
        Self { pending: Mutex::new(false), came: Condvar::new() }
    }

    fn ping(&self) {
        *self.pending.lock().unwrap() = true;
        self.came.notify_one();
    }

    fn sleep(&self) {
        let mut pending = self.pending.lock().unwrap();
        while !*pending {
            pending = self.came.wait(pending).unwrap();
        }
        *pending = false;
    }
}

/// A queue of one producer: a slot for each message, empty while it is false.
struct Slots([AtomicBool; MESSAGES]);

impl Slots {
    fn new() -> Self {
        Self([AtomicBool::new(false), AtomicBool::new(false)])
    }

    fn push(&self, at: usize) {
        self.0[at].store(true, Ordering::Release);
    }

    /// Takes the next message after the `taken` ones.
    fn take(&self, taken: &mut usize) -> bool {
        let found = self.0.get(*taken).is_some_and(|slot| slot.load(Ordering::Acquire));
        *taken += usize::from(found);
        found
    }
}

/// One queue for all producers: a place is taken with the tail, and filled afterwards.
struct Shared {
    tail: AtomicUsize,
    slots: [AtomicUsize; 4],
}

impl Shared {
    fn new() -> Self {
        Self { tail: AtomicUsize::new(0), slots: std::array::from_fn(|_| AtomicUsize::new(0)) }
    }

    fn push(&self, value: usize) {
        let at = self.tail.fetch_add(1, Ordering::Relaxed);
        self.slots[at].store(value + 1, Ordering::Release);
    }

    fn take(&self, head: &mut usize) -> Option<usize> {
        let value = self.slots.get(*head)?.load(Ordering::Acquire).checked_sub(1)?;
        *head += 1;
        Some(value)
    }
}

/// Runs `model` in every order that there is; with more than two threads, in every order
/// that interrupts them no more than a few times, which keeps it to seconds.
fn check(producers: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    if producers > 1 && builder.preemption_bound.is_none() {
        builder.preemption_bound = Some(2);
    }
    builder.check(model);
}

/// Runs the protocol over one flag.
fn one_level<W: Wake>(producers: usize, budget: usize) {
    check(producers, move || {
        struct Link<W> {
            queues: Vec<Slots>,
            flag: W,
            pings: Pings,
        }
        let link = Arc::new(Link {
            queues: (0..producers).map(|_| Slots::new()).collect(),
            flag: W::new(),
            pings: Pings::new(),
        });
        for producer in 0..producers {
            let link = Arc::clone(&link);
            thread::spawn(move || {
                for message in 0..MESSAGES {
                    link.queues[producer].push(message);
                    if link.flag.set() {
                        link.pings.ping();
                    }
                }
            });
        }

        let mut taken = vec![0; producers];
        let mut take = || link.queues.iter().zip(&mut taken).any(|(queue, at)| queue.take(at));
        let mut received = 0;
        while received < producers * MESSAGES {
            link.pings.sleep();
            // "Again": the flag stays raised, and the loop comes back without a ping.
            while drain(&link.flag, budget, &mut take, &mut received) {}
        }
    });
}

/// One turn of the consumer. Whether it must come again.
fn drain<W: Wake>(
    flag: &W,
    budget: usize,
    take: &mut impl FnMut() -> bool,
    received: &mut usize,
) -> bool {
    for _ in 0..budget {
        if !take() {
            flag.clear();
            if !W::SECOND_LOOK || !take() {
                return false;
            }
            let _ = flag.set();
        }
        *received += 1;
    }
    true
}

#[test]
fn one_producer_loses_no_wake_up() {
    for budget in [1, 2, 8] {
        one_level::<WakeFlag>(1, budget);
    }
}

#[test]
fn two_producers_lose_no_wake_up_with_a_budget_of_1() {
    one_level::<WakeFlag>(2, 1);
}

#[test]
fn two_producers_lose_no_wake_up_with_a_budget_of_2() {
    one_level::<WakeFlag>(2, 2);
}

#[test]
fn two_producers_lose_no_wake_up_with_a_budget_of_8() {
    one_level::<WakeFlag>(2, 8);
}

/// Cleared by a plain store, which does not see the pushes before an earlier set.
struct PlainStore(AtomicBool);

impl Wake for PlainStore {
    fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    fn set(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    fn clear(&self) {
        self.0.store(false, Ordering::Release);
    }
}

#[test]
#[should_panic = "deadlock"]
fn a_plain_store_loses_wake_ups() {
    one_level::<PlainStore>(1, 8);
}

/// The consumer goes to sleep without having looked again.
struct NoSecondLook(WakeFlag);

impl Wake for NoSecondLook {
    fn new() -> Self {
        Self(WakeFlag::new())
    }

    fn set(&self) -> bool {
        self.0.set()
    }

    fn clear(&self) {
        self.0.clear();
    }

    const SECOND_LOOK: bool = false;
}

#[test]
#[should_panic = "deadlock"]
fn no_second_look_loses_wake_ups() {
    one_level::<NoSecondLook>(1, 8);
}

/// The producer looks at the flag first, and spares itself the swap.
struct LoadFirst<const FENCED: bool>(AtomicBool);

impl<const FENCED: bool> Wake for LoadFirst<FENCED> {
    fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    fn set(&self) -> bool {
        if FENCED {
            fence(Ordering::SeqCst);
        }
        !self.0.load(Ordering::Acquire) && !self.0.swap(true, Ordering::AcqRel)
    }

    fn clear(&self) {
        self.0.swap(false, Ordering::AcqRel);
        if FENCED {
            fence(Ordering::SeqCst);
        }
    }
}

#[test]
#[should_panic = "deadlock"]
fn an_unfenced_load_loses_wake_ups() {
    one_level::<LoadFirst<false>>(1, 8);
}

/// That it is the fence which is missing above, and that the model sees the difference.
#[test]
fn a_fenced_load_would_do() {
    for budget in [1, 8] {
        one_level::<LoadFirst<true>>(1, budget);
    }
}

/// Two levels: each link has a flag, and a link that raises it stands in the queue of ready
/// links, which has a flag of its own.
///
/// ```text
/// producer:  push; if link.set() { ready.push(link); if router.set() { ping } }
/// consumer:  link empty    → link.clear(), then look at it once more
///            no link ready → router.clear(), then look at the ready ones once more
/// ```
fn two_levels<L: Wake, R: Wake>(links: usize, budget: usize) {
    check(links, move || {
        struct Router<L, R> {
            links: Vec<(Slots, L)>,
            ready: Shared,
            flag: R,
            pings: Pings,
        }
        let router = Arc::new(Router {
            links: (0..links).map(|_| (Slots::new(), L::new())).collect(),
            ready: Shared::new(),
            flag: R::new(),
            pings: Pings::new(),
        });
        for link in 0..links {
            let router = Arc::clone(&router);
            thread::spawn(move || {
                let (queue, flag) = &router.links[link];
                for message in 0..MESSAGES {
                    queue.push(message);
                    if flag.set() {
                        router.ready.push(link);
                        if router.flag.set() {
                            router.pings.ping();
                        }
                    }
                }
            });
        }

        let mut taken = vec![0; links];
        let mut head = 0;
        let mut turns = VecDeque::new();
        let mut received = 0;
        while received < links * MESSAGES {
            router.pings.sleep();
            loop {
                while let Some(link) = router.ready.take(&mut head) {
                    turns.push_back(link);
                }
                let Some(link) = turns.pop_front() else {
                    router.flag.clear();
                    match R::SECOND_LOOK.then(|| router.ready.take(&mut head)).flatten() {
                        None => break,
                        Some(link) => {
                            let _ = router.flag.set();
                            turns.push_back(link);
                        }
                    }
                    continue;
                };
                // A link may stand in line twice, when its producer raised the flag between
                // the lowering and the second look. It is then found empty once more.
                let (queue, flag) = &router.links[link];
                if drain(flag, budget, &mut || queue.take(&mut taken[link]), &mut received) {
                    turns.push_back(link);
                }
            }
        }
    });
}

#[test]
fn two_levels_with_one_link_lose_no_wake_up() {
    for budget in [1, 2, 8] {
        two_levels::<WakeFlag, WakeFlag>(1, budget);
    }
}

#[test]
fn two_levels_with_two_links_lose_no_wake_up_with_a_budget_of_1() {
    two_levels::<WakeFlag, WakeFlag>(2, 1);
}

#[test]
fn two_levels_with_two_links_lose_no_wake_up_with_a_budget_of_2() {
    two_levels::<WakeFlag, WakeFlag>(2, 2);
}

#[test]
fn two_levels_with_two_links_lose_no_wake_up_with_a_budget_of_8() {
    two_levels::<WakeFlag, WakeFlag>(2, 8);
}

#[test]
#[should_panic = "deadlock"]
fn a_plain_store_at_the_link_loses_wake_ups() {
    two_levels::<PlainStore, WakeFlag>(1, 8);
}

#[test]
#[should_panic = "deadlock"]
fn a_plain_store_at_the_router_loses_wake_ups() {
    two_levels::<WakeFlag, PlainStore>(1, 8);
}

#[test]
#[should_panic = "deadlock"]
fn no_second_look_at_the_ready_links_loses_wake_ups() {
    two_levels::<WakeFlag, NoSecondLook>(1, 8);
}
