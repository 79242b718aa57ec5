//! What differs between systems: both ends of an OS pipe.
//!
//! Each system gives a `Writer`, which is the worker's end; a `Pump`, which reads on the
//! thread that watches; and `Incoming`, where the inlet finds what the pump has read.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::{ATOMIC, Incoming, Writer, pump};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::{ATOMIC, Incoming, Writer, pump};

/// The most that one read takes.
const READ: usize = 64 * 1024;

/// What a pump hands to an inlet.
enum Piece {
    Bytes(Vec<u8>),
    /// The worker's end is gone, and all that it wrote came before. A pump that goes without
    /// saying so has failed.
    End,
}
