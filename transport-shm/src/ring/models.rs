//! The ring and its doorbells, shown to the model checker.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p homing-transport-shm --lib --release`
//!
//! A side that sleeps for good is reported by loom as a deadlock; payload that is read while
//! it may be overwritten, or before it is in place, as a race. Each broken variant breaks
//! one method of [`ControlWords`], and must be caught.

#![allow(clippy::arc_with_non_send_sync, reason = "the threads are loom's, which are one")]

mod way_back;

use std::marker::PhantomData;
use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::{Condvar, Mutex};
use loom::thread;

use crate::ring::control::{
    AtomicU64, ControlWords, NOTIFIED, NOTIFYING, Ordering, Snapshot, WRITER_WAITING,
};
use crate::ring::{Consumer, Memory, Poll, Producer};

/// What stands for the socket in one direction.
struct Bytes {
    pending: Mutex<bool>,
    came: Condvar,
}

impl Bytes {
    fn new() -> Self {
        Self { pending: Mutex::new(false), came: Condvar::new() }
    }

    fn ring(&self) {
        *self.pending.lock().unwrap() = true;
        self.came.notify_one();
    }

    fn wait(&self) {
        let mut pending = self.pending.lock().unwrap();
        while !*pending {
            pending = self.came.wait(pending).unwrap();
        }
        *pending = false;
    }
}

/// What a variant breaks: nothing, unless it says so.
trait Variant: Send + Sync + 'static {
    const PUBLISH_RELAXED: bool = false;
    const ROOM_RELAXED: bool = false;
    const SLEEP_WITHOUT_SECOND_LOOK: bool = false;
    const SLEEP_BY_STORE: bool = false;
    const TWO_STATES: bool = false;
    const RUNG_WHATEVER_HAPPENED: bool = false;
    const ANNOUNCE_WITHOUT_SECOND_LOOK: bool = false;
    const HEAD_BY_STORE: bool = false;
}

struct Model<V> {
    tail: AtomicU64,
    head: AtomicU64,
    /// The words, and beside each what tells loom of accesses to it.
    ring: Vec<(AtomicU64, UnsafeCell<()>)>,
    socket: Bytes,
    room: Bytes,
    variant: PhantomData<V>,
}

impl<V: Variant> ControlWords for Model<V> {
    fn tail(&self) -> &AtomicU64 {
        &self.tail
    }

    fn head(&self) -> &AtomicU64 {
        &self.head
    }

    fn publish(&self, len: u64) -> Snapshot {
        let order = if V::PUBLISH_RELAXED { Ordering::Relaxed } else { Ordering::AcqRel };
        Snapshot(self.tail.fetch_add(len, order))
    }

    fn mark_notifying(&self) -> Snapshot {
        let seen = Snapshot(self.tail.fetch_or(NOTIFYING, Ordering::AcqRel));
        // A writer that finds another about to ring takes the bell for rung.
        if V::TWO_STATES && seen.has(NOTIFYING) { Snapshot(seen.0 | NOTIFIED) } else { seen }
    }

    fn mark_notified(&self) {
        if V::RUNG_WHATEVER_HAPPENED {
            self.tail.fetch_or(NOTIFIED, Ordering::AcqRel);
            return;
        }
        ControlWords::mark_notified(&Right(self));
    }

    fn sleep(&self) -> Snapshot {
        if V::SLEEP_BY_STORE {
            let seen = self.tail.load(Ordering::Acquire);
            self.tail.store(seen & !(NOTIFYING | NOTIFIED), Ordering::Release);
            return Snapshot(seen);
        }
        let before = self.tail.load(Ordering::Relaxed);
        let seen = ControlWords::sleep(&Right(self));
        if V::SLEEP_WITHOUT_SECOND_LOOK { Snapshot(before) } else { seen }
    }

    fn announce_wait(&self) -> Snapshot {
        let before = self.head.load(Ordering::Relaxed);
        let seen = ControlWords::announce_wait(&Right(self));
        if V::ANNOUNCE_WITHOUT_SECOND_LOOK { Snapshot(before) } else { seen }
    }

    fn load_head(&self) -> Snapshot {
        let order = if V::ROOM_RELAXED { Ordering::Relaxed } else { Ordering::Acquire };
        Snapshot(self.head.load(order))
    }

    fn publish_head(&self, index: u64) -> bool {
        if V::HEAD_BY_STORE {
            let waits = self.head.load(Ordering::Acquire) & WRITER_WAITING != 0;
            self.head.store(index, Ordering::Release);
            return waits;
        }
        ControlWords::publish_head(&Right(self), index)
    }
}

/// The same words with the methods as they are.
struct Right<'a, V>(&'a Model<V>);

impl<V: Variant> ControlWords for Right<'_, V> {
    fn tail(&self) -> &AtomicU64 {
        &self.0.tail
    }

    fn head(&self) -> &AtomicU64 {
        &self.0.head
    }
}

impl<V: Variant> Memory for Model<V> {
    fn len(&self) -> usize {
        self.ring.len() * 8
    }

    fn write(&self, index: u64, bytes: &[u8]) {
        for (at, chunk) in bytes.chunks(8).enumerate() {
            let (word, cell) = &self.ring[(index as usize / 8 + at) % self.ring.len()];
            cell.with_mut(|_| ());
            word.store(u64::from_ne_bytes(chunk.try_into().unwrap()), Ordering::Relaxed);
        }
    }

    fn read(&self, index: u64, into: &mut [u8]) {
        for (at, chunk) in into.chunks_mut(8).enumerate() {
            let (word, cell) = &self.ring[(index as usize / 8 + at) % self.ring.len()];
            cell.with(|_| ());
            chunk.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
    }
}

impl<V: Variant> Model<V> {
    fn new(words: usize) -> Self {
        Self {
            tail: AtomicU64::new(0),
            head: AtomicU64::new(0),
            ring: (0..words).map(|_| (AtomicU64::new(0), UnsafeCell::new(()))).collect(),
            socket: Bytes::new(),
            room: Bytes::new(),
            variant: PhantomData,
        }
    }

    /// The worker: puts frames of these many words, each word numbered, and waits for room.
    fn produce(&self, producer: &Producer, frames: &[usize], mut number: u64) {
        for words in frames {
            let frame: Vec<u8> =
                (0..*words as u64).flat_map(|at| (number + at).to_ne_bytes()).collect();
            number += *words as u64;
            loop {
                if let Some(seen) = producer.put(self, &frame, &[]) {
                    self.ring_after(seen);
                    break;
                }
                if !self.wait(frame.len(), Memory::len(self)).unwrap() {
                    self.room.wait();
                }
            }
        }
    }

    fn ring_after(&self, seen: Snapshot) {
        if !seen.has(NOTIFIED) {
            let rung = || {
                self.socket.ring();
                Ok(())
            };
            self.notify(rung).unwrap();
        }
    }

    /// The foreground: takes so many words, at most `run` at once, and checks their numbers.
    fn consume(&self, words: u64, run: usize) {
        let mut consumer = Consumer::new();
        let mut number = 0;
        let mut into = vec![0; run * 8];
        while number < words {
            if consumer.available() == 0 && consumer.poll(self).unwrap() == Poll::Empty {
                self.socket.wait();
                continue;
            }
            let (len, wake) = consumer.take(self, &mut into);
            for word in into[..len].chunks(8) {
                assert_eq!(u64::from_ne_bytes(word.try_into().unwrap()), number);
                number += 1;
            }
            if wake {
                self.room.ring();
            }
        }
    }
}

struct Correct;
impl Variant for Correct {}

fn check<V: Variant>(words: usize, frames: &'static [usize], run: usize) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let model = Arc::new(Model::<V>::new(words));
        let in_worker = Arc::clone(&model);
        let worker = thread::spawn(move || {
            in_worker.produce(&Producer::new(), frames, 0);
        });
        model.consume(frames.iter().sum::<usize>() as u64, run);
        worker.join().unwrap();
    });
}

#[test]
fn a_ring_that_is_full_wraps_around_and_runs_empty() {
    check::<Correct>(1, &[1, 1, 1], 1);
    check::<Correct>(2, &[1, 1, 1], 1);
}

#[test]
fn frames_of_several_words_wrap_around() {
    check::<Correct>(4, &[2, 1, 2], 4);
    check::<Correct>(4, &[2, 2, 2], 2);
}

#[test]
fn a_run_may_end_within_a_frame() {
    check::<Correct>(4, &[2, 2, 1], 1);
}

/// How far a thread gets that is stopped for good.
#[derive(Clone, Copy)]
enum Stopped {
    /// It has published, and not said that it is about to ring.
    Published,
    /// It has said so, and not rung.
    AboutToRing,
    /// It has rung, and not said so.
    HasRung,
}

/// One thread is stopped for good on its way to the ring; another publishes after it. The
/// foreground takes so many words at once.
fn stopped<V: Variant>(stopped: Stopped, run: usize) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let model = Arc::new(Model::<V>::new(4));
        let in_worker = Arc::clone(&model);
        let worker = thread::spawn(move || {
            let producer = Producer::new();
            let seen = producer.put(&*in_worker, &0u64.to_ne_bytes(), &[]).unwrap();
            if !seen.has(NOTIFIED) && !matches!(stopped, Stopped::Published) {
                in_worker.mark_notifying();
                if matches!(stopped, Stopped::HasRung) {
                    in_worker.socket.ring();
                }
            }
            in_worker.produce(&producer, &[1], 1);
        });
        model.consume(2, run);
        worker.join().unwrap();
    });
}

#[test]
fn a_thread_that_finds_another_stopped_rings() {
    for at in [Stopped::Published, Stopped::AboutToRing, Stopped::HasRung] {
        for run in [1, 2, 8] {
            stopped::<Correct>(at, run);
        }
    }
}

/// Two threads of a worker, which share its side of the ring under a lock and ring outside.
#[test]
fn two_threads_of_a_worker_lose_no_ring() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let model = Arc::new(Model::<Correct>::new(2));
        let producer = Arc::new(Mutex::new((Producer::new(), 0u64)));
        for _ in 0..2 {
            let (in_worker, producer) = (Arc::clone(&model), Arc::clone(&producer));
            thread::spawn(move || {
                let mut locked = producer.lock().unwrap();
                let number = locked.1;
                locked.1 += 1;
                let seen = locked.0.put(&*in_worker, &number.to_ne_bytes(), &[]).unwrap();
                drop(locked);
                in_worker.ring_after(seen);
            });
        }
        model.consume(2, 2);
    });
}

/// Variants that must be caught: which promise is broken, what loom says, and on what.
macro_rules! broken {
    ($($name:ident: $constant:ident, $message:literal, |$variant:ident| $check:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $message)]
        fn $name() {
            struct $variant;
            impl Variant for $variant {
                const $constant: bool = true;
            }
            $check
        }
    )*};
}

broken! {
    an_index_before_its_payload_is_caught:
        PUBLISH_RELAXED, "Causality", |Broken| check::<Broken>(2, &[1, 1], 1);
    room_that_is_still_read_is_caught:
        ROOM_RELAXED, "Causality", |Broken| check::<Broken>(1, &[1, 1], 1);
    going_to_sleep_without_a_second_look_is_caught:
        SLEEP_WITHOUT_SECOND_LOOK, "deadlock", |Broken| check::<Broken>(2, &[1, 1], 1);
    going_to_sleep_by_a_store_is_caught:
        SLEEP_BY_STORE, "deadlock", |Broken| check::<Broken>(4, &[1, 1, 1], 1);
    two_states_are_caught:
        TWO_STATES, "deadlock", |Broken| stopped::<Broken>(Stopped::AboutToRing, 8);
    a_ring_that_is_noted_too_late_is_caught:
        RUNG_WHATEVER_HAPPENED, "deadlock", |Broken| check::<Broken>(2, &[1, 1], 1);
    waiting_without_a_second_look_is_caught:
        ANNOUNCE_WITHOUT_SECOND_LOOK, "deadlock", |Broken| check::<Broken>(1, &[1, 1], 1);
    a_head_that_is_stored_is_caught:
        HEAD_BY_STORE, "deadlock", |Broken| check::<Broken>(1, &[1, 1], 1);
}
