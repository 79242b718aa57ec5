//! The ring shown to the model checker, and the transport on real memory.

#[cfg(not(loom))]
mod link;
#[cfg(loom)]
mod models;
#[cfg(loom)]
mod pass;
