//! Any bytes from a worker: they are taken apart into frames, and put together to messages.
//! Nothing panics, no message is over the limit, and no more memory is taken than that.

#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use homing_core::Arrival;
use homing_mux::{MAX_PARTIAL, Reassembler, frame};
use libfuzzer_sys::fuzz_target;

/// What a link of the foreground agreed to.
const LIMIT: usize = 1024;

/// A `Vec` that grows may have twice what it holds; there are the messages in parts and the
/// last whole one. The rest is the map of the messages in parts.
const MAX_HELD: usize = 4 * LIMIT + MAX_PARTIAL * 256;

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: it hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|bytes: &[u8]| {
    // Alone, without a link's order.
    let _ = frame::parse(bytes);

    let before = HELD.load(Ordering::Relaxed);
    let mut reassembler = Reassembler::new(LIMIT);
    let mut stream = bytes;
    while let Ok(Some((frame, rest))) = frame::split(stream) {
        assert!(rest.len() < stream.len(), "each frame takes something");
        stream = rest;
        match reassembler.push_frame(frame) {
            Ok(Arrival::Message { payload, .. }) => assert!(payload.len() <= LIMIT),
            Ok(_) => {}
            Err(_) => return,
        }
        let held = HELD.load(Ordering::Relaxed).saturating_sub(before);
        assert!(held <= MAX_HELD, "{held} bytes held");
    }
});
