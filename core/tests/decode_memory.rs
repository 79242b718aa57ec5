//! What decoding allocates stays within its limit. The only test of its process, as the
//! allocator counts for all threads.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, HashSet};

use homing_core::codec::{self, DecodeLimits};
use peak_alloc::PeakAlloc;
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MEMORY: usize = 1 << 20;

/// What collections add to their elements: a vector that grows holds its old elements beside
/// room for twice as many.
const SPARE: usize = 3;

#[derive(Deserialize)]
#[allow(dead_code)]
#[allow(clippy::large_enum_variant, reason = "it is what is tested")]
enum Large {
    Nothing,
    Tile([[u64; 32]; 4]),
}

#[track_caller]
fn stays_within<M: DeserializeOwned>(bytes: &[u8]) {
    let limits = DecodeLimits::new().memory(MEMORY);
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let decoded = codec::decode::<M>(bytes, &limits);
    let peak = ALLOCATOR.peak_usage() - before;
    drop(decoded);
    let most = SPARE * (MEMORY + bytes.len());
    assert!(peak <= most, "{}: {peak} bytes", std::any::type_name::<M>());
}

#[test]
fn decoding_allocates_no_more_than_its_limit() {
    // Of zeroes, as many elements as the limit has room for, and as many as there are bytes.
    for len in [MEMORY / 8, MEMORY / 32, MEMORY / 1100, 1 << 22] {
        let mut bytes = postcard::to_allocvec(&len).unwrap();
        bytes.resize(bytes.len() + 2 * len, 0);
        stays_within::<Vec<u64>>(&bytes);
        stays_within::<Vec<Vec<u8>>>(&bytes);
        stays_within::<Vec<Large>>(&bytes);
        stays_within::<Vec<Box<Large>>>(&bytes);
        stays_within::<Vec<Option<Box<Large>>>>(&bytes);
        stays_within::<Vec<Vec<[Large; 4]>>>(&bytes);
        stays_within::<BTreeMap<u8, Large>>(&bytes);
        stays_within::<HashSet<String>>(&bytes);
    }
}
