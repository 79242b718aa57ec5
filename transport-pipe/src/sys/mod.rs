//! What differs between systems: both ends of an OS pipe.
//!
//! Each system gives a `Writer`, which is the worker's end, and makes the `Doorbell` that reads
//! the foreground's end into a byte queue, where the inlet finds what was read.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::{ATOMIC, Writer, doorbell};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::{ATOMIC, Writer, doorbell};
