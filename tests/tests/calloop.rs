//! calloop: the router as an event source.

mod rigs;

use rigs::calloop::Calloop;

homing_conformance::home_suite!(channel, rigs::Channels, Calloop);
homing_conformance::home_suite!(pipe, rigs::Pipes, Calloop);
#[cfg(target_os = "linux")]
homing_conformance::home_suite!(shm, rigs::SharedMemory, Calloop);
