//! Shared memory, between threads.
#![cfg(target_os = "linux")]

mod rigs;

homing_conformance::transport_suite!(shm, rigs::SharedMemory);
