//! Worker processes, over OS pipes.
#![cfg(unix)]

mod rigs;

homing_conformance::process_suite!(pipe, rigs::Pipes);
