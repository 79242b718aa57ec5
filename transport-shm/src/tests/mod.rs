//! The ring shown to the model checker, and the transport on real memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[cfg(not(loom))]
mod link;
#[cfg(loom)]
mod models;
