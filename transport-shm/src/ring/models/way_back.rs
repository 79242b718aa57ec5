//! The way back: the foreground writes and never waits, and the worker has several threads, of
//! which one waits at the socket.

use super::*;
use crate::ring::Drained;

/// The foreground's writer: an event loop that keeps what finds no room, and is woken when there
/// may be some.
fn write_watched<V: Variant>(model: &Model<V>, frames: &[usize]) {
    let producer = Producer::new();
    let mut number = 0;
    for words in frames {
        let frame: Vec<u8> =
            (0..*words as u64).flat_map(|at| (number + at).to_ne_bytes()).collect();
        number += *words as u64;
        let seen = loop {
            if let Some(seen) = producer.put(model, &frame, &[]) {
                break seen;
            }
            if producer.announce_wait(model) < frame.len() {
                model.room.wait();
            }
        };
        model.ring_after(seen);
    }
}

/// What the worker's threads share.
struct Worker<V> {
    model: Arc<Model<V>>,
    taking: Mutex<Taking>,
    drained: Drained,
}

struct Taking {
    ring: Consumer,
    /// How many words were taken.
    words: u64,
}

/// How a thread takes what has come.
#[derive(Clone, Copy)]
enum Take {
    /// As it should.
    Quietly,
    /// It says that the worker is awake.
    Awake,
}

impl<V: Variant> Worker<V> {
    fn new(model: &Arc<Model<V>>) -> Self {
        Self {
            model: Arc::clone(model),
            taking: Mutex::new(Taking { ring: Consumer::new(), words: 0 }),
            drained: Drained::new(),
        }
    }

    /// Takes all there is, and says how many words have come so far.
    fn drain(&self, take: Take) -> u64 {
        let mut taking = self.taking.lock().unwrap();
        let Taking { ring, words } = &mut *taking;
        let mut word = [0; 8];
        loop {
            let found = match take {
                Take::Quietly => ring.peek(&*self.model).unwrap(),
                Take::Awake => ring.poll(&*self.model).unwrap() == Poll::Ready,
            };
            if !found {
                self.drained.note(ring.tail());
                return *words;
            }
            let (_, wake) = ring.take(&*self.model, &mut word);
            assert_eq!(u64::from_ne_bytes(word), *words);
            *words += 1;
            if wake {
                self.model.room.ring();
            }
        }
    }

    /// Waits until so many words have come, whichever thread has taken them.
    fn receive(&self, words: u64) {
        while self.drain(Take::Quietly) < words {
            if let Some(tail) = self.drained.settle()
                && !self.drained.arm(&*self.model, tail)
            {
                self.model.socket.wait();
            }
        }
    }

    /// Looks, and takes what it finds.
    fn look(&self, take: Take) {
        if self.drained.has_news(&*self.model) {
            self.drain(take);
        }
    }
}

fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn full<V: Variant>(words: usize, frames: &'static [usize]) {
    explore(3, move || {
        let model = Arc::new(Model::<V>::new(words));
        let worker = Worker::new(&model);
        let writer = thread::spawn(move || write_watched(&model, frames));
        worker.receive(frames.iter().sum::<usize>() as u64);
        writer.join().unwrap();
    });
}

#[test]
fn a_writer_that_never_waits_is_woken_when_there_is_room() {
    full::<Correct>(1, &[1, 1, 1]);
    full::<Correct>(4, &[2, 1, 2]);
}

/// One thread waits, while another looks and takes what it finds.
fn looked_at(take: Take) {
    explore(2, move || {
        let model = Arc::new(Model::<Correct>::new(4));
        let worker = Arc::new(Worker::new(&model));
        let looks = Arc::clone(&worker);
        let looker = thread::spawn(move || looks.look(take));
        let writer = thread::spawn(move || write_watched(&model, &[1, 1]));
        worker.receive(2);
        writer.join().unwrap();
        looker.join().unwrap();
    });
}

#[test]
fn a_thread_that_waits_is_woken_for_what_another_has_taken() {
    looked_at(Take::Quietly);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_look_that_takes_the_worker_for_awake_is_caught() {
    looked_at(Take::Awake);
}

#[test]
#[should_panic(expected = "deadlock")]
fn announcing_without_a_second_look_is_caught() {
    struct Broken;
    impl Variant for Broken {
        const ANNOUNCE_WITHOUT_SECOND_LOOK: bool = true;
    }
    full::<Broken>(1, &[1, 1]);
}

#[test]
#[should_panic(expected = "deadlock")]
fn arming_without_a_second_look_is_caught() {
    struct Broken;
    impl Variant for Broken {
        const SLEEP_WITHOUT_SECOND_LOOK: bool = true;
    }
    full::<Broken>(2, &[1, 1]);
}
