//! Worker processes, over shared memory.
#![cfg(target_os = "linux")]

mod rigs;

homing_conformance::process_suite!(shm, rigs::SharedMemory);
