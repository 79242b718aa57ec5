//! Worker processes, over shared memory.
//!
//! What a hostile worker writes to a ring is no stream that the suite could write: the crate of
//! the transport has checks of its own for it.
#![cfg(target_os = "linux")]

mod rigs;

homing_conformance::process_suite!(
    shm,
    rigs::SharedMemory,
    except: [
        b18_hostile_bytes_are_cut_off,
        b18_half_a_message_is_never_delivered,
        b18_nothing_follows_an_end,
    ]
);
