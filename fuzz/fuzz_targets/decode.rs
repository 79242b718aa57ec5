//! Any bytes, decoded as types that recurse, whose elements take no bytes, and that take far
//! more memory than bytes. Nothing overflows the stack, runs for long, or allocates more than
//! the limit; what decodes, encodes and decodes to the same.

#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};

use homing_core::codec::{self, DecodeLimits};
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a message may decode to.
const MEMORY: usize = 64 * 1024;

/// How much larger than their elements collections may be: a node of a `BTreeMap` has room for
/// eleven entries, and a vector that grows holds its old elements beside room for twice as many.
const SPARE: usize = 16;

/// What a collection of the standard library reserves at most before it asks for its first
/// element, which is when its elements are charged.
const RESERVED: usize = 1 << 20;

const LIMITS: DecodeLimits = DecodeLimits::new().memory(MEMORY).empty_elements(1000);

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all calls go to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
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
static COUNTING: Counting = Counting;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Newtype(Box<Tree>),
    Tuple(Box<Tree>, Option<Box<Tree>>),
    Struct { many: Vec<Tree>, named: BTreeMap<String, Tree> },
    List(Box<List>),
    Large(Box<[[u64; 32]; 4]>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct List {
    next: Option<Box<List>>,
    empty: Vec<()>,
}

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Marker([u32; 0]);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Empty {
    units: Vec<Vec<()>>,
    markers: BTreeMap<Marker, ()>,
    sets: (BTreeSet<()>, HashSet<Marker>),
    boxes: Box<[Box<Marker>]>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Large {
    Nothing,
    Tile([[u64; 32]; 4]),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Expanding {
    tiles: Vec<Large>,
    boxes: Vec<Box<Large>>,
    options: Vec<Option<Box<(Large, Vec<Large>)>>>,
    by_name: BTreeMap<u8, Large>,
}

fn decode<M: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let decoded = codec::decode::<M>(bytes, &LIMITS);
    let most = PEAK.load(Ordering::Relaxed) - before;
    let bound = RESERVED + SPARE * (MEMORY + bytes.len());
    assert!(most <= bound, "{most} bytes for {}", bytes.len());

    let Ok(message) = decoded else { return };
    let storage = postcard::ser_flavors::AllocVec::default();
    let encoded = codec::encode(&message, storage, LIMITS.max_depth()).expect("it was decoded");
    assert_eq!(codec::decode::<M>(&encoded, &LIMITS).as_ref(), Ok(&message));
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 4 {
        0 => decode::<Tree>(bytes),
        1 => decode::<Vec<List>>(bytes),
        2 => decode::<Empty>(bytes),
        _ => decode::<Expanding>(bytes),
    }
});
