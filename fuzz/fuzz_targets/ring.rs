//! A worker that writes anything anywhere in its shared memory, between the foreground's
//! polls and, by another thread, during them. Nothing panics, no message is over the limit,
//! and after the worker's end the link comes to its own.

#![no_main]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use arbitrary::Arbitrary;
use homing_core::{Arrival, ConnectionId, Inlet};
use homing_mux::frame::Header;
use homing_process::{LinkWaker, Prepared, ProcessTransport as _};
use homing_transport_shm::Shm;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 40_000;
const RING: u64 = 64 * 1024;

/// The longest body.
const MAX_FRAME: usize = 15_000;

// Where things stand; see `WIRE.md`.
const AT_TAIL: u64 = 128;
const AT_HEAD: u64 = 256;
const AT_RING: u64 = 4096;

#[derive(Arbitrary, Debug)]
enum Kind {
    Preface,
    Message,
    FirstFragment(u16),
    Fragment,
    Reset,
    Stop,
    Dropped(u64),
}

#[derive(Arbitrary, Debug)]
enum Step {
    /// An honest frame, or nearly.
    Frame {
        kind: Kind,
        pipe: u8,
        body: Vec<u8>,
        /// How often the body is there, so that some are large.
        times: u16,
    },
    /// Bytes where the next frame would be, published.
    Bytes(Vec<u8>),
    /// Bytes anywhere, not published.
    Write {
        at: u16,
        bytes: Vec<u8>,
    },
    Tail(u64),
    TailBy(i32),
    Header(u64),
    Poll(u8),
}

#[derive(Arbitrary, Debug)]
struct Run {
    sent_preface: bool,
    /// What another thread writes over and over.
    meanwhile: Option<(u16, u64)>,
    steps: Vec<Step>,
}

struct Worker {
    memory: File,
    tail: u64,
}

impl Worker {
    fn put(&mut self, bytes: &[u8]) {
        for (at, byte) in bytes.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..byte.len()].copy_from_slice(byte);
            self.write(AT_RING + (self.tail + 8 * at as u64) % RING, &word);
        }
        self.tail = self.tail.wrapping_add(bytes.len().next_multiple_of(8) as u64);
        self.write(AT_TAIL, &self.tail.to_ne_bytes());
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        let most = (AT_RING + RING).saturating_sub(at) as usize;
        let _ = self.memory.write_at(&bytes[..bytes.len().min(most)], at);
    }
}

/// Whether the link is still there.
fn poll(inlet: &mut dyn Inlet) -> Option<bool> {
    match inlet.poll() {
        Ok(Some(Arrival::Message { payload, .. })) => {
            assert!(payload.len() <= LIMIT);
            Some(true)
        }
        Ok(Some(_)) => Some(true),
        Ok(None) => Some(false),
        Err(_) => None,
    }
}

fuzz_target!(|run: Run| {
    let Prepared { mut inlet, doorbell, mut handles, .. } = Shm::new()
        .ring(RING as usize)
        .limit(LIMIT)
        .prepare(LinkWaker::noop())
        .expect("there can be a link");
    let socket = handles.pop();
    let memory = File::from(handles.pop().expect("the memory"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let meanwhile = run.meanwhile.map(|(at, value)| {
            let memory = memory.try_clone().expect("a descriptor");
            let done = &done;
            scope.spawn(move || {
                let mut value = value;
                while !done.load(Ordering::Relaxed) {
                    let at = u64::from(at) % (AT_RING + RING - 8);
                    let _ = memory.write_at(&value.to_ne_bytes(), at);
                    value = value.rotate_left(7);
                }
            })
        });
        let mut worker = Worker { memory, tail: 0 };
        let steps = || {
            if run.sent_preface {
                worker.put(&Header::PREFACE.frame(&[]));
            }
            for step in &run.steps {
                match step {
                    Step::Frame { kind, pipe, body, times } => {
                        let times = (1 + usize::from(*times)).min(MAX_FRAME / body.len().max(1));
                        let body = &body.repeat(times);
                        let connection = ConnectionId::from_parts((pipe % 3).into(), 0);
                        let (header, body) = match kind {
                            Kind::Preface => (Header::PREFACE, &[][..]),
                            Kind::Message => (Header::Message { connection }, &body[..]),
                            Kind::FirstFragment(total) => (
                                Header::FirstFragment { connection, total: (*total).into() },
                                &body[..],
                            ),
                            Kind::Fragment => (Header::Fragment { connection }, &body[..]),
                            Kind::Reset => (Header::Reset { connection }, &[][..]),
                            Kind::Stop => (Header::Stop { connection, reason: 0 }, &[][..]),
                            Kind::Dropped(count) => {
                                (Header::Dropped { connection, count: *count }, &[][..])
                            }
                        };
                        let body = &body[..body.len().min(MAX_FRAME)];
                        worker.put(&header.frame(body));
                    }
                    Step::Bytes(bytes) => worker.put(bytes),
                    Step::Write { at, bytes } => worker.write((*at).into(), bytes),
                    Step::Tail(tail) => worker.write(AT_TAIL, &tail.to_ne_bytes()),
                    Step::TailBy(by) => {
                        let tail =
                            worker.tail.wrapping_add_signed((*by % (2 * RING as i32)).into());
                        worker.write(AT_TAIL, &tail.to_ne_bytes());
                    }
                    Step::Header(head) => worker.write(AT_HEAD, &head.to_ne_bytes()),
                    Step::Poll(times) => {
                        for _ in 0..*times {
                            match poll(&mut *inlet) {
                                Some(true) => {}
                                Some(false) => break,
                                None => return,
                            }
                        }
                    }
                }
            }
            // The worker's end; what is in the ring by then is bounded by its size.
            drop(socket);
            drop(doorbell);
            assert!((0..3 * RING).any(|_| poll(&mut *inlet).is_none()), "no end");
        };
        steps();
        done.store(true, Ordering::Relaxed);
        // All of the thread is gone then, and not only its work.
        meanwhile.map(|thread| thread.join().expect("it does not panic"));
    });
});
