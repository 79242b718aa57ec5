//! Jobs for [Homing](https://crates.io/crates/homing): pools of worker threads and processes.

#![forbid(unsafe_code)]

#[allow(dead_code, unused_imports, reason = "the pool that drives the scheduler is not here yet")]
mod scheduler;

pub use scheduler::TaskState;
