//! The channel, between threads.

mod rigs;

homing_conformance::transport_suite!(channel, rigs::Channels);
