//! The pass, shown to the model checker: its sender, and somebody who takes the lock.

#![allow(clippy::arc_with_non_send_sync, reason = "the threads are loom's, which are one")]

use std::marker::PhantomData;
use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::{Mutex, MutexGuard};
use loom::thread;

use crate::pass::{ENTERED, FREE, Pass, TAKEN};
use crate::words::Ordering;

/// What a variant breaks: nothing, unless it says so.
trait Variant: Send + Sync + 'static {
    const ENTER_BY_STORE: bool = false;
    const LEAVE_RELAXED: bool = false;
    const TAKE_BACK_BY_STORE: bool = false;
    const TAKE_BACK_RELAXED: bool = false;
}

struct Correct;
impl Variant for Correct {}

/// What the link's lock guards, and the pass goes around.
struct Model<V> {
    /// Whether the pass is given.
    lock: Mutex<bool>,
    pass: Pass,
    /// Tells loom of accesses to what is guarded.
    guarded: UnsafeCell<()>,
    variant: PhantomData<V>,
}

impl<V: Variant> Model<V> {
    fn enter(&self) -> bool {
        let state = &self.pass.state;
        if V::ENTER_BY_STORE {
            let free = state.load(Ordering::Acquire) == FREE;
            if free {
                state.store(ENTERED, Ordering::Relaxed);
            }
            return free;
        }
        self.pass.enter()
    }

    fn leave(&self) {
        if V::LEAVE_RELAXED {
            self.pass.state.store(FREE, Ordering::Relaxed);
        } else {
            self.pass.leave();
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        let mut given = self.lock.lock().unwrap();
        if std::mem::take(&mut *given) {
            let state = &self.pass.state;
            if V::TAKE_BACK_BY_STORE {
                state.store(TAKEN, Ordering::Release);
            } else if V::TAKE_BACK_RELAXED {
                let relaxed = Ordering::Relaxed;
                while state.compare_exchange(FREE, TAKEN, relaxed, relaxed).is_err() {
                    thread::yield_now();
                }
            } else {
                self.pass.take_back(thread::yield_now);
            }
        }
        given
    }

    fn put(&self) {
        self.guarded.with_mut(|_| ());
    }

    /// As the sender puts a frame.
    fn send(&self) {
        if self.enter() {
            self.put();
            self.leave();
            return;
        }
        let mut given = self.lock();
        self.put();
        self.pass.give();
        *given = true;
    }
}

fn check<V: Variant>() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let model = Arc::new(Model::<V> {
            lock: Mutex::new(false),
            pass: Pass::new(),
            guarded: UnsafeCell::new(()),
            variant: PhantomData,
        });
        let in_worker = Arc::clone(&model);
        let sender = thread::spawn(move || {
            in_worker.send();
            in_worker.send();
        });
        let given = model.lock();
        model.put();
        drop(given);
        sender.join().unwrap();
    });
}

#[test]
fn the_sender_and_who_holds_the_lock_are_never_in_at_once() {
    check::<Correct>();
}

/// Variants that must be caught.
macro_rules! broken {
    ($($name:ident: $constant:ident;)*) => {$(
        #[test]
        #[should_panic(expected = "Causality")]
        fn $name() {
            struct Broken;
            impl Variant for Broken {
                const $constant: bool = true;
            }
            check::<Broken>();
        }
    )*};
}

broken! {
    to_enter_without_an_exchange_is_caught: ENTER_BY_STORE;
    to_leave_without_an_order_is_caught: LEAVE_RELAXED;
    to_take_back_without_waiting_is_caught: TAKE_BACK_BY_STORE;
    to_take_back_without_an_order_is_caught: TAKE_BACK_RELAXED;
}
