//! What differs between systems: the ends of the two OS pipes of a link.
//!
//! | | |
//! |---|---|
//! | `Writer` | the worker's end of the first: messages |
//! | `doorbell` | watches the foreground's end of the first, and reads it into a byte queue, where the inlet finds what was read |
//! | `DownWriter` | the foreground's end of the second: the way back |
//! | `watch_space` | adds to the doorbell that there is space in the second |
//! | `Orders`, `OrderReader` | the worker's end of the second: how it learns that something has come, and reads it |

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::{ATOMIC, DownWriter, OrderReader, Orders, Writer, doorbell, watch_space};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::{ATOMIC, DownWriter, OrderReader, Orders, Writer, doorbell, watch_space};
