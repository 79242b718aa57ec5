//! OS pipes, between threads.

mod rigs;

homing_conformance::transport_suite!(pipe, rigs::Pipes);
