//! The biased lock, shown to the model checker: its owner, and a thread that takes the mux's
//! lock.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p homing-mux --lib --release biased_lock`

#![allow(clippy::arc_with_non_send_sync, reason = "the threads are loom's, which are one")]

use std::marker::PhantomData;
use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::{Mutex, MutexGuard};
use loom::thread;

use super::{BiasedLock, HELD, IDLE, Ordering, REVOKED};

/// What a variant breaks: nothing, unless it says so.
trait Variant: Send + Sync + 'static {
    const ACQUIRE_BY_STORE: bool = false;
    const RELEASE_RELAXED: bool = false;
    const REVOKE_BY_STORE: bool = false;
    const REVOKE_RELAXED: bool = false;
}

struct Correct;
impl Variant for Correct {}

/// What the mux's lock guards, and the bias goes around.
struct Model<V> {
    /// Whether the bias is granted.
    lock: Mutex<bool>,
    bias: BiasedLock,
    /// Tells loom of accesses to what is guarded.
    guarded: UnsafeCell<()>,
    variant: PhantomData<V>,
}

impl<V: Variant> Model<V> {
    fn try_acquire(&self) -> bool {
        let state = &self.bias.state;
        if V::ACQUIRE_BY_STORE {
            let free = state.load(Ordering::Acquire) == IDLE;
            if free {
                state.store(HELD, Ordering::Relaxed);
            }
            return free;
        }
        self.bias.try_acquire()
    }

    fn release(&self) {
        if V::RELEASE_RELAXED {
            self.bias.state.store(IDLE, Ordering::Relaxed);
        } else {
            self.bias.release();
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        let mut granted = self.lock.lock().unwrap();
        if std::mem::take(&mut *granted) {
            let state = &self.bias.state;
            if V::REVOKE_BY_STORE {
                state.store(REVOKED, Ordering::Release);
            } else if V::REVOKE_RELAXED {
                let relaxed = Ordering::Relaxed;
                while state.compare_exchange(IDLE, REVOKED, relaxed, relaxed).is_err() {
                    thread::yield_now();
                }
            } else {
                self.bias.revoke(thread::yield_now);
            }
        }
        granted
    }

    fn put(&self) {
        self.guarded.with_mut(|_| ());
    }

    /// As the sender puts a frame.
    fn send(&self) {
        if self.try_acquire() {
            self.put();
            self.release();
            return;
        }
        let mut granted = self.lock();
        self.put();
        self.bias.grant();
        *granted = true;
    }
}

fn check<V: Variant>() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let model = Arc::new(Model::<V> {
            lock: Mutex::new(false),
            bias: BiasedLock::new(),
            guarded: UnsafeCell::new(()),
            variant: PhantomData,
        });
        let in_worker = Arc::clone(&model);
        let sender = thread::spawn(move || {
            in_worker.send();
            in_worker.send();
        });
        let granted = model.lock();
        model.put();
        drop(granted);
        sender.join().unwrap();
    });
}

#[test]
fn the_owner_and_the_holder_of_the_lock_are_never_in_at_once() {
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
    acquiring_without_an_exchange_is_caught: ACQUIRE_BY_STORE;
    releasing_without_an_order_is_caught: RELEASE_RELAXED;
    revoking_without_waiting_is_caught: REVOKE_BY_STORE;
    revoking_without_an_order_is_caught: REVOKE_RELAXED;
}
